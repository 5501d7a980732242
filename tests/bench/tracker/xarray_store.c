// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's xarray, used as kvm_vm_set_mem_attributes() uses it
 * (virt/kvm/kvm_main.c): an entry for each private gfn; reserve all, then store
 * all, under a mutex.
 */
#include <linux/xarray.h>

#include <pthread.h>
#include <stdlib.h>

#include "store.h"
#include "xarray_port.h"

#define ATTRIBUTE_PRIVATE	(1UL << 3)

/*
 * What a node costs: sizeof(struct xa_node) on x86-64, which the kernel's
 * radix_tree_node cache hands out without rounding.
 */
#define NODE_BYTES		576

static DEFINE_XARRAY(attributes);
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

_Static_assert(XA_CHUNK_SHIFT == 6, "nodes as large as the kernel's");

__attribute__((constructor))
static void make_cache(void)
{
	radix_tree_init();
}

static void set(uint64_t gfn, uint64_t npages, bool private)
{
	void *entry = private ? xa_mk_value(ATTRIBUTE_PRIVATE) : NULL;
	unsigned long i;

	pthread_mutex_lock(&slots_lock);
	for (i = gfn; i < gfn + npages; i++)
		if (xa_reserve(&attributes, i, GFP_KERNEL))
			abort();
	for (i = gfn; i < gfn + npages; i++)
		if (xa_err(xa_store(&attributes, i, entry, GFP_KERNEL)))
			abort();
	pthread_mutex_unlock(&slots_lock);
}

/* kvm_get_memory_attributes() */
static inline bool store_get(uint64_t gfn)
{
	return xa_to_value(xa_load(&attributes, gfn)) & ATTRIBUTE_PRIVATE;
}

#include "store_loops.h"

static size_t bytes(void)
{
	rcu_barrier();
	return (size_t)nr_allocated * NODE_BYTES;
}

static void clear(void)
{
	xa_destroy(&attributes);
	rcu_barrier();
}

const struct store xarray_store = {
	.name		= "xarray",
	.set		= set,
	.get_random	= get_random,
	.get_sequential	= get_sequential,
	.bytes		= bytes,
	.clear		= clear,
};
