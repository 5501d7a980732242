/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RATELIMIT_TYPES_H
#define UNIT_LINUX_RATELIMIT_TYPES_H

/* The test says what is let through. */
struct ratelimit_state {
	unsigned int allowed;
};

/* A limit that no test names; the interval does not end. */
#define HZ 250
#define DEFINE_RATELIMIT_STATE(name, interval, burst) \
	struct ratelimit_state name = { .allowed = (burst) }

#endif
