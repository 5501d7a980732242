// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN: who is let in, and what is looked at when KVM has left.
 */
#include "one_guest.h"

#include <linux/kvm_para.h>
#include <linux/module.h>

#include <unit/alloc.h>
#include <unit/mutex.h>

#include "action.h"
#include "hook.h"
#include "run.h"
#include "vm_table.h"

static void hook(void **state)
{
	assert_string_equal(rmpe_hook_vcpu_run.name, "kvm_arch_vcpu_ioctl_run");
	assert_string_equal(rmpe_hook_vcpu_run.prototype, "s32(struct kvm_vcpu *)");
	/* The first argument is a vCPU, and nothing goes without it. */
	assert_null(rmpe_hook_vcpu_run.vm_type);
	assert_null(rmpe_hook_vcpu_run.without);
}

static void terminate(void)
{
	const struct rmpe_exit why = {
		.gpa = A << PAGE_SHIFT,
		.error_code = PFERR_GUEST_ENC_MASK,
		.class = RMPE_CLASS_FIRST_TOUCH,
	};

	guest_terminate(&guest.vcpu[0], &why);
}

static void assert_crash(int r)
{
	assert_int_equal(r, 0);
	assert_int_equal(VCPU->run->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(VCPU->run->system_event.type, KVM_SYSTEM_EVENT_CRASH);
	assert_int_equal(VCPU->run->system_event.data[0], A << PAGE_SHIFT);
}

/* What KVM returns is what the VMM gets. */
static void runs(void **state)
{
	static const int answers[] = { 0, 1, -EINTR, -EFAULT };
	unsigned int i;

	VCPU->run->exit_reason = KVM_EXIT_MMIO;
	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		fake_kvm.answer = answers[i];
		assert_int_equal(guest_run(VCPU), answers[i]);
		assert_int_equal(fake_kvm.calls, i + 1);
		assert_ptr_equal(fake_kvm.vcpu, VCPU);
		assert_int_equal(VCPU->run->exit_reason, KVM_EXIT_MMIO);
	}
	assert_int_equal(guest.psc_requests, 0);
}

static void see_met(struct kvm_vcpu *vcpu)
{
	assert_non_null(guest.vm->vcpus[vcpu->vcpu_idx]);
}

/* Before it does anything, and once. */
static void vcpu_is_met(void **state)
{
	struct rmpe_vcpu *v;

	assert_null(guest.vm->vcpus[1]);
	fake_kvm.meanwhile = see_met;
	guest_run(VCPU);
	v = guest.vm->vcpus[1];
	assert_int_equal(guest.vm->nr_vcpus, 2);
	assert_null(guest.vm->vcpus[0]);
	guest_run(VCPU);
	assert_ptr_equal(guest.vm->vcpus[1], v);
	guest_run(&guest.vcpu[3]);
	assert_int_equal(guest.vm->nr_vcpus, 4);
	guest_run(&guest.vcpu[0]);
	assert_int_equal(guest.vm->nr_vcpus, 4);
}

/* Also after others; and then there is no lock in the way of a KVM_RUN. */
static void each_vcpu_is_met(void **state)
{
	int i;

	fake_kvm.meanwhile = see_met;
	for (i = 0; i < UNIT_MAX_VCPUS; i++)
		guest_run(&guest.vcpu[i]);
	assert_int_equal(guest.vm->nr_vcpus, UNIT_MAX_VCPUS);
	unit_before_lock = guest_fail_at_lock;
	for (i = 0; i < UNIT_MAX_VCPUS; i++)
		guest_run(&guest.vcpu[i]);
	unit_before_lock = NULL;
}

static void vcpu_without_memory(void **state)
{
	unit_fail_alloc(1);
	fake_kvm.answer = 1;
	assert_int_equal(guest_run(VCPU), 1);
	assert_true(unit_alloc_failed());
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(guest.vm->history_state, RMPE_HISTORY_LOST);
	/* The next time there is. */
	guest_run(VCPU);
	assert_non_null(guest.vm->vcpus[1]);
	assert_int_equal(guest.vm->history_state, RMPE_HISTORY_LOST);
}

static void terminated_before(void **state)
{
	terminate();
	fake_kvm.answer = -EIO;
	assert_crash(guest_run(VCPU));
	assert_int_equal(fake_kvm.calls, 0);
	VCPU->wants_to_run = false;
	assert_int_equal(guest_run(VCPU), -EINTR);
	assert_int_equal(VCPU->run->exit_reason, KVM_EXIT_INTR);
	assert_int_equal(fake_kvm.calls, 0);
}

static void terminate_meanwhile(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_HYPERCALL;
	vcpu->run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	vcpu->arch.complete_userspace_io = fake_complete;
	terminate();
}

/* By another vCPU; KVM leaves with an error, or with what happened just before. */
static void terminated_meanwhile(void **state)
{
	fake_kvm.meanwhile = terminate_meanwhile;
	fake_kvm.answer = -EIO;
	assert_crash(guest_run(VCPU));
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(guest.psc_requests, 0);
}

static void leave_with_psc(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_HYPERCALL;
	vcpu->run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	vcpu->run->hypercall.args[0] = A << PAGE_SHIFT;
	vcpu->run->hypercall.args[1] = 1;
	vcpu->run->hypercall.args[2] = KVM_MAP_GPA_RANGE_ENCRYPTED;
	vcpu->arch.complete_userspace_io = fake_complete;
}

static void leaves_with_psc(void **state)
{
	fake_kvm.meanwhile = leave_with_psc;
	assert_int_equal(guest_run(VCPU), 0);
	assert_int_equal(guest.psc_requests, 1);
	assert_int_equal(guest.psc.gfn, A);
	assert_true(guest.vm->vcpus[1]->psc.active);
}

/* An error, or a return into KVM: what is in the run page is of an earlier exit. */
static void leaves_with_error(void **state)
{
	fake_kvm.meanwhile = leave_with_psc;
	fake_kvm.answer = -EINTR;
	assert_int_equal(guest_run(VCPU), -EINTR);
	fake_kvm.answer = 1;
	assert_int_equal(guest_run(VCPU), 1);
	assert_int_equal(guest.psc_requests, 0);
}

static unsigned int answered;

/* The answer of a PSC that KVM had left with before the module came. */
static void take_answer(struct kvm_vcpu *vcpu)
{
	fake_kvm.meanwhile = NULL;
	vmm_answers(vcpu, 0);
	answered++;
}

static void older_vm(void **state)
{
	answered = 0;
	leave_with_psc(VCPU);
	fake_kvm.meanwhile = take_answer;
	assert_int_equal(guest_run(VCPU), 0);
	guest.vm = rmpe_vm_find(&guest.kvm);
	assert_non_null(guest.vm);
	assert_int_equal(guest.vm->history_state, RMPE_HISTORY_PARTIAL);
	assert_int_equal(answered, 1);
	assert_int_equal(guest.vm->counters.psc_completed, 1);
	assert_int_equal(guest_asked(A), RMPE_PAGE_PRIVATE);
	/* KVM's run, and its completion. */
	assert_int_equal(fake_kvm.calls, 2);
	assert_int_equal(atomic64_read(&rmpe_totals.vms), 1);
}

static void older_vm_without_psc(void **state)
{
	VCPU->run->exit_reason = KVM_EXIT_MMIO;
	VCPU->run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	VCPU->arch.complete_userspace_io = fake_complete;
	assert_int_equal(guest_run(VCPU), 0);
	guest.vm = rmpe_vm_find(&guest.kvm);
	assert_int_equal(guest.psc_requests, 0);
}

static void see_no_psc(struct kvm_vcpu *vcpu)
{
	assert_int_equal(guest.psc_requests, 0);
	vcpu->run->exit_reason = KVM_EXIT_MMIO;
}

/* Of a VM that is known from its start everything was seen when KVM left. */
static void known_vm_has_no_older_psc(void **state)
{
	leave_with_psc(VCPU);
	fake_kvm.meanwhile = see_no_psc;
	guest_run(VCPU);
	guest.vm->history_state = RMPE_HISTORY_LOST;
	leave_with_psc(VCPU);
	guest_run(VCPU);
	assert_int_equal(guest.psc_requests, 0);
}

/* Without memory for it the VM runs unguarded, and is met when there is some. */
static void untracked(void **state)
{
	fake_kvm.meanwhile = leave_with_psc;
	unit_fail_alloc(1);
	fake_kvm.answer = 0;
	assert_int_equal(guest_run(VCPU), 0);
	assert_true(unit_alloc_failed());
	assert_null(rmpe_vm_find(&guest.kvm));
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(guest.psc_requests, 0);
	fake_kvm.meanwhile = NULL;
	unit_fail_alloc(1);
	fake_kvm.answer = -EFAULT;
	assert_int_equal(guest_run(VCPU), -EFAULT);
	assert_null(rmpe_vm_find(&guest.kvm));
	fake_kvm.answer = -EINTR;
	VCPU->run->exit_reason = KVM_EXIT_MMIO;
	assert_int_equal(guest_run(VCPU), -EINTR);
	guest.vm = rmpe_vm_find(&guest.kvm);
	assert_non_null(guest.vm);
	assert_non_null(guest.vm->vcpus[1]);
}

/* While another one is in it. */
static int run_inner(struct kvm_vcpu *vcpu)
{
	int (*run)(struct kvm_vcpu *vcpu) = rmpe_hook_vcpu_run.wrapper;

	return run(vcpu);
}

/* Another vCPU is in KVM_RUN, too, and there is memory now. */
static void meet_meanwhile(struct kvm_vcpu *vcpu)
{
	fake_kvm.meanwhile = NULL;
	fake_kvm.answer = -EINTR;
	run_inner(&guest.vcpu[2]);
	fake_kvm.answer = 0;
	guest.vm = rmpe_vm_find(&guest.kvm);
	assert_non_null(guest.vm);
	leave_with_psc(vcpu);
}

static void met_meanwhile(void **state)
{
	unit_fail_alloc(1);
	fake_kvm.meanwhile = meet_meanwhile;
	assert_int_equal(run_inner(VCPU), 0);
	assert_true(unit_alloc_failed());
	assert_int_equal(guest.psc_requests, 1);
	assert_int_equal(guest.psc_vcpu, VCPU->vcpu_id);
}

static void terminate_met(struct kvm_vcpu *vcpu)
{
	meet_meanwhile(vcpu);
	terminate();
}

static void met_and_terminated_meanwhile(void **state)
{
	unit_fail_alloc(1);
	fake_kvm.meanwhile = terminate_met;
	assert_crash(run_inner(VCPU));
	assert_int_equal(guest.psc_requests, 0);
}

/* Unloading waits for nobody: the VMM calls again, and then it is KVM's own function. */
static void module_goes(void **state)
{
	unit_module.state = MODULE_STATE_GOING;
	VCPU->run->exit_reason = KVM_EXIT_MMIO;
	fake_kvm.answer = 1;
	assert_int_equal(guest_run(VCPU), -EINTR);
	assert_int_equal(VCPU->run->exit_reason, KVM_EXIT_INTR);
	assert_int_equal(fake_kvm.calls, 0);
	unit_module.state = MODULE_STATE_LIVE;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hook),
		GUEST_TEST(runs),
		GUEST_TEST(vcpu_is_met),
		GUEST_TEST(each_vcpu_is_met),
		GUEST_TEST(vcpu_without_memory),
		GUEST_TEST(terminated_before),
		GUEST_TEST(terminated_meanwhile),
		GUEST_TEST(leaves_with_psc),
		GUEST_TEST(leaves_with_error),
		OLDER_TEST(older_vm),
		OLDER_TEST(older_vm_without_psc),
		GUEST_TEST(known_vm_has_no_older_psc),
		OLDER_TEST(untracked),
		OLDER_TEST(met_meanwhile),
		OLDER_TEST(met_and_terminated_meanwhile),
		OLDER_TEST(module_goes),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
