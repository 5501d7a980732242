// SPDX-License-Identifier: GPL-2.0-only
#include "alloc.h"

#include <malloc.h>
#include <stdlib.h>

#include <urcu.h>

size_t bench_bytes;

/* A page of pointers, less its header, as in the kernel's kvfree_rcu_bulk_data. */
#define BATCH 500

struct batch {
	struct rcu_head rcu;
	size_t nr;
	void *p[BATCH];
};

static struct batch *open_batch;

/* kmalloc's caches: powers of two, 96 and 192, whole pages above 8K. */
static size_t cache_size(size_t size)
{
	size_t n;

	if (size > 8192)
		return (size + 4095) & ~4095UL;
	if (size > 64 && size <= 96)
		return 96;
	if (size > 128 && size <= 192)
		return 192;
	for (n = 8; n < size; n *= 2)
		;
	return n;
}

void *bench_zalloc(size_t size)
{
	size_t *p = calloc(1, sizeof(size_t) * 2 + size);

	if (!p)
		return NULL;
	*p = cache_size(size);
	__atomic_add_fetch(&bench_bytes, *p, __ATOMIC_RELAXED);
	return p + 2;
}

void bench_free(void *p)
{
	size_t *h = (size_t *)p - 2;

	if (!p)
		return;
	__atomic_sub_fetch(&bench_bytes, *h, __ATOMIC_RELAXED);
	free(h);
}

static void free_batch(struct rcu_head *rcu)
{
	struct batch *b = (struct batch *)rcu;

	while (b->nr)
		bench_free(b->p[--b->nr]);
	free(b);
}

void bench_free_rcu(void *p)
{
	if (!open_batch)
		open_batch = calloc(1, sizeof(*open_batch));
	if (!open_batch)
		abort();
	open_batch->p[open_batch->nr++] = p;
	if (open_batch->nr == BATCH) {
		call_rcu(&open_batch->rcu, free_batch);
		open_batch = NULL;
	}
}

void bench_free_barrier(void)
{
	if (open_batch) {
		call_rcu(&open_batch->rcu, free_batch);
		open_batch = NULL;
	}
	rcu_barrier();
}
