/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_REFCOUNT_H
#define UNIT_LINUX_REFCOUNT_H

#include <assert.h>
#include <stdbool.h>

typedef struct {
	int refs;
} refcount_t;

static inline void refcount_set(refcount_t *r, int n)
{
	r->refs = n;
}

/* Nobody may hold again what nobody holds. */
static inline void refcount_inc(refcount_t *r)
{
	int before = __atomic_fetch_add(&r->refs, 1, __ATOMIC_RELAXED);

	assert(before > 0);
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	int after = __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL);

	assert(after >= 0);
	return !after;
}

#endif
