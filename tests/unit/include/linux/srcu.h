/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SRCU_H
#define UNIT_LINUX_SRCU_H

#include <assert.h>

struct srcu_struct {
	int readers;
};

#define UNIT_SRCU_IDX	0x51

static inline int srcu_read_lock(struct srcu_struct *s)
{
	__atomic_fetch_add(&s->readers, 1, __ATOMIC_RELAXED);
	return UNIT_SRCU_IDX;
}

static inline void srcu_read_unlock(struct srcu_struct *s, int idx)
{
	int before = __atomic_fetch_sub(&s->readers, 1, __ATOMIC_RELAXED);

	assert(idx == UNIT_SRCU_IDX && before > 0);
}

static inline int srcu_read_lock_held(const struct srcu_struct *s)
{
	return __atomic_load_n(&s->readers, __ATOMIC_RELAXED) > 0;
}

#endif
