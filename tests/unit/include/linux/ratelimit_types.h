/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RATELIMIT_TYPES_H
#define UNIT_LINUX_RATELIMIT_TYPES_H

/* The test says what is let through. */
struct ratelimit_state {
	unsigned int allowed;
};

#endif
