/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RATELIMIT_H
#define UNIT_LINUX_RATELIMIT_H

#include <linux/ratelimit_types.h>

/* Nobody else asks at the same time. */
static inline int __ratelimit(struct ratelimit_state *rs)
{
	if (!rs->begin)
		rs->begin = jiffies;
	if (time_after(jiffies, rs->begin + rs->interval)) {
		rs->begin = jiffies;
		rs->printed = 0;
	}
	return rs->printed < rs->burst && ++rs->printed;
}

#endif
