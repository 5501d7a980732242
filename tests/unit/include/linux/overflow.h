/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_OVERFLOW_H
#define UNIT_LINUX_OVERFLOW_H

#include <stddef.h>
#include <stdint.h>

/* A size that does not fit is one that no allocation can satisfy. */
static inline size_t unit_struct_size(size_t head, size_t each, size_t count)
{
	size_t size;

	if (__builtin_mul_overflow(each, count, &size) ||
	    __builtin_add_overflow(size, head, &size))
		return SIZE_MAX;
	return size;
}

#define struct_size_t(type, member, count)				\
	unit_struct_size(sizeof(type), sizeof(((type *)NULL)->member[0]), count)

#endif
