/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RATELIMIT_H
#define UNIT_LINUX_RATELIMIT_H

#include <linux/ratelimit_types.h>

static inline int __ratelimit(struct ratelimit_state *rs)
{
	if (rs->burst && rs->interval != unit_interval) {
		rs->interval = unit_interval;
		rs->allowed = rs->burst;
	}
	return rs->allowed && rs->allowed--;
}

#endif
