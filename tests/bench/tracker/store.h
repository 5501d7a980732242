/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is compared: two stores of "is this gfn private?", each with the loops
 * that are timed, so that both are called the same way.
 */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct store - a store
 * @name: for the tables
 * @set: make [gfn, gfn + npages) private or shared, as one request; the store
 *	takes its own lock
 * @get_random: look up @n pseudo-random gfns below @gfns; returns how many of
 *	them were private, so that nothing can be optimised away
 * @get_sequential: the same for 0, 1, 2, ...
 * @bytes: memory that the store occupies, in the sizes that the kernel's
 *	allocator has for its objects
 * @clear: forget everything
 */
struct store {
	const char *name;
	void (*set)(uint64_t gfn, uint64_t npages, bool private);
	uint64_t (*get_random)(uint64_t gfns, uint64_t n, uint64_t seed);
	uint64_t (*get_sequential)(uint64_t gfns, uint64_t n);
	size_t (*bytes)(void);
	void (*clear)(void);
};

extern const struct store tracker_store, xarray_store;
/* Look-ups only. */
extern const struct store loop_store;

/* splitmix64: cheap beside a look-up, and without a cache line of its own. */
static inline uint64_t store_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

#endif
