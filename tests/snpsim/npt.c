// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the nested page table that the host's KVM built for its guest.
 */
#include "npt.h"

#include "hostmem.h"

#define NPT_LEVELS	4

enum npt_result npt_walk(u64 ncr3, u64 gpa, struct npt_walk *w)
{
	u64 table = ncr3 & PAGE_ADDR;
	int level;

	w->perm = PTE_W;
	for (level = NPT_LEVELS - 1; ; level--) {
		u64 mask = BIT(PAGE_SHIFT + 9 * level) - 1;

		if (table >= hostmem_top()) {
			w->spte = NULL;
			return NPT_ABSENT;
		}
		w->level = level;
		w->spte = (u64 *)pa_to_ptr(table) + (gpa >> (PAGE_SHIFT + 9 * level) & 511);
		w->val = READ_ONCE(*w->spte);
		if (!(w->val & PTE_P))
			return NPT_ABSENT;
		if (w->val & PTE_RSVD)
			return NPT_RESERVED;
		w->perm = (w->perm & w->val & PTE_W) | ((w->perm | w->val) & PTE_NX);
		if (!level || w->val & PTE_PS) {
			w->spa = (w->val & PAGE_ADDR & ~mask) | (gpa & mask);
			return NPT_MAPPED;
		}
		table = w->val & PAGE_ADDR;
	}
}

bool npt_mark(struct npt_walk *w, bool dirty)
{
	u64 new = w->val | PTE_A | (dirty ? PTE_D : 0), old = w->val;

	if (new == old)
		return true;
	if (!__atomic_compare_exchange_n(w->spte, &old, new, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return false;
	w->val = new;
	return true;
}
