/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's allocator and its kvfree_rcu(), as far as the tracker needs them. */
#ifndef BENCH_ALLOC_H
#define BENCH_ALLOC_H

#include <stddef.h>

/* In use, each object counted with the size of its kmalloc cache. */
extern size_t bench_bytes;

void *bench_zalloc(size_t size);
void bench_free(void *p);

/* Free @p after a grace period; in batches, as the kernel does (kernel/rcu). */
void bench_free_rcu(void *p);
void bench_free_barrier(void);

#endif
