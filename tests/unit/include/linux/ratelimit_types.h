/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RATELIMIT_TYPES_H
#define UNIT_LINUX_RATELIMIT_TYPES_H

#include <linux/jiffies.h>

struct ratelimit_state {
	int interval;
	int burst;
	int printed;
	unsigned long begin;
	unsigned long flags;
};

/* The kernel counts what was not printed until it is asked, not when it is next. */
#define RATELIMIT_MSG_ON_RELEASE	0x1ul

#define DEFINE_RATELIMIT_STATE(name, interval_, burst_)	\
	struct ratelimit_state name = {			\
		.interval = (interval_),		\
		.burst = (burst_),			\
	}

#endif
