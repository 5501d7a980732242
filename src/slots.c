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
#include "hook.h"
#include "vm.h"
#include "vm_table.h"

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
	while (rmpe_backing_next_new(&vm->backings, &new, &first, &end))
		rmpe_vm_set_asked(vm, first, end - first, RMPE_PAGE_NONE);
	/* Last: until all parts are void, accesses in order are to be looked at. */
	vm->coming = (struct rmpe_backing){ };
	if (rmpe_backing_add(&vm->backings, &new))
		rmpe_vm_lose_history(vm);
	rmpe_vm_update_watch(vm);
}

/*
 * KVM is about to prepare a change of memslots: a slot that was prepared before is there
 * by now, or never will be.
 */
static void changing(struct rmpe_vm *vm, struct kvm *kvm)
{
	mutex_lock(&vm->lock);
	rmpe_slots_settle(vm, kvm);
	vm->coming = (struct rmpe_backing){ };
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
}

static void prepared(struct rmpe_vm *vm, const struct kvm_memory_slot *slot)
{
	mutex_lock(&vm->lock);
	vm->coming = rmpe_backing_of(slot);
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
}

DEFINE_STATIC_CALL_NULL(rmpe_kvm_prepare_region, kvm_arch_prepare_memory_region);

/*
 * kvm_arch_prepare_memory_region() of an SNP VM: process context, may sleep,
 * kvm->slots_lock held.
 */
static int prepare_region(struct kvm *kvm, const struct kvm_memory_slot *old,
			  struct kvm_memory_slot *new, enum kvm_mr_change change)
{
	struct rmpe_vm *vm;
	int r;

	rmpe_hook_enter();
	vm = rmpe_vm_find(kvm);
	if (vm)
		changing(vm, kvm);
	r = static_call(rmpe_kvm_prepare_region)(kvm, old, new, change);
	/* KVM moves no slot with guest_memfd. */
	if (vm && !r && change == KVM_MR_CREATE && rmpe_slot_has_gmem(new))
		prepared(vm, new);
	rmpe_hook_leave();
	return r;
}

#define SLOT "struct kvm_memory_slot *"

struct rmpe_hook rmpe_hook_prepare_region = {
	.name		= "kvm_arch_prepare_memory_region",
	.prototype	= "s32(struct kvm *, " SLOT ", " SLOT ", enum kvm_mr_change)",
	.wrapper	= prepare_region,
	RMPE_ORIGINAL(rmpe_kvm_prepare_region),
	.vm_type	= rmpe_hook_type_of_kvm,
};
