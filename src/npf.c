// SPDX-License-Identifier: GPL-2.0-only
/*
 * A #NPF, before and after KVM resolves it.
 *
 * What the guest has asked for it has asked for memory of a guest_memfd.  So an access
 * that is in order costs a look-up of the VM and the tracker; no lock, and nothing written
 * that another CPU reads.  Whether KVM's attribute agrees, KVM looks itself, and refuses
 * if it does not.  The others go to enforce.c.
 */
#include "npf.h"

#include <linux/kvm_host.h>
#include <linux/percpu.h>

#include "action.h"
#include "compat.h"
#include "enforce.h"
#include "hook.h"
#include "judge.h"
#include "life.h"
#include "progress.h"
#include "vm.h"

static struct rmpe_fault new_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code)
{
	const gfn_t gfn = gpa_to_gfn(gpa);

	return (struct rmpe_fault){
		.vcpu		= vcpu,
		/* gfn_to_memslot() would write a cache line that all vCPUs share. */
		.slot		= search_memslots(kvm_memslots(vcpu->kvm), gfn, false),
		.gpa		= gpa,
		.gfn		= gfn,
		.error_code	= error_code,
		.private	= error_code & PFERR_GUEST_ENC_MASK,
	};
}

DEFINE_STATIC_CALL_NULL(rmpe_kvm_page_fault, kvm_mmu_page_fault);

/* KVM is asked once. */
static int resolve(const struct rmpe_fault *f)
{
	return f->refused ?: static_call(rmpe_kvm_page_fault)(f->vcpu, f->gpa, f->error_code,
							      f->insn, f->insn_len);
}

/* Is the access one that was asked for, with nothing more to be looked at? */
static __always_inline bool in_order(const struct rmpe_vm *vm, gfn_t gfn, u64 error_code)
{
	const u8 watch = rmpe_vm_watch(vm);

	if (error_code & PFERR_GUEST_VMPL_MASK ||
	    !rmpe_state_allows(rmpe_tracker_state(&vm->asked, gfn),
			       error_code & PFERR_GUEST_ENC_MASK))
		return false;
	return !watch || (watch == RMPE_WATCH_USED &&
			  rmpe_tracker_state(&vm->used, gfn) == RMPE_PAGE_NONE);
}

static bool is_memory_fault(const struct kvm_vcpu *vcpu, int r)
{
	return r == -EFAULT &&
	       READ_ONCE(vcpu->run->exit_reason) == KVM_EXIT_MEMORY_FAULT;
}

static int fault_without_gmem(struct rmpe_vm *vm, const struct rmpe_fault *f, bool off)
{
	int r = resolve(f);

	if (f->private && is_memory_fault(f->vcpu, r) && !off)
		rmpe_fault_unbacked(vm, f);
	return r;
}

/* Nothing is judged; but how the guest uses its pages is known when that changes. */
static int resolve_quietly(struct rmpe_vm *vm, const struct rmpe_fault *f)
{
	int r = resolve(f);

	if (r > 0 && !in_order(vm, f->gfn, f->error_code))
		rmpe_fault_used(vm, f);
	return r;
}

static int judge_and_resolve(struct rmpe_vm *vm, const struct rmpe_fault *f)
{
	enum rmpe_disposition disposition = rmpe_fault_judge(vm, f);
	int r;

	switch (disposition) {
	case RMPE_RETRY:
		return 1;
	case RMPE_TERMINATED:
		return rmpe_exit_terminated(vm, f->vcpu);
	case RMPE_RESOLVE:
	case RMPE_USE:
		break;
	}
	r = resolve(f);
	if (r > 0 && disposition == RMPE_USE)
		rmpe_fault_used(vm, f);
	if (r > 0 && rmpe_no_progress(vm, f->vcpu, f->gfn))
		rmpe_fault_no_progress(vm, f);
	return r;
}

/*
 * An access that was not asked for, or (@refused) one that was, and KVM does not resolve:
 * its attribute differs, or it has reasons of its own.  Out of line, as the next one is,
 * so that accesses that are in order do not set up its stack.
 */
static noinline int fault_not_in_order(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
				       gpa_t gpa, u64 error_code, void *insn,
				       int insn_len, int refused)
{
	struct rmpe_fault f = new_fault(vcpu, gpa, error_code);
	bool off;

	f.insn = insn;
	f.insn_len = insn_len;
	f.refused = refused;
	if (rmpe_terminated(vm))
		return rmpe_exit_terminated(vm, vcpu);
	off = rmpe_effective_mode(&vm->settings) == RMPE_MODE_OFF;
	if (!rmpe_slot_has_gmem(f.slot))
		return fault_without_gmem(vm, &f, off);
	if (off)
		return resolve_quietly(vm, &f);
	if (!refused)
		this_cpu_inc(*vm->npf_judged);
	return judge_and_resolve(vm, &f);
}

static noinline void stuck(struct rmpe_vm *vm, struct kvm_vcpu *vcpu, gpa_t gpa,
			   u64 error_code)
{
	struct rmpe_fault f = new_fault(vcpu, gpa, error_code);

	if (rmpe_slot_has_gmem(f.slot))
		rmpe_fault_no_progress(vm, &f);
}

static int page_fault_of(struct rmpe_vm *vm, struct kvm_vcpu *vcpu, gpa_t gpa,
			 u64 error_code, void *insn, int insn_len)
{
	int r;

	if (!vm)
		return static_call(rmpe_kvm_page_fault)(vcpu, gpa, error_code, insn, insn_len);
	if (rmpe_terminated(vm) || !in_order(vm, gpa_to_gfn(gpa), error_code))
		return fault_not_in_order(vm, vcpu, gpa, error_code, insn, insn_len, 0);
	if (rmpe_effective_mode(&vm->settings) == RMPE_MODE_OFF)
		return static_call(rmpe_kvm_page_fault)(vcpu, gpa, error_code, insn, insn_len);

	this_cpu_inc(*vm->npf_judged);
	r = static_call(rmpe_kvm_page_fault)(vcpu, gpa, error_code, insn, insn_len);
	if (r == -EFAULT)
		return fault_not_in_order(vm, vcpu, gpa, error_code, insn, insn_len, r);
	if (r > 0 && rmpe_no_progress(vm, vcpu, gpa_to_gfn(gpa)))
		stuck(vm, vcpu, gpa, error_code);
	return r;
}

/*
 * kvm_mmu_page_fault() of an SNP vCPU.  KVM_RUN of @vcpu: process context, vcpu->mutex
 * and kvm->srcu (read) held, preemptible.
 */
static int page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
		      int insn_len)
{
	int r;

	rmpe_hook_enter();
	r = page_fault_of(rmpe_vm_find_or_adopt(vcpu->kvm), vcpu, gpa, error_code, insn,
			  insn_len);
	rmpe_hook_leave();
	return r;
}

struct rmpe_hook rmpe_hook_page_fault = {
	.name		= "kvm_mmu_page_fault",
	.prototype	= "s32(struct kvm_vcpu *, u64, u64, void *, s32)",
	.wrapper	= page_fault,
	RMPE_ORIGINAL(rmpe_kvm_page_fault),
};
