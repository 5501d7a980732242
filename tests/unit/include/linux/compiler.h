/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_COMPILER_H
#define UNIT_LINUX_COMPILER_H

#include <unit/observer.h>

#define noinline	__attribute__((__noinline__))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/*
 * Relaxed atomics: what the kernel promises, and what ThreadSanitizer takes for
 * a deliberate concurrent access.
 */
#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val) do {					\
	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED);	\
	unit_stored();						\
} while (0)

#endif
