// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN, from the outside: a guest that was ended does not run again, a vCPU is met
 * before it does anything, and KVM leaves with a PSC.
 */
#include "run.h"

#include <linux/kvm_host.h>
#include <linux/module.h>

#include "action.h"
#include "compat.h"
#include "ghcb_psc.h"
#include "hook.h"
#include "life.h"
#include "vm.h"

DEFINE_STATIC_CALL_NULL(rmpe_kvm_run, kvm_arch_vcpu_ioctl_run);

/* KVM has left, with @r. */
static int after_run(struct rmpe_vm *vm, struct kvm_vcpu *vcpu, int r)
{
	if (rmpe_terminated(vm))
		return rmpe_exit_terminated(vm, vcpu);
	if (!r && rmpe_may_be_psc(vcpu))
		rmpe_psc_seen(vm, vcpu);
	return r;
}

static int run_tracked(struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	if (rmpe_terminated(vm))
		return rmpe_exit_terminated(vm, vcpu);
	/* What it does is to be followed from the start. */
	if (unlikely(!READ_ONCE(vm->vcpus[vcpu->vcpu_idx])))
		rmpe_vcpu_meet(vm, vcpu);
	/* A VM that is older than the module may have left with a PSC before. */
	if (unlikely(READ_ONCE(vm->history_state) == RMPE_HISTORY_PARTIAL) &&
	    rmpe_may_be_psc(vcpu))
		rmpe_psc_seen(vm, vcpu);
	return after_run(vm, vcpu, static_call(rmpe_kvm_run)(vcpu));
}

/* There was no memory for the VM, or the module goes. */
static noinline int run_untracked(struct kvm_vcpu *vcpu)
{
	struct rmpe_vm *vm;
	int r;

	/* Unloading must not wait for it; when it comes back nobody stops it here. */
	if (rmpe_is_going()) {
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	r = static_call(rmpe_kvm_run)(vcpu);
	/* There may have been memory since. */
	vm = rmpe_vm_find(vcpu->kvm);
	return vm ? after_run(vm, vcpu, r) : r;
}

/*
 * kvm_arch_vcpu_ioctl_run() of an SNP vCPU.  KVM_RUN of @vcpu: process context,
 * vcpu->mutex held.
 */
static int vcpu_run(struct kvm_vcpu *vcpu)
{
	struct rmpe_vm *vm;
	int r;

	rmpe_hook_enter();
	vm = rmpe_vm_find_or_adopt(vcpu->kvm);
	r = vm ? run_tracked(vm, vcpu) : run_untracked(vcpu);
	rmpe_hook_leave();
	return r;
}

struct rmpe_hook rmpe_hook_vcpu_run = {
	.name		= "kvm_arch_vcpu_ioctl_run",
	.prototype	= "s32(struct kvm_vcpu *)",
	.wrapper	= vcpu_run,
	RMPE_ORIGINAL(rmpe_kvm_run),
};
