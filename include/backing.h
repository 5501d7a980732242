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

/*
 * What the VMM may have mapped, one file after the other; slots that meet in one
 * file count as one.
 */
#define RMPE_MAX_BACKINGS 4096

/**
 * struct rmpe_backing - a guest_memfd that was mapped at some gfns
 * @inode: of the guest_memfd; compared, never dereferenced
 * @ino: its number, which tells it from a later one at the same address
 * @offset: gfn minus page offset, the same for all slots that count as one
 * @first: first gfn of all these slots
 * @end: after the last
 */
struct rmpe_backing {
	const struct inode *inode;
	unsigned long ino;
	gfn_t offset;
	gfn_t first;
	gfn_t end;
};

/**
 * struct rmpe_backings - those of a VM
 * @entry: in no order
 * @nr: how many
 * @room: for how many there is memory
 */
struct rmpe_backings {
	struct rmpe_backing *entry;
	unsigned int nr;
	unsigned int room;
};

struct rmpe_backing rmpe_backing_of(const struct kvm_memory_slot *slot);
bool rmpe_backing_next_new(const struct rmpe_backings *b,
			   const struct rmpe_backing *new, gfn_t *first, gfn_t *end);
int rmpe_backing_add(struct rmpe_backings *b, const struct rmpe_backing *slot);
void rmpe_backing_free(struct rmpe_backings *b);

#endif
