/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RATELIMIT_TYPES_H
#define UNIT_LINUX_RATELIMIT_TYPES_H

/* The test says what is let through; or, of a limit that it can't name, when it ends. */
struct ratelimit_state {
	unsigned int allowed;
	unsigned int burst;
	unsigned int interval;
};

extern unsigned int unit_interval;

#define HZ 250
#define DEFINE_RATELIMIT_STATE(name, interval_, burst_) \
	struct ratelimit_state name = { .allowed = (burst_), .burst = (burst_) }

#endif
