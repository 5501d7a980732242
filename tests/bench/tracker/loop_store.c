// SPDX-License-Identifier: GPL-2.0-only
/* No store at all: what the loops around look-ups cost by themselves. */
#include "store.h"

static inline bool store_get(uint64_t gfn)
{
	return gfn & 1;
}

#include "store_loops.h"

const struct store loop_store = {
	.name		= "loop",
	.get_random	= get_random,
	.get_sequential	= get_sequential,
};
