/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_XARRAY_H
#define UNIT_LINUX_XARRAY_H

#include <linux/slab.h>

#include <assert.h>
#include <limits.h>

struct xarray {
	int unused;
};

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
