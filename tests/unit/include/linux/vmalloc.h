/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_VMALLOC_H
#define UNIT_LINUX_VMALLOC_H

#include <linux/slab.h>

#define vmalloc(size)		unit_alloc(1, size, false, GFP_KERNEL)
#define vfree(p)		unit_free(p)

#endif
