/* SPDX-License-Identifier: GPL-2.0-only */
/* The time since some moment in the past, for durations. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

/* The same in seconds. */
static inline double now_s(void)
{
	return now_us() / 1e6;
}

#endif
