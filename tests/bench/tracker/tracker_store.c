// SPDX-License-Identifier: GPL-2.0-only
/* The module's tracker, used as src/ghcb_psc.c uses it. */
#include "psc_tracker.h"

#include <pthread.h>
#include <stdlib.h>

#include "alloc.h"
#include "store.h"

static struct rmpe_tracker tracker;
static pthread_mutex_t vm_lock = PTHREAD_MUTEX_INITIALIZER;

static void set(uint64_t gfn, uint64_t npages, bool private)
{
	pthread_mutex_lock(&vm_lock);
	if (rmpe_tracker_set(&tracker, gfn, npages,
			     private ? RMPE_PAGE_PRIVATE : RMPE_PAGE_SHARED))
		abort();
	pthread_mutex_unlock(&vm_lock);
}

static inline bool store_get(uint64_t gfn)
{
	return rmpe_tracker_state(&tracker, gfn) == RMPE_PAGE_PRIVATE;
}

#include "store_loops.h"

static size_t bytes(void)
{
	bench_free_barrier();
	return bench_bytes;
}

static void clear(void)
{
	rmpe_tracker_free(&tracker);
	bench_free_barrier();
}

const struct store tracker_store = {
	.name		= "tracker",
	.set		= set,
	.get_random	= get_random,
	.get_sequential	= get_sequential,
	.bytes		= bytes,
	.clear		= clear,
};
