// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_PRE_FAULT_MEMORY maps pages as KVM's attribute has them, and what is mapped does
 * not fault.  A page that the guest has not asked for would pass unseen; so it is
 * skipped, and faults when the guest touches it.
 */
#include "prefault.h"

#include <linux/kvm_host.h>

#include "compat.h"
#include "hook.h"
#include "in_flight.h"
#include "judge.h"
#include "life.h"
#include "slots.h"
#include "vm.h"

/* Has the guest asked for what KVM would make of the page, or is it asking now? */
static bool is_wanted(struct rmpe_vm *vm, struct kvm *kvm, gfn_t gfn)
{
	const bool private = kvm_mem_is_private(kvm, gfn);
	enum rmpe_page_state asked;

	rmpe_slots_settle(vm, kvm);
	asked = rmpe_tracker_state(&vm->asked, gfn);
	if (asked == RMPE_PAGE_NONE && vm->history_state != RMPE_HISTORY_COMPLETE)
		return true;
	return rmpe_state_allows(asked, private) ||
	       rmpe_in_flight(vm, gfn, private, U64_MAX);
}

static bool skip(struct rmpe_vm *vm, struct kvm *kvm, gfn_t gfn)
{
	const struct kvm_memory_slot *slot;
	bool wanted;

	if (rmpe_effective_mode(&vm->settings) == RMPE_MODE_OFF ||
	    !READ_ONCE(kvm->arch.pre_fault_allowed))
		return false;
	slot = search_memslots(kvm_memslots(kvm), gfn, false);
	if (!rmpe_slot_has_gmem(slot))
		return false;
	mutex_lock(&vm->lock);
	wanted = is_wanted(vm, kvm, gfn);
	if (!wanted)
		rmpe_count(&vm->counters.prefaults_skipped, 1);
	mutex_unlock(&vm->lock);
	return !wanted;
}

DEFINE_STATIC_CALL_NULL(rmpe_kvm_pre_fault, kvm_arch_vcpu_pre_fault_memory);

/*
 * kvm_arch_vcpu_pre_fault_memory() of an SNP vCPU: how many bytes from the start of @range
 * are done; KVM calls until all are.  KVM_PRE_FAULT_MEMORY of @vcpu: process context,
 * vcpu->mutex and kvm->srcu (read) held.
 */
static long pre_fault(struct kvm_vcpu *vcpu, struct kvm_pre_fault_memory *range)
{
	struct rmpe_vm *vm;
	long r;

	rmpe_hook_enter();
	vm = rmpe_vm_find_or_adopt(vcpu->kvm);
	if (vm && skip(vm, vcpu->kvm, gpa_to_gfn(range->gpa)))
		r = PAGE_SIZE;
	else
		r = static_call(rmpe_kvm_pre_fault)(vcpu, range);
	rmpe_hook_leave();
	return r;
}

struct rmpe_hook rmpe_hook_pre_fault = {
	.name		= "kvm_arch_vcpu_pre_fault_memory",
	.prototype	= "s64(struct kvm_vcpu *, struct kvm_pre_fault_memory *)",
	.wrapper	= pre_fault,
	RMPE_ORIGINAL(rmpe_kvm_pre_fault),
};
