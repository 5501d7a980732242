// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSC requests, from request to answer.
 *
 * A guest asks through the GHCB MSR protocol or the GHCB page; KVM decodes the
 * request and leaves KVM_RUN with KVM_EXIT_HYPERCALL, KVM_HC_MAP_GPA_RANGE, one
 * contiguous range at a time (arch/x86/kvm/svm/sev.c, snp_begin_psc()).  The
 * VMM converts the range, puts its answer into run->hypercall.ret and enters
 * again; only then KVM tells the guest.  So all we need passes through KVM_RUN,
 * already checked, and we never look at the guest's buffer, which the guest can
 * change while we look.
 *
 * The range is copied when KVM has just written it: the run page is shared with
 * the VMM.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "ghcb_psc.h"

#include <linux/kvm_host.h>
#include <linux/kvm_para.h>
#include <linux/ktime.h>

#include "action.h"
#include "compat.h"
#include "hook.h"
#include "rmpe_trace.h"
#include "vm.h"

static bool is_psc_exit(const struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return READ_ONCE(run->exit_reason) == KVM_EXIT_HYPERCALL &&
	       READ_ONCE(run->hypercall.nr) == KVM_HC_MAP_GPA_RANGE &&
	       vcpu->arch.complete_userspace_io;
}

static void psc_begin(struct rmpe_vm *vm, struct rmpe_vcpu *v,
		      const struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	u64 flags = READ_ONCE(run->hypercall.args[2]);

	lockdep_assert_held(&vm->lock);
	v->psc.gfn = gpa_to_gfn(READ_ONCE(run->hypercall.args[0]));
	v->psc.npages = READ_ONCE(run->hypercall.args[1]);
	v->psc.to_private = flags & KVM_MAP_GPA_RANGE_ENCRYPTED;
	WRITE_ONCE(v->psc.active, true);
	rmpe_count(&vm->counters.psc_requests, 1);
	trace_psc_request(vm->id, vm->pid, vcpu->vcpu_id, &v->psc, 0);
}

/*
 * A slot may be away for a moment, and what its pages are now matters when they
 * come back (backing.c).
 */
static void psc_record_absent(struct rmpe_vm *vm, const struct rmpe_psc *psc,
			      enum rmpe_page_state state)
{
	unsigned int i;

	for (i = 0; i < vm->backings.nr; i++) {
		const struct rmpe_backing *e = &vm->backings.entry[i];
		gfn_t first = max(psc->gfn, e->first);
		gfn_t last = min(psc->gfn + psc->npages, e->end);

		if (first < last)
			rmpe_vm_set_state(vm, first, last - first, state);
	}
}

/*
 * Record the part of a completed PSC that lies in guest_memfd slots: the gfns
 * are the guest's to choose, and memory for them is spent only where there is
 * a page.
 */
static void psc_record(struct rmpe_vm *vm, struct kvm *kvm,
		       const struct rmpe_psc *psc)
{
	enum rmpe_page_state state = psc->to_private ? RMPE_PAGE_PRIVATE :
						       RMPE_PAGE_SHARED;
	gfn_t start = psc->gfn, end = psc->gfn + psc->npages;
	u64 absent = psc->npages;
	struct kvm_memslot_iter iter;
	int idx;

	if (end < start)
		return;

	idx = srcu_read_lock(&kvm->srcu);
	kvm_for_each_memslot_in_gfn_range(&iter, kvm_memslots(kvm), start, end) {
		const struct kvm_memory_slot *slot = iter.slot;
		gfn_t first = max(start, slot->base_gfn);
		gfn_t last = min(end, slot->base_gfn + slot->npages);

		if (first >= last)
			continue;
		absent -= last - first;
		if (rmpe_slot_has_gmem(slot))
			rmpe_vm_set_state(vm, first, last - first, state);
	}
	srcu_read_unlock(&kvm->srcu, idx);
	if (absent)
		psc_record_absent(vm, psc, state);
}

static void psc_end(struct rmpe_vm *vm, struct rmpe_vcpu *v,
		    const struct kvm_vcpu *vcpu, u64 ret)
{
	struct rmpe_psc_event ev = {
		.when_ns	= ktime_get_ns(),
		.gfn		= v->psc.gfn,
		.npages		= v->psc.npages,
		.vcpu		= vcpu->vcpu_id,
		.to_private	= v->psc.to_private,
		.completed	= !ret,
	};

	lockdep_assert_held(&vm->lock);
	WRITE_ONCE(v->psc.active, false);
	if (ev.completed) {
		rmpe_count(&vm->counters.psc_completed, 1);
		/* A plain hypercall may name more pages than there are. */
		rmpe_count(&vm->counters.psc_pages, min(ev.npages, RMPE_MAX_GFNS));
		psc_record(vm, vcpu->kvm, &v->psc);
	} else {
		rmpe_count(&vm->counters.psc_refused, 1);
	}
	rmpe_history_add(&vm->history, &ev);
	trace_psc_complete(vm->id, vm->pid, vcpu->vcpu_id, &v->psc, ret);
}

/*
 * Can this entry be the answer to a PSC?  Port I/O and MMIO come this way too,
 * and are to pay for no lock.  Only this vCPU's KVM_RUN sets and clears its
 * psc.active, and its part lives as long as the VM.
 */
static bool may_be_answer(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu)
{
	const struct rmpe_vcpu *v;

	if (!vcpu->arch.complete_userspace_io)
		return false;
	v = READ_ONCE(vm->vcpus[vcpu->vcpu_idx]);
	if (v && READ_ONCE(v->psc.active))
		return true;
	return READ_ONCE(vm->history_state) == RMPE_HISTORY_PARTIAL &&
	       is_psc_exit(vcpu);
}

/*
 * The VMM enters again: KVM is about to tell the guest what it answered.  Like
 * after_run() out of line, so that other exits do not set up its stack.
 */
static noinline void before_run(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu)
{
	struct rmpe_vcpu *v;

	mutex_lock(&vm->lock);
	v = rmpe_vcpu_get(vm, vcpu);
	/*
	 * The vCPU left KVM_RUN before the module came: we know of its PSC only
	 * what the run page still says.
	 */
	if (vm->history_state == RMPE_HISTORY_PARTIAL && is_psc_exit(vcpu)) {
		if (!v)
			rmpe_vm_lose_history(vm);
		else if (!v->psc.active)
			psc_begin(vm, v, vcpu);
	}
	if (v && v->psc.active)
		psc_end(vm, v, vcpu, READ_ONCE(vcpu->run->hypercall.ret));
	mutex_unlock(&vm->lock);
}

static noinline void after_run(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu)
{
	struct rmpe_vcpu *v;

	mutex_lock(&vm->lock);
	v = rmpe_vcpu_get(vm, vcpu);
	if (v)
		psc_begin(vm, v, vcpu);
	else	/* its answer will pass unseen */
		rmpe_vm_lose_history(vm);
	mutex_unlock(&vm->lock);
}

/**
 * rmpe_vcpu_run() - kvm_arch_vcpu_ioctl_run() of an SNP vCPU
 * @vcpu: the vCPU
 *
 * Context: KVM_RUN of @vcpu: process context, vcpu->mutex held.
 * Return: what KVM returned, or what KVM_RUN of a terminated guest returns.
 */
int rmpe_vcpu_run(struct kvm_vcpu *vcpu)
{
	struct rmpe_vm *vm = rmpe_vm_find_or_adopt(vcpu->kvm);
	int r;

	if (vm && rmpe_terminated(vm))
		return rmpe_exit_terminated(vm, vcpu);
	if (vm && may_be_answer(vm, vcpu))
		before_run(vm, vcpu);
	r = rmpe_orig_vcpu_run(vcpu);

	/* Without memory for it then, it may have been found since. */
	if (!vm)
		vm = rmpe_vm_find(vcpu->kvm);
	if (!vm)
		return r;
	if (rmpe_terminated(vm))
		return rmpe_exit_terminated(vm, vcpu);
	if (!r && is_psc_exit(vcpu))
		after_run(vm, vcpu);
	return r;
}

/**
 * rmpe_psc_launched() - pages have been populated at launch
 * @kvm: the VM
 * @gfn: first gfn
 * @npages: length in 4K pages
 *
 * Context: SNP_LAUNCH_UPDATE: process context, kvm->slots_lock held.
 */
void rmpe_psc_launched(struct kvm *kvm, gfn_t gfn, long npages)
{
	struct rmpe_vm *vm = rmpe_vm_find_or_adopt(kvm);

	if (!vm)
		return;
	mutex_lock(&vm->lock);
	rmpe_count(&vm->counters.launch_pages, npages);
	rmpe_vm_set_state(vm, gfn, npages, RMPE_PAGE_LAUNCHED);
	mutex_unlock(&vm->lock);
}

/**
 * rmpe_psc_slot_coming() - a memslot is about to be created
 * @kvm: the VM
 * @slot: the slot; nothing can be judged or recorded by it yet
 *
 * What was asked for other pages at these gfns is void.  (A slot that goes
 * needs nothing done: its pages may come back.)
 *
 * Context: process context, kvm->slots_lock held.
 */
void rmpe_psc_slot_coming(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	struct rmpe_vm *vm = rmpe_vm_find(kvm);
	gfn_t first, end = slot->base_gfn;

	if (!vm || !rmpe_slot_has_gmem(slot))
		return;
	mutex_lock(&vm->lock);
	while (rmpe_backing_next_new(&vm->backings, slot, &first, &end))
		rmpe_vm_set_state(vm, first, end - first, RMPE_PAGE_NONE);
	if (rmpe_backing_add(&vm->backings, slot))
		rmpe_vm_lose_history(vm);
	mutex_unlock(&vm->lock);
}

/**
 * rmpe_psc_in_flight() - is a PSC of a gfn not answered yet?
 * @vm: the VM
 * @gfn: the gfn
 * @to_private: the direction
 *
 * Context: process context; under @vm->lock.
 * Return: true if there is one.
 */
bool rmpe_psc_in_flight(struct rmpe_vm *vm, gfn_t gfn, bool to_private)
{
	unsigned int i;

	lockdep_assert_held(&vm->lock);
	for (i = 0; i < vm->nr_vcpus; i++) {
		const struct rmpe_psc *psc;

		if (!vm->vcpus[i])
			continue;
		psc = &vm->vcpus[i]->psc;
		if (psc->active && psc->to_private == to_private &&
		    gfn >= psc->gfn && gfn - psc->gfn < psc->npages)
			return true;
	}
	return false;
}
