/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random numbers that can be had again: RMPE_SEED=<n> repeats a run.
 */
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

#include <linux/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static u64 random_state;

/* SplitMix64. */
static inline u64 random_u64(void)
{
	u64 z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* In [0, n); the bias does not matter here. */
static inline u64 random_below(u64 n)
{
	return random_u64() % n;
}

/* Once, before anything else; says on stdout what to repeat. */
static inline void random_seed(void)
{
	const char *seed = getenv("RMPE_SEED");

	random_state = seed ? strtoull(seed, NULL, 0) : (u64)time(NULL);
	printf("# RMPE_SEED=%llu\n", random_state);
	fflush(stdout);
}

#endif
