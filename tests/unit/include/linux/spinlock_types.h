/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SPINLOCK_TYPES_H
#define UNIT_LINUX_SPINLOCK_TYPES_H

typedef struct {
	const void *owner;
} spinlock_t;

#define DEFINE_SPINLOCK(name)	spinlock_t name

#endif
