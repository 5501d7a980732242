/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the guest was when it made the last PSC of each gfn.
 *
 * All functions: process context, may sleep, under the VM's lock.
 */
#ifndef RMPE_SITE_MAP_H
#define RMPE_SITE_MAP_H

#include <linux/kvm_types.h>
#include <linux/maple_tree.h>
#include <linux/types.h>

struct mutex;
struct rmpe_site;

/* Of a kilobyte each. */
#define RMPE_MAX_SITES	4096

/**
 * struct rmpe_site_map - ranges of gfns to sites
 * @tree: the ranges; each holds its site
 * @nr: ranges in @tree
 */
struct rmpe_site_map {
	struct maple_tree tree;
	unsigned int nr;
};

void rmpe_site_map_init(struct rmpe_site_map *m, struct mutex *lock);
void rmpe_site_map_free(struct rmpe_site_map *m);
void rmpe_site_map_set(struct rmpe_site_map *m, gfn_t gfn, u64 npages,
		       struct rmpe_site *site);
struct rmpe_site *rmpe_site_map_find(struct rmpe_site_map *m, gfn_t gfn);

#endif
