// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the XArray that the module uses: a sorted array of entries, each of which
 * has a power of two of indices.
 */
#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <assert.h>
#include <string.h>

struct unit_xa_range {
	unsigned long first;
	unsigned int order;
	void *entry;
};

static unsigned long last_of(const struct unit_xa_range *r)
{
	return r->first + (1ul << r->order) - 1;
}

/* The first that has @index or is above it. */
static const struct unit_xa_range *at_or_above(const struct xarray *xa, unsigned long index)
{
	unsigned int i;

	for (i = 0; i < xa->nr; i++)
		if (last_of(&xa->range[i]) >= index)
			return &xa->range[i];
	return NULL;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	const struct unit_xa_range *r = at_or_above(xa, index);

	return r && r->first <= index ? r->entry : NULL;
}

int xa_get_order(struct xarray *xa, unsigned long index)
{
	const struct unit_xa_range *r = at_or_above(xa, index);

	return r && r->first <= index ? r->order : 0;
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      unsigned int filter)
{
	const struct unit_xa_range *r = at_or_above(xa, *index);

	assert(filter == XA_PRESENT);
	if (*index > max || !r || r->first > max)
		return NULL;
	*index = max(*index, r->first);
	return r->entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
		    unsigned int filter)
{
	const struct unit_xa_range *r = at_or_above(xa, *index);
	unsigned long next = r && r->first <= *index ? last_of(r) : *index;

	if (next == ~0ul)
		return NULL;
	*index = next + 1;
	return xa_find(xa, index, max, filter);
}

void xa_destroy(struct xarray *xa)
{
	unit_free(xa->range);
	*xa = (struct xarray){ };
}

void unit_xa_store(struct xarray *xa, unsigned long index, unsigned int order, void *entry)
{
	const struct unit_xa_range new = { index, order, entry };
	const struct unit_xa_range *above = at_or_above(xa, index);
	unsigned int at = above ? above - xa->range : xa->nr;
	struct unit_xa_range *range;

	assert(index % (1ul << order) == 0);
	assert(!above || above->first > last_of(&new));
	range = unit_alloc(xa->nr + 1, sizeof(*range), false, GFP_KERNEL_ACCOUNT);
	assert(range);
	if (xa->nr) {
		memcpy(range, xa->range, at * sizeof(*range));
		memcpy(range + at + 1, xa->range + at, (xa->nr - at) * sizeof(*range));
	}
	range[at] = new;
	unit_free(xa->range);
	xa->range = range;
	xa->nr++;
}
