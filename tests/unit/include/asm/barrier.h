/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_BARRIER_H
#define UNIT_ASM_BARRIER_H

#include <unit/observer.h>

/* A locked instruction is one, and ThreadSanitizer knows these. */
#define smp_mb()	((void)__atomic_fetch_add(&unit_fences, 1, __ATOMIC_SEQ_CST))
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)

#define smp_store_release(p, val) do {				\
	__atomic_store_n(p, (val), __ATOMIC_RELEASE);		\
	unit_stored();						\
} while (0)

#endif
