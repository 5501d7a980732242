// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMMs delete and create memslots behind the guest's back, to split one or to
 * put a device before it.  The guest_memfd keeps its pages meanwhile, and the
 * RMP keeps their state: if the same page comes back at the same gfn, what the
 * guest asked for still holds.  If another one does, it does not.
 */
#include "backing.h"

#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>

static bool same_pages(const struct rmpe_backing *a, const struct rmpe_backing *b)
{
	return a->inode == b->inode && a->ino == b->ino && a->offset == b->offset;
}

/* A table that is full forgets the range whose turn it is. */
static void insert(struct rmpe_backings *b, const struct rmpe_backing *new)
{
	int i;

	for (i = 0; i < RMPE_NR_BACKINGS; i++) {
		if (!b->entry[i].inode) {
			b->entry[i] = *new;
			return;
		}
	}
	b->entry[b->next++ % RMPE_NR_BACKINGS] = *new;
}

/* Take [first, end) out of an entry, which may leave a piece on either side. */
static void cut(struct rmpe_backings *b, struct rmpe_backing *e, gfn_t first,
		gfn_t end)
{
	struct rmpe_backing behind = *e;

	behind.first = end;
	e->end = first;
	if (e->first >= e->end)
		e->inode = NULL;
	if (behind.first < behind.end)
		insert(b, &behind);
}

/**
 * rmpe_backing_returns() - does a slot bring back pages at their old gfns?
 * @b: what the VM has had
 * @slot: a slot that has just been created, with guest_memfd
 *
 * What was mapped at these gfns before is forgotten, so that it counts as new
 * if it ever comes back.  No two entries have a gfn in common.
 *
 * Context: process context, kvm->slots_lock held; under the VM's lock.
 * Return: true if it does; false if the guest must ask for the pages anew.
 */
bool rmpe_backing_returns(struct rmpe_backings *b,
			  const struct kvm_memory_slot *slot)
{
	const struct inode *inode = file_inode(slot->gmem.file);
	struct rmpe_backing new = {
		.inode	= inode,
		.ino	= inode->i_ino,
		.offset	= slot->base_gfn - slot->gmem.pgoff,
		.first	= slot->base_gfn,
		.end	= slot->base_gfn + slot->npages,
	};
	u64 unknown = slot->npages;
	int i;

	for (i = 0; i < RMPE_NR_BACKINGS; i++) {
		struct rmpe_backing *e = &b->entry[i];
		gfn_t first = max(e->first, new.first);
		gfn_t end = min(e->end, new.end);

		if (!e->inode || first >= end)
			continue;
		if (same_pages(e, &new))
			unknown -= end - first;
		cut(b, e, first, end);
	}

	/* Pieces of one file that meet are one. */
	for (i = 0; i < RMPE_NR_BACKINGS; i++) {
		struct rmpe_backing *e = &b->entry[i];

		if (!e->inode || !same_pages(e, &new) ||
		    (e->end != new.first && e->first != new.end))
			continue;
		new.first = min(new.first, e->first);
		new.end = max(new.end, e->end);
		e->inode = NULL;
	}
	insert(b, &new);
	return !unknown;
}
