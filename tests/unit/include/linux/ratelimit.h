/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RATELIMIT_H
#define UNIT_LINUX_RATELIMIT_H

#include <linux/ratelimit_types.h>

static inline void ratelimit_state_init(struct ratelimit_state *rs, int interval, int burst)
{
	*rs = (struct ratelimit_state){ .interval = interval, .burst = burst };
}

static inline void ratelimit_set_flags(struct ratelimit_state *rs, unsigned long flags)
{
	rs->flags = flags;
}

/* Set: told of who is asked, before he answers. */
extern void (*unit_ratelimit_asked)(struct ratelimit_state *rs);

/* Nobody else asks at the same time. */
static inline int __ratelimit(struct ratelimit_state *rs)
{
	if (unit_ratelimit_asked)
		unit_ratelimit_asked(rs);
	if (!rs->begin)
		rs->begin = jiffies;
	if (time_after(jiffies, rs->begin + rs->interval)) {
		rs->begin = jiffies;
		rs->printed = 0;
	}
	return rs->printed < rs->burst && ++rs->printed;
}

#endif
