// SPDX-License-Identifier: GPL-2.0-only
#include "rflags.h"

#include "lib.h"
#include "vmcb.h"

#define RFLAGS_FIXED	BIT(1)
#define RFLAGS_RESERVED	(BIT(3) | BIT(5) | BIT(15) | ~(BIT(22) - 1))

u64 rflags_after_exit(u64 now, u64 before)
{
	static unsigned int count;		/* for the log only, so without a lock */
	const u64 kept = RFLAGS_STATUS | RFLAGS_IF;

	if (!(now & RFLAGS_RESERVED))
		return now;
	count++;
	if (!(count & (count - 1)))
		log("TCG saved %lx as RFLAGS (%u times so far)", now, count);
	return (now & kept) | (before & ~(kept | RFLAGS_RESERVED)) | RFLAGS_FIXED;
}
