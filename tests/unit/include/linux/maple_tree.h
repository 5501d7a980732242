/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_MAPLE_TREE_H
#define UNIT_LINUX_MAPLE_TREE_H

#include <linux/mutex.h>
#include <linux/types.h>

#include <limits.h>

struct unit_range {
	unsigned long first;
	unsigned long last;
	void *entry;
};

/* A sorted array of what is not empty; it is looked at under its lock only. */
struct maple_tree {
	const struct mutex *ma_external_lock;
	struct unit_range *range;
	unsigned int nr;
	unsigned int room;
};

struct ma_state {
	struct maple_tree *tree;
	unsigned long index;
	unsigned long last;
	bool active;
	void *node;
	void *entry;
};

#define MT_FLAGS_LOCK_EXTERN	0x300u

#define MA_STATE(name, mt, first, end)	\
	struct ma_state name = {	\
		.tree	= (mt),		\
		.index	= (first),	\
		.last	= (end),	\
	}

#define mas_for_each(mas, entry, max)	\
	while (((entry) = mas_find(mas, max)))

void mt_init_flags(struct maple_tree *mt, unsigned int flags);
#define mt_set_external_lock(mt, lock)	((void)((mt)->ma_external_lock = (lock)))
void *mas_find(struct ma_state *mas, unsigned long max);
void *mas_walk(struct ma_state *mas);
int mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp);
/* Whoever has prepared a store must store, or there is a leak. */
int mas_preallocate(struct ma_state *mas, void *entry, gfp_t gfp);
void mas_store_prealloc(struct ma_state *mas, void *entry);
void __mt_destroy(struct maple_tree *mt);

#endif
