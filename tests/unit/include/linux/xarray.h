/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_XARRAY_H
#define UNIT_LINUX_XARRAY_H

#include <linux/slab.h>

#include <assert.h>
#include <limits.h>

struct unit_xa_range;

/* Sorted; the memory is the test's books'. */
struct xarray {
	struct unit_xa_range *range;
	unsigned int nr;
};

#define XA_PRESENT	8u

void *xa_load(struct xarray *xa, unsigned long index);
/* Of an entry of several indices: the first one that lies within what is looked for. */
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      unsigned int filter);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
		    unsigned int filter);
int xa_get_order(struct xarray *xa, unsigned long index);
void xa_destroy(struct xarray *xa);

#define xa_for_each_range(xa, index, entry, start, last)		\
	for ((index) = (start), (entry) = xa_find(xa, &(index), last, XA_PRESENT); \
	     (entry); (entry) = xa_find_after(xa, &(index), last, XA_PRESENT))

/* For tests: 2^@order indices, from @index on, which must be aligned and empty. */
void unit_xa_store(struct xarray *xa, unsigned long index, unsigned int order, void *entry);

/* A value of 63 bits in place of a pointer. */
static inline void *xa_mk_value(unsigned long v)
{
	assert((long)v >= 0);
	return (void *)(v << 1 | 1);
}

static inline unsigned long xa_to_value(const void *entry)
{
	assert((unsigned long)entry & 1);
	return (unsigned long)entry >> 1;
}

#endif
