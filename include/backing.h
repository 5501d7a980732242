/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a new memslot show pages that the guest knows, or new ones?
 */
#ifndef RMPE_BACKING_H
#define RMPE_BACKING_H

#include <linux/kvm_types.h>
#include <linux/types.h>

struct inode;
struct kvm_memory_slot;

#define RMPE_NR_BACKINGS 64

/**
 * struct rmpe_backing - a guest_memfd that was mapped at some gfns
 * @inode: of the guest_memfd; compared, never dereferenced
 * @ino: its number, which tells it from a later one at the same address
 * @offset: gfn minus page offset, the same for all slots that count as one
 * @first: first gfn of all these slots
 * @end: behind the last
 */
struct rmpe_backing {
	const struct inode *inode;
	unsigned long ino;
	gfn_t offset;
	gfn_t first;
	gfn_t end;
};

/**
 * struct rmpe_backings - those of a VM; a new one takes the oldest one's place
 * @entry: a free one has no inode
 * @next: the one to be replaced next
 */
struct rmpe_backings {
	struct rmpe_backing entry[RMPE_NR_BACKINGS];
	unsigned int next;
};

bool rmpe_backing_returns(struct rmpe_backings *b,
			  const struct kvm_memory_slot *slot);

#endif
