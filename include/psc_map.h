/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened last to each gfn, however long ago: a map of ranges, bounded by
 * the number of ranges and not by time.
 *
 * All functions but rmpe_map_is_empty(): process context, under the VM's lock.
 */
#ifndef RMPE_PSC_MAP_H
#define RMPE_PSC_MAP_H

#include <linux/compiler.h>
#include <linux/kvm_types.h>
#include <linux/maple_tree.h>
#include <linux/types.h>

struct mutex;

/* Some 16 to 32 bytes of memory each. */
#define RMPE_MAX_RANGES	32768

/**
 * struct rmpe_map_event - what happened to a range
 * @when_ns: CLOCK_MONOTONIC; kept to a millisecond or so
 * @gfn: first gfn; when looked up, of what later events have left
 * @npages: length in 4K pages; likewise
 * @vcpu: vcpu_id of who asked
 * @ret: the VMM's answer; 255 stands for any above
 * @to_private: what was asked for
 */
struct rmpe_map_event {
	u64 when_ns;
	gfn_t gfn;
	u64 npages;
	int vcpu;
	unsigned int ret;
	bool to_private;
};

/**
 * struct rmpe_psc_map - the last event of each gfn
 * @tree: ranges of gfns to their event
 * @nr: ranges in @tree; read without the lock by rmpe_map_is_empty()
 * @lost: events were forgotten: there were too many ranges, or no memory
 */
struct rmpe_psc_map {
	struct maple_tree tree;
	unsigned int nr;
	bool lost;
};

void rmpe_map_init(struct rmpe_psc_map *m, struct mutex *lock);
void rmpe_map_free(struct rmpe_psc_map *m);
void rmpe_map_add(struct rmpe_psc_map *m, const struct rmpe_map_event *ev);
void rmpe_map_forget(struct rmpe_psc_map *m, gfn_t gfn, u64 npages);
bool rmpe_map_last(struct rmpe_psc_map *m, gfn_t gfn, struct rmpe_map_event *ev);
bool rmpe_map_next(struct rmpe_psc_map *m, gfn_t gfn, struct rmpe_map_event *ev);

/**
 * rmpe_map_is_empty() - has no gfn an event?
 * @m: the map
 *
 * Context: any.
 * Return: true if none has.
 */
static inline bool rmpe_map_is_empty(const struct rmpe_psc_map *m)
{
	return !READ_ONCE(m->nr);
}

#endif
