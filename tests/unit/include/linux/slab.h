/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SLAB_H
#define UNIT_LINUX_SLAB_H

#include <linux/types.h>

#define GFP_KERNEL		0x1u
#define GFP_KERNEL_ACCOUNT	0x3u	/* charged to the caller's cgroup */

void *unit_alloc(size_t n, size_t size, bool zero, gfp_t flags);
void unit_free(const void *p);

char *kstrdup(const char *s, gfp_t flags);

#define kzalloc(size, flags)		unit_alloc(1, size, true, flags)
#define kvzalloc(size, flags)		unit_alloc(1, size, true, flags)
#define kvcalloc(n, size, flags)	unit_alloc(n, size, true, flags)
#define kvmalloc_array(n, size, flags)	unit_alloc(n, size, false, flags)
#define kmalloc(size, flags)		unit_alloc(1, size, false, flags)
#define kvfree(p)			unit_free(p)
#define kfree(p)			unit_free(p)

/* In linux/rcupdate.h, but for who has no more than this. */
#define kfree_rcu(p, head) \
	((void)sizeof((p)->head.func), unit_free_after_readers(p))

void unit_free_after_readers(void *p);

#endif
