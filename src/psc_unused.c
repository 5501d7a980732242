// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages did the guest ask to be private, and never touched as such?  KVM brings a
 * page into the guest_memfd when it resolves the first private access, so where there is
 * none there was no access, unless the VMM has discarded it.  Of shared pages nothing of
 * the kind is known.
 */
#include "psc_unused.h"

#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "vm.h"

/* Is there a page at @index?  If not, @next is set to the next that is, or to @end. */
static bool has_page(struct file *file, pgoff_t index, pgoff_t end, pgoff_t *next)
{
	unsigned long found = index;

	if (!xa_find(&file->f_mapping->i_pages, &found, end - 1, XA_PRESENT))
		found = end;
	*next = found;
	return found == index;
}

/* The first gfns of [first, end), which @slot shows, that have no page. */
static bool gap_in_slot(const struct kvm_memory_slot *slot, gfn_t *first, gfn_t *end)
{
	struct file *file = get_file_active((struct file **)&slot->gmem.file);
	const gfn_t shift = slot->base_gfn - slot->gmem.pgoff;
	const pgoff_t last = *end - shift;
	pgoff_t gap = *first - shift, next = gap;

	if (!file)
		return false;
	while (gap < last && has_page(file, gap, last, &next))
		gap++;
	fput(file);
	*first = gap + shift;
	*end = next + shift;
	return gap < last;
}

/* How much is looked at in one go, for the sake of who waits for kvm->srcu: a GiB. */
#define CHUNK	BIT_ULL(18)

static bool gap_in_range(struct kvm *kvm, gfn_t from, gfn_t to, gfn_t *first, gfn_t *end)
{
	int idx = srcu_read_lock(&kvm->srcu);
	struct kvm_memslot_iter iter;
	bool found = false;

	kvm_for_each_memslot_in_gfn_range(&iter, kvm_memslots(kvm), from, to) {
		const struct kvm_memory_slot *slot = iter.slot;

		*first = max(from, slot->base_gfn);
		*end = min(to, slot->base_gfn + slot->npages);
		found = *first < *end && rmpe_slot_has_gmem(slot) &&
			gap_in_slot(slot, first, end);
		if (found)
			break;
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return found;
}

/**
 * rmpe_unused_next() - the next pages that were asked for and never used
 * @vm: the VM, whose KVM can't go away
 * @gfn: where to begin
 * @first: set to the first gfn
 * @end: set to the end
 *
 * Of more than a GiB only the first GiB is told at a time.
 *
 * Context: process context, may sleep; without @vm->lock, which is taken for a run of
 * equal states at a time only.
 * Return: false if there are none, or the reader is being killed.
 */
bool rmpe_unused_next(struct rmpe_vm *vm, gfn_t gfn, gfn_t *first, gfn_t *end)
{
	enum rmpe_page_state asked;
	gfn_t next;

	for (; gfn < RMPE_MAX_GFNS && !fatal_signal_pending(current); gfn = next) {
		mutex_lock(&vm->lock);
		next = rmpe_tracker_run(&vm->asked, gfn, RMPE_MAX_GFNS, &asked);
		mutex_unlock(&vm->lock);
		if (asked != RMPE_PAGE_PRIVATE)
			continue;
		next = min(next, gfn + CHUNK);
		if (gap_in_range(vm->kvm, gfn, next, first, end))
			return true;
		cond_resched();
	}
	return false;
}
