/* SPDX-License-Identifier: GPL-2.0-only */
/* The time since some moment in the past, for durations. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t time_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static inline uint64_t now_us(void)
{
	return time_us(CLOCK_MONOTONIC);
}

/* The same in seconds. */
static inline double now_s(void)
{
	return now_us() / 1e6;
}

#endif
