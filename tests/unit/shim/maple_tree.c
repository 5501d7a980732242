// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the maple tree that the module uses.  Like the kernel's it keeps
 * neighbours of equal value apart, and any store may find no memory.
 */
#include <linux/errno.h>
#include <linux/maple_tree.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include <assert.h>
#include <string.h>

#define NODE_SIZE	256
#define MIN_ROOM	16u

static void assert_held(const struct maple_tree *mt)
{
	assert(mt->ma_external_lock && mt->ma_external_lock->held);
}

void mt_init_flags(struct maple_tree *mt, unsigned int flags)
{
	assert(flags == MT_FLAGS_LOCK_EXTERN);
	*mt = (struct maple_tree){ };
}

/* How many ranges end before @index. */
static unsigned int nr_below(const struct maple_tree *mt, unsigned long index)
{
	unsigned int low = 0, high = mt->nr;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (mt->range[middle].last < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *mas_find(struct ma_state *mas, unsigned long max)
{
	const struct maple_tree *mt = mas->tree;
	const struct unit_range *found;
	unsigned int i;

	assert_held(mt);
	if (mas->active && mas->last >= max)
		return NULL;
	i = nr_below(mt, mas->active ? mas->last + 1 : mas->index);
	mas->active = true;
	if (i == mt->nr || mt->range[i].first > max) {
		/* Where the kernel's stands then is not specified. */
		mas->index = 0xbad;
		mas->last = ~0UL;
		return NULL;
	}
	found = &mt->range[i];
	mas->index = found->first;
	mas->last = found->last;
	return found->entry;
}

/* Two more at the most: a range is put in, and what it cuts becomes two. */
static int make_room(struct maple_tree *mt, gfp_t gfp)
{
	const unsigned int room = max(2 * mt->room, MIN_ROOM);
	struct unit_range *range;

	if (mt->nr + 2 <= mt->room)
		return 0;
	range = unit_alloc(room, sizeof(*range), false, gfp);
	if (!range)
		return -ENOMEM;
	if (mt->nr)
		memcpy(range, mt->range, mt->nr * sizeof(*range));
	unit_free(mt->range);
	mt->range = range;
	mt->room = room;
	return 0;
}

static void store(struct maple_tree *mt, unsigned long first, unsigned long last,
		  void *entry)
{
	unsigned int from = nr_below(mt, first), to = from, n = 0;
	struct unit_range new[3];

	while (to < mt->nr && mt->range[to].first <= last)
		to++;
	if (from < to && mt->range[from].first < first) {
		new[n] = mt->range[from];
		new[n++].last = first - 1;
	}
	if (entry)
		new[n++] = (struct unit_range){ first, last, entry };
	if (from < to && mt->range[to - 1].last > last) {
		new[n] = mt->range[to - 1];
		new[n++].first = last + 1;
	}
	memmove(mt->range + from + n, mt->range + to,
		(mt->nr - to) * sizeof(*mt->range));
	memcpy(mt->range + from, new, n * sizeof(*new));
	mt->nr += n - (to - from);
	assert(mt->nr <= mt->room);
}

int mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp)
{
	struct maple_tree *mt = mas->tree;
	void *node;

	assert_held(mt);
	assert(!mas->active && mas->index <= mas->last);
	/* The kernel's has a new node now and then, and the caller can't know when. */
	node = kmalloc(NODE_SIZE, gfp);
	if (!node || make_room(mt, gfp)) {
		kfree(node);
		return -ENOMEM;
	}
	kfree(node);
	store(mt, mas->index, mas->last, entry);
	return 0;
}

/* All that a store can need, so that it can't fail. */
int mas_preallocate(struct ma_state *mas, void *entry, gfp_t gfp)
{
	assert_held(mas->tree);
	assert(!mas->active && mas->index <= mas->last && !mas->node);
	mas->node = kmalloc(NODE_SIZE, gfp);
	if (!mas->node || make_room(mas->tree, gfp)) {
		kfree(mas->node);
		mas->node = NULL;
		return -ENOMEM;
	}
	mas->entry = entry;
	return 0;
}

void mas_store_prealloc(struct ma_state *mas, void *entry)
{
	assert_held(mas->tree);
	assert(mas->node && mas->entry == entry);
	store(mas->tree, mas->index, mas->last, entry);
	kfree(mas->node);
	mas->node = NULL;
}

void *mas_walk(struct ma_state *mas)
{
	const struct maple_tree *mt = mas->tree;
	unsigned int i = nr_below(mt, mas->index);

	assert_held(mt);
	if (i == mt->nr || mt->range[i].first > mas->index)
		return NULL;
	mas->active = true;
	mas->last = mt->range[i].last;
	mas->index = mt->range[i].first;
	return mt->range[i].entry;
}

void __mt_destroy(struct maple_tree *mt)
{
	const struct mutex *lock = mt->ma_external_lock;

	assert_held(mt);
	unit_free(mt->range);
	*mt = (struct maple_tree){ .ma_external_lock = lock };
}
