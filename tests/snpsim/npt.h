/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the nested page table that the host's KVM built for its guest.
 */
#ifndef SNPSIM_NPT_H
#define SNPSIM_NPT_H

#include "types.h"

#define PTE_P		BIT(0)
#define PTE_W		BIT(1)
#define PTE_U		BIT(2)
#define PTE_A		BIT(5)
#define PTE_D		BIT(6)
#define PTE_PS		BIT(7)
#define PTE_NX		BIT(63)
#define PTE_RSVD	0x000f000000000000ul	/* above the 48 bits of phys-bits=48 */

enum npt_result {
	NPT_MAPPED,
	NPT_ABSENT,
	NPT_RESERVED,		/* a reserved bit is set: KVM's mark for MMIO */
};

/**
 * struct npt_walk - where a walk ended
 * @spa: system physical address, if mapped
 * @spte: the entry at which the walk ended
 * @val: its value
 * @perm: PTE_W and PTE_NX, combined over all levels
 * @level: 0: 4K, 1: 2M, 2: 1G
 */
struct npt_walk {
	u64 spa;
	u64 *spte;
	u64 val;
	u64 perm;
	unsigned int level;
};

/**
 * npt_walk() - look up a guest physical address (without C-bit)
 * @ncr3: root; entries that point outside RAM count as absent
 * @gpa: the address
 * @w: the result
 *
 * The host may change the table at the same time; each entry is read once.
 */
enum npt_result npt_walk(u64 ncr3, u64 gpa, struct npt_walk *w);

/**
 * npt_mark() - set Accessed (and Dirty) in the entry that a walk found
 * @w: a successful walk; @w->val is updated
 * @dirty: the access is a write
 *
 * Return: false if the host has changed the entry since: walk again.
 */
bool npt_mark(struct npt_walk *w, bool dirty);

#endif /* SNPSIM_NPT_H */
