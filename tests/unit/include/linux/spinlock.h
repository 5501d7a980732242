/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SPINLOCK_H
#define UNIT_LINUX_SPINLOCK_H

#include <linux/rcupdate.h>
#include <linux/spinlock_types.h>

#include <assert.h>

/* Of one thread; nobody may sleep until it is given back, as in RCU. */
static inline void spin_lock(spinlock_t *lock)
{
	assert(!lock->held);
	lock->held = true;
	rcu_read_lock();
}

static inline void spin_unlock(spinlock_t *lock)
{
	assert(lock->held);
	rcu_read_unlock();
	lock->held = false;
}

#endif
