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

static bool overlaps(const struct rmpe_backing *a, const struct rmpe_backing *b)
{
	return a->first < b->end && b->first < a->end;
}

/**
 * rmpe_backing_returns() - does a slot bring back pages at their old gfns?
 * @b: what the VM has had
 * @slot: a slot that has just been created, with guest_memfd
 *
 * Whatever else was mapped at these gfns is forgotten, so that it counts as new
 * if it ever comes back.
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
	bool known = false;
	int i;

	for (i = 0; i < RMPE_NR_BACKINGS; i++) {
		struct rmpe_backing *e = &b->entry[i];

		if (e->inode == new.inode && e->ino == new.ino &&
		    e->offset == new.offset) {
			known = new.first >= e->first && new.end <= e->end;
			e->first = min(e->first, new.first);
			e->end = max(e->end, new.end);
			new = *e;
			e->inode = NULL;
		} else if (e->inode && overlaps(e, &new)) {
			e->inode = NULL;
		}
	}
	b->entry[b->next++ % RMPE_NR_BACKINGS] = new;
	return known;
}
