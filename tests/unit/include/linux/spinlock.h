/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SPINLOCK_H
#define UNIT_LINUX_SPINLOCK_H

#include <linux/spinlock_types.h>

#include <stddef.h>

/* Nobody may sleep until it is given back. */
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);

#define spin_lock_init(lock)	((void)((lock)->owner = NULL))

#endif
