// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sites of PSCs, by range.  A range that a later one cuts in two holds its site twice.
 */
#include "site_map.h"

#include <linux/gfp.h>
#include <linux/mutex.h>

#include "site.h"

/**
 * rmpe_site_map_init() - make an empty map
 * @m: the map
 * @lock: that its users hold
 */
void rmpe_site_map_init(struct rmpe_site_map *m, struct mutex *lock)
{
	mt_init_flags(&m->tree, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&m->tree, lock);
	m->nr = 0;
}

/**
 * rmpe_site_map_free() - forget everything
 * @m: the map; empty and usable afterwards
 */
void rmpe_site_map_free(struct rmpe_site_map *m)
{
	MA_STATE(mas, &m->tree, 0, 0);
	struct rmpe_site *site;

	mas_for_each(&mas, site, ULONG_MAX)
		rmpe_site_put(site);
	__mt_destroy(&m->tree);
	m->nr = 0;
}

/* [first, last] is about to be another's. */
static void release(struct rmpe_site_map *m, gfn_t first, gfn_t last)
{
	MA_STATE(mas, &m->tree, first, first);
	struct rmpe_site *site;

	mas_for_each(&mas, site, last) {
		bool before = mas.index < first, after = mas.last > last;

		if (before && after) {
			rmpe_site_get(site);
			m->nr++;
		} else if (!before && !after) {
			rmpe_site_put(site);
			m->nr--;
		}
	}
}

/**
 * rmpe_site_map_set() - this is now where the last PSC of these gfns was made
 * @m: the map
 * @gfn: first gfn
 * @npages: length in 4K pages
 * @site: the site, which the map takes; NULL: it is not known
 *
 * If that takes too many ranges, or memory that there is not, the map is emptied: it may
 * say less than happened, never something else.
 */
void rmpe_site_map_set(struct rmpe_site_map *m, gfn_t gfn, u64 npages,
		       struct rmpe_site *site)
{
	MA_STATE(mas, &m->tree, gfn, gfn + npages - 1);
	const gfn_t last = mas.last;

	if (!npages || last < gfn || (!site && !m->nr)) {
		rmpe_site_put(site);
		return;
	}
	if (m->nr >= RMPE_MAX_SITES)
		rmpe_site_map_free(m);
	if (mas_preallocate(&mas, site, GFP_KERNEL_ACCOUNT)) {
		rmpe_site_map_free(m);
		rmpe_site_put(site);
		return;
	}
	release(m, gfn, last);
	mas_store_prealloc(&mas, site);
	m->nr += !!site;
}

/**
 * rmpe_site_map_find() - where the last PSC of a gfn was made
 * @m: the map
 * @gfn: the gfn
 *
 * Return: the site, for rmpe_site_put(); NULL if it is not known.
 */
struct rmpe_site *rmpe_site_map_find(struct rmpe_site_map *m, gfn_t gfn)
{
	MA_STATE(mas, &m->tree, gfn, gfn);

	return rmpe_site_get(mas_walk(&mas));
}
