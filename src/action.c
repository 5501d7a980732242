// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injecting #VC and ending a guest, by public fields and inline functions of
 * KVM only: newer kernels export nothing of KVM to other modules.
 */
#include "action.h"

#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "vm.h"

/*
 * PAGE_NOT_VALIDATED: the one #VC error code that means "you touched a page
 * whose state is not what you take it for".  Every guest treats it as fatal for
 * the access.  Never another one: 0x400, for example, sends a Linux guest into
 * MMIO emulation of the instruction.
 */
#define VC_PAGE_NOT_VALIDATED 0x404

/**
 * rmpe_can_inject_vc() - would a #VC with error code reach this vCPU intact?
 * @vcpu: the vCPU, which has just exited for a #NPF
 *
 * Restricted injection, the third obstacle, can't occur: KVM offers it to no
 * guest, and a guest can't turn it on for a vCPU that it creates
 * (arch/x86/kvm/svm/sev.c, sev_snp_ap_creation()).
 *
 * Context: KVM_RUN of @vcpu.
 * Return: RMPE_ESCALATED_NO if it would, else the reason why not.
 */
enum rmpe_escalation rmpe_can_inject_vc(const struct kvm_vcpu *vcpu)
{
	const struct kvm_vcpu_arch *arch = &vcpu->arch;

	/* kvm_inject_exception() would leave out the error code. */
	if (!(arch->cr0 & X86_CR0_PE))
		return RMPE_ESCALATED_PROTECTED_MODE_OFF;
	/* The event whose delivery the #NPF interrupted would be lost. */
	if (arch->exception.pending || arch->exception.injected ||
	    arch->interrupt.injected || arch->nmi_injected)
		return RMPE_ESCALATED_EVENT_PENDING;
	return RMPE_ESCALATED_NO;
}

/**
 * rmpe_inject_vc() - queue #VC with PAGE_NOT_VALIDATED
 * @vcpu: the vCPU; rmpe_can_inject_vc() said yes
 *
 * As kvm_queue_exception_e() does it.  KVM never injects a #VC again whose
 * delivery was interrupted (svm_complete_interrupts()): the caller leaves the
 * fault unresolved, so that it comes back.
 *
 * Context: KVM_RUN of @vcpu.
 */
void rmpe_inject_vc(struct kvm_vcpu *vcpu)
{
	vcpu->arch.exception = (struct kvm_queued_exception){
		.pending	= true,
		.vector		= X86_TRAP_VC,
		.has_error_code	= true,
		.error_code	= VC_PAGE_NOT_VALIDATED,
	};
	kvm_make_request(KVM_REQ_EVENT, vcpu);
}

/* Make a vCPU leave the guest if it is there, and not enter it any more. */
static void stop_vcpu(struct kvm_vcpu *vcpu)
{
	struct task_struct *task;

	/* vcpu_enter_guest() looks for it after the IPI, and returns -EIO. */
	kvm_make_request(KVM_REQ_VM_DEAD, vcpu);
	rcu_read_lock();
	task = rmpe_vcpu_task(vcpu);
	if (task)
		kick_process(task);
	rcu_read_unlock();
}

/**
 * rmpe_terminate() - end a guest for good
 * @vm: the VM
 * @vcpu: the vCPU that we are in KVM_RUN of
 * @why: what the VMM is told
 *
 * The other vCPUs leave the guest at once; one that is halted stays in KVM_RUN
 * until it is interrupted.  From here on KVM_RUN returns without running the
 * guest, whoever calls it.  kvm->vm_dead is left alone: the VMM may want to look
 * at the VM before it gives it up.
 *
 * Context: KVM_RUN of @vcpu; under @vm->lock.
 */
void rmpe_terminate(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
		    const struct rmpe_exit *why)
{
	struct kvm_vcpu *other;
	unsigned long i;

	lockdep_assert_held(&vm->lock);
	if (vm->terminated)
		return;
	vm->exit = *why;
	/* Pairs with rmpe_terminated(): a KVM_RUN that sees it sees @exit. */
	smp_store_release(&vm->terminated, true);
	atomic64_inc(&rmpe_totals.vms_terminated);
	/* A vCPU that passed the test before gets the request. */
	smp_mb();
	kvm_for_each_vcpu(i, other, vcpu->kvm)
		if (other != vcpu)
			stop_vcpu(other);
}

/* Does the VMM want its thread back?  KVM_SET_SIGNAL_MASK holds for us, too. */
static bool must_return(struct kvm_vcpu *vcpu)
{
	sigset_t old;
	bool pending;

	if (!vcpu->wants_to_run)
		return true;
	if (!vcpu->sigset_active)
		return signal_pending(current);
	sigprocmask(SIG_SETMASK, &vcpu->sigset, &old);
	pending = signal_pending(current);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pending;
}

/**
 * rmpe_exit_terminated() - KVM_RUN of a terminated guest
 * @vm: the VM
 * @vcpu: the vCPU
 *
 * KVM_SYSTEM_EVENT_CRASH is the event that QEMU turns into a guest panic
 * (accel/kvm/kvm-all.c), for which libvirt has policies (on_crash).  After it
 * QEMU calls KVM_RUN until that is interrupted, by a signal or immediate_exit,
 * and only then looks at why it wanted the thread to stop: so these come first,
 * as they do in KVM.
 *
 * Context: KVM_RUN of @vcpu.
 * Return: what KVM_RUN is to return: 0, or -EINTR.
 */
int rmpe_exit_terminated(const struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (must_return(vcpu)) {
		run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
	run->system_event.ndata = 3;
	run->system_event.data[0] = vm->exit.gpa;
	run->system_event.data[1] = vm->exit.error_code;
	run->system_event.data[2] = vm->exit.class;
	return 0;
}
