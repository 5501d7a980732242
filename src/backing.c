// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMMs delete and create memslots while the guest runs, to split one or to
 * put a device before it.  The guest_memfd keeps its pages meanwhile, and the
 * RMP keeps their state: if the same page comes back at the same gfn, what the
 * guest asked for still holds.  If another one does, it does not.
 */
#include "backing.h"

#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

/**
 * rmpe_backing_of() - what a slot shows
 * @slot: the slot, with guest_memfd, whose file is open
 *
 * Context: kvm->slots_lock held.
 * Return: its pages and where they are.
 */
struct rmpe_backing rmpe_backing_of(const struct kvm_memory_slot *slot)
{
	const struct inode *inode = file_inode(slot->gmem.file);

	return (struct rmpe_backing){
		.inode	= inode,
		.ino	= inode->i_ino,
		.offset	= slot->base_gfn - slot->gmem.pgoff,
		.first	= slot->base_gfn,
		.end	= slot->base_gfn + slot->npages,
	};
}

static bool same_pages(const struct rmpe_backing *a, const struct rmpe_backing *b)
{
	return a->inode == b->inode && a->ino == b->ino && a->offset == b->offset;
}

/* The entry that shows the pages of @slot at @gfn or, failing that, above it. */
static const struct rmpe_backing *at_or_above(const struct rmpe_backings *b,
					      const struct rmpe_backing *slot,
					      gfn_t gfn)
{
	const struct rmpe_backing *next = NULL;
	unsigned int i;

	for (i = 0; i < b->nr; i++) {
		const struct rmpe_backing *e = &b->entry[i];

		if (same_pages(e, slot) && gfn < e->end &&
		    (!next || e->first < next->first))
			next = e;
	}
	return next;
}

/**
 * rmpe_backing_next_new() - which part of a slot shows other pages than before?
 * @b: what the VM has had
 * @new: what a slot shows, not yet added
 * @first: the first gfn of the next such part
 * @end: where to begin to look, the slot's first gfn at first; then the end of the
 *	part
 *
 * Context: under the VM's lock.
 * Return: true if there is one; the guest must ask for its pages anew.
 */
bool rmpe_backing_next_new(const struct rmpe_backings *b,
			   const struct rmpe_backing *new, gfn_t *first, gfn_t *end)
{
	const struct rmpe_backing *known;

	*first = *end;
	known = at_or_above(b, new, *first);
	while (known && known->first <= *first) {
		*first = known->end;
		known = at_or_above(b, new, *first);
	}
	if (*first >= new->end)
		return false;
	*end = known ? min(known->first, new->end) : new->end;
	return true;
}

/* One slot adds an entry, and another one if it cuts an older one in two. */
static int make_room(struct rmpe_backings *b)
{
	unsigned int room = b->room ? 2 * b->room : 16;
	struct rmpe_backing *entry;

	if (b->nr + 2 <= b->room)
		return 0;
	if (room > RMPE_MAX_BACKINGS)
		return -ENOSPC;
	entry = kvcalloc(room, sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	if (b->nr)
		memcpy(entry, b->entry, b->nr * sizeof(*entry));
	kvfree(b->entry);
	b->entry = entry;
	b->room = room;
	return 0;
}

/**
 * rmpe_backing_add() - a slot shows its pages
 * @b: what the VM has had; no two entries have a gfn in common
 * @slot: what it shows
 *
 * What was mapped at these gfns before is forgotten, so that it counts as new
 * if it ever comes back.
 *
 * Context: process context, may sleep; under the VM's lock.
 * Return: 0; -ENOMEM or, with RMPE_MAX_BACKINGS, -ENOSPC: nothing has changed.
 */
int rmpe_backing_add(struct rmpe_backings *b, const struct rmpe_backing *slot)
{
	struct rmpe_backing new = *slot;
	gfn_t first = new.first, end = new.end;
	unsigned int i;
	int r;

	r = make_room(b);
	if (r)
		return r;
	for (i = b->nr; i-- > 0;) {
		struct rmpe_backing old = b->entry[i], above = old;

		/* Pieces of one file that meet are one. */
		if (same_pages(&old, &new) && old.first <= end && old.end >= first) {
			new.first = min(new.first, old.first);
			new.end = max(new.end, old.end);
			b->entry[i] = b->entry[--b->nr];
			continue;
		}
		if (old.first >= end || old.end <= first)
			continue;
		/* It may be left with a piece on either side. */
		b->entry[i] = b->entry[--b->nr];
		old.end = first;
		above.first = end;
		if (old.first < old.end)
			b->entry[b->nr++] = old;
		if (above.first < above.end)
			b->entry[b->nr++] = above;
	}
	b->entry[b->nr++] = new;
	return 0;
}

/**
 * rmpe_backing_free() - forget everything
 * @b: what the VM has had
 */
void rmpe_backing_free(struct rmpe_backings *b)
{
	kvfree(b->entry);
	*b = (struct rmpe_backings){ };
}
