// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots that come.  KVM prepares a slot, may fail after that
 * (virt/kvm/kvm_main.c, kvm_set_memslot()), and shows it to vCPUs before it tells the
 * architecture; so what was prepared is taken down as such, and becomes true when the
 * slot is seen, which is before anything else is judged or recorded of its gfns.  A
 * slot that goes needs nothing done: its pages may come back.
 */
#include "slots.h"

#include <linux/kvm_host.h>

#include "backing.h"
#include "compat.h"
#include "vm.h"

static bool is_there(struct kvm *kvm, const struct rmpe_backing *coming)
{
	const struct kvm_memory_slot *slot =
		search_memslots(kvm_memslots(kvm), coming->first, false);

	return rmpe_slot_has_gmem(slot) && slot->base_gfn == coming->first &&
	       slot->base_gfn + slot->npages == coming->end;
}

/**
 * rmpe_slots_settle() - is the slot there that KVM has prepared?
 * @vm: the VM
 * @kvm: its KVM
 *
 * If so, what was asked for other pages at its gfns is void.
 *
 * Context: process context, may sleep; kvm->srcu (read) or kvm->slots_lock held;
 * under @vm->lock.
 */
void rmpe_slots_settle(struct rmpe_vm *vm, struct kvm *kvm)
{
	const struct rmpe_backing new = vm->coming;
	gfn_t first, end = new.first;

	lockdep_assert_held(&vm->lock);
	if (!new.end || !is_there(kvm, &new))
		return;
	vm->coming = (struct rmpe_backing){ };
	while (rmpe_backing_next_new(&vm->backings, &new, &first, &end))
		rmpe_vm_set_asked(vm, first, end - first, RMPE_PAGE_NONE);
	if (rmpe_backing_add(&vm->backings, &new))
		rmpe_vm_lose_history(vm);
	rmpe_vm_update_watch(vm);
}

/**
 * rmpe_slots_changing() - KVM is about to prepare a change of memslots
 * @kvm: the VM
 *
 * A slot that was prepared before is there by now, or never will be.
 *
 * Context: process context, may sleep; kvm->slots_lock held.
 */
void rmpe_slots_changing(struct kvm *kvm)
{
	struct rmpe_vm *vm = rmpe_vm_find(kvm);

	if (!vm)
		return;
	mutex_lock(&vm->lock);
	rmpe_slots_settle(vm, kvm);
	vm->coming = (struct rmpe_backing){ };
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
}

/**
 * rmpe_slots_prepared() - KVM has prepared a memslot, and may create it now
 * @kvm: the VM
 * @slot: the slot
 *
 * Context: process context, may sleep; kvm->slots_lock held.
 */
void rmpe_slots_prepared(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	struct rmpe_vm *vm = rmpe_vm_find(kvm);

	if (!vm || !rmpe_slot_has_gmem(slot))
		return;
	mutex_lock(&vm->lock);
	vm->coming = rmpe_backing_of(slot);
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
}
