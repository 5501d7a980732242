// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last event of each gfn.  An event is the 63 bits that a maple tree can hold in
 * place of a pointer, so nothing is allocated but the tree.
 */
#include "psc_map.h"

#include <linux/bitfield.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#define EV_PRIVATE	BIT_ULL(0)
#define EV_VCPU		GENMASK_ULL(14, 1)
#define EV_RET		GENMASK_ULL(22, 15)
#define EV_WHEN		GENMASK_ULL(62, 23)	/* units of 2^20 ns, for 36 years */
#define MAX_RET		255u
#define WHEN_SHIFT	20

static void *pack(const struct rmpe_map_event *ev)
{
	return xa_mk_value(FIELD_PREP(EV_WHEN, ev->when_ns >> WHEN_SHIFT) |
			   FIELD_PREP(EV_RET, min(ev->ret, MAX_RET)) |
			   FIELD_PREP(EV_VCPU, ev->vcpu) |
			   (ev->to_private ? EV_PRIVATE : 0));
}

static void unpack(const void *entry, gfn_t first, gfn_t last,
		   struct rmpe_map_event *ev)
{
	u64 v = xa_to_value(entry);

	*ev = (struct rmpe_map_event){
		.when_ns	= FIELD_GET(EV_WHEN, v) << WHEN_SHIFT,
		.gfn		= first,
		.npages		= last - first + 1,
		.vcpu		= FIELD_GET(EV_VCPU, v),
		.ret		= FIELD_GET(EV_RET, v),
		.to_private	= v & EV_PRIVATE,
	};
}

/**
 * rmpe_map_init() - make an empty map
 * @m: the map
 * @lock: that its users hold
 */
void rmpe_map_init(struct rmpe_psc_map *m, struct mutex *lock)
{
	mt_init_flags(&m->tree, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&m->tree, lock);
	m->nr = 0;
	m->lost = false;
}

/**
 * rmpe_map_free() - forget everything
 * @m: the map; empty and usable afterwards
 */
void rmpe_map_free(struct rmpe_psc_map *m)
{
	__mt_destroy(&m->tree);
	WRITE_ONCE(m->nr, 0);
}

/* By how many ranges emptying [first, last] makes fewer; it may cut one in two. */
static int nr_cleared(struct rmpe_psc_map *m, gfn_t first, gfn_t last)
{
	MA_STATE(mas, &m->tree, first, first);
	int n = 0;
	void *entry;

	mas_for_each(&mas, entry, last)
		n += 1 - (mas.index < first) - (mas.last > last);
	return n;
}

static void store(struct rmpe_psc_map *m, gfn_t first, gfn_t last, void *entry)
{
	MA_STATE(mas, &m->tree, first, last);
	int nr = m->nr - nr_cleared(m, first, last) + (entry ? 1 : 0);

	/* What is there would be told as the last event, and is not. */
	if (nr > RMPE_MAX_RANGES || mas_store_gfp(&mas, entry, GFP_KERNEL_ACCOUNT)) {
		rmpe_map_free(m);
		m->lost = true;
		return;
	}
	WRITE_ONCE(m->nr, nr);
}

/**
 * rmpe_map_add() - this is now the last event of its gfns
 * @m: the map
 * @ev: the event; without pages it means nothing
 *
 * If that takes too many ranges, or memory that there is not, the map is emptied:
 * it may say less than happened, never something else.
 */
void rmpe_map_add(struct rmpe_psc_map *m, const struct rmpe_map_event *ev)
{
	if (ev->npages && ev->gfn + ev->npages - 1 >= ev->gfn)
		store(m, ev->gfn, ev->gfn + ev->npages - 1, pack(ev));
}

/**
 * rmpe_map_forget() - these gfns have no event any more
 * @m: the map
 * @gfn: first gfn
 * @npages: length in 4K pages
 */
void rmpe_map_forget(struct rmpe_psc_map *m, gfn_t gfn, u64 npages)
{
	if (m->nr && npages && gfn + npages - 1 >= gfn)
		store(m, gfn, gfn + npages - 1, NULL);
}

/**
 * rmpe_map_next() - the first range from a gfn on that has an event
 * @m: the map
 * @gfn: where to begin
 * @ev: set to the event
 *
 * Return: false if there is none.
 */
bool rmpe_map_next(struct rmpe_psc_map *m, gfn_t gfn, struct rmpe_map_event *ev)
{
	MA_STATE(mas, &m->tree, gfn, gfn);
	void *entry = mas_find(&mas, ULONG_MAX);

	if (entry)
		unpack(entry, mas.index, mas.last, ev);
	return entry;
}

/**
 * rmpe_map_last() - the last event of a gfn
 * @m: the map
 * @gfn: the gfn
 * @ev: set to the event, and the part of its range around @gfn that it is still
 *	the last of
 *
 * Return: false if there is none.
 */
bool rmpe_map_last(struct rmpe_psc_map *m, gfn_t gfn, struct rmpe_map_event *ev)
{
	return rmpe_map_next(m, gfn, ev) && ev->gfn <= gfn;
}
