// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done to a guest, and what its VMM sees of that.
 */
#include "one_guest.h"

#include <linux/array_size.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <asm/trapnr.h>

#include <string.h>

#include <unit/observer.h>
#include <unit/rcu.h>

#include "action.h"

static const struct rmpe_exit why = {
	.gpa = 0xffffffffff000ULL,
	.error_code = PFERR_GUEST_FINAL_MASK | PFERR_GUEST_ENC_MASK | PFERR_WRITE_MASK,
	.class = RMPE_CLASS_FIRST_TOUCH,
};

static enum rmpe_escalation obstacle(void)
{
	return rmpe_can_inject_vc(VCPU);
}

static void vc_without_obstacle(void **state)
{
	assert_int_equal(obstacle(), RMPE_ESCALATED_NO);
	VCPU->arch.cr0 = X86_CR0_PE;
	assert_int_equal(obstacle(), RMPE_ESCALATED_NO);
	VCPU->arch.cr0 = ~0UL;
	assert_int_equal(obstacle(), RMPE_ESCALATED_NO);
}

static void vc_protected_mode_off(void **state)
{
	VCPU->arch.cr0 = 0;
	assert_int_equal(obstacle(), RMPE_ESCALATED_PROTECTED_MODE_OFF);
	VCPU->arch.cr0 = ~X86_CR0_PE;
	assert_int_equal(obstacle(), RMPE_ESCALATED_PROTECTED_MODE_OFF);
	/* Whatever else is in the way. */
	VCPU->arch.exception.pending = true;
	VCPU->arch.nmi_injected = true;
	assert_int_equal(obstacle(), RMPE_ESCALATED_PROTECTED_MODE_OFF);
}

/* Each kind of event whose delivery may be interrupted, alone. */
static void vc_event_pending(void **state)
{
	struct kvm_vcpu_arch *arch = &VCPU->arch;
	bool *const event[] = {
		&arch->exception.pending,
		&arch->exception.injected,
		&arch->interrupt.injected,
		&arch->nmi_injected,
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(event); i++) {
		*event[i] = true;
		assert_int_equal(obstacle(), RMPE_ESCALATED_EVENT_PENDING);
		for (j = 0; j < ARRAY_SIZE(event); j++) {
			*event[j] = true;
			assert_int_equal(obstacle(), RMPE_ESCALATED_EVENT_PENDING);
			*event[j] = i == j;
		}
		*event[i] = false;
		assert_int_equal(obstacle(), RMPE_ESCALATED_NO);
	}
}

/* What waits to be delivered is not lost, and what was is of no matter. */
static void vc_no_event(void **state)
{
	struct kvm_vcpu_arch *arch = &VCPU->arch;

	arch->nmi_pending = 2;
	arch->interrupt.nr = 0x31;
	arch->interrupt.soft = true;
	arch->exception.vector = X86_TRAP_PF;
	arch->exception.error_code = 2;
	arch->exception.has_error_code = true;
	arch->exception.has_payload = true;
	assert_int_equal(obstacle(), RMPE_ESCALATED_NO);
	/* Another vCPU's are its own. */
	guest.vcpu[0].arch.nmi_injected = true;
	guest.vcpu[2].arch.cr0 = 0;
	assert_int_equal(obstacle(), RMPE_ESCALATED_NO);
}

static void see_exception(struct kvm_vcpu *vcpu)
{
	assert_true(vcpu->arch.exception.pending);
	assert_int_equal(vcpu->arch.exception.vector, X86_TRAP_VC);
}

static void vc_injected(void **state)
{
	/* Of an earlier one something may be left. */
	VCPU->arch.exception = (struct kvm_queued_exception){
		.vector = X86_TRAP_GP,
		.payload = 0x123,
		.has_payload = true,
	};
	fake_kvm.on_request = see_exception;
	rmpe_inject_vc(VCPU);
	assert_true(VCPU->arch.exception.pending);
	assert_false(VCPU->arch.exception.injected);
	assert_int_equal(VCPU->arch.exception.vector, 29);
	assert_true(VCPU->arch.exception.has_error_code);
	assert_int_equal(VCPU->arch.exception.error_code, 0x404);
	assert_false(VCPU->arch.exception.has_payload);
	assert_int_equal(VCPU->arch.exception.payload, 0);

	assert_int_equal(fake_kvm.nr_requests, 1);
	assert_ptr_equal(fake_kvm.request[0].vcpu, VCPU);
	assert_int_equal(fake_kvm.request[0].req, KVM_REQ_EVENT);
	assert_int_equal(VCPU->arch.cr0, X86_CR0_PE | X86_CR0_PG);
}

static void assert_exit(const struct rmpe_exit *exit)
{
	assert_true(rmpe_terminated(guest.vm));
	assert_int_equal(guest.vm->exit.gpa, exit->gpa);
	assert_int_equal(guest.vm->exit.error_code, exit->error_code);
	assert_int_equal(guest.vm->exit.class, exit->class);
}

/* A vCPU that gets a request looks whether it is terminated, or is kicked until it does. */
static void see_terminated(struct kvm_vcpu *vcpu)
{
	assert_exit(&why);
	assert_int_equal(guest.task[vcpu->vcpu_idx].kicked, 0);
}

static void assert_stopped(unsigned int nr, const unsigned int *idx)
{
	unsigned int i;

	assert_int_equal(fake_kvm.nr_requests, nr);
	for (i = 0; i < nr; i++) {
		assert_ptr_equal(fake_kvm.request[i].vcpu, &guest.vcpu[idx[i]]);
		assert_int_equal(fake_kvm.request[i].req, KVM_REQ_VM_DEAD);
	}
}

/* Also vCPUs that the module has never met: it has met none here. */
static void terminate_stops_the_others(void **state)
{
	static const unsigned int others[] = { 0, 2, 3 };
	unsigned int i, fences = unit_fences;

	fake_kvm.on_request = see_terminated;
	guest_terminate(VCPU, &why);
	assert_exit(&why);
	assert_stopped(3, others);
	for (i = 0; i < UNIT_MAX_VCPUS; i++)
		assert_int_equal(guest.task[i].kicked, i != 1);
	/* In between the store and the first request. */
	assert_int_equal(fake_kvm.request[0].fences, fences + 1);
	assert_int_equal(VCPU->requests, 0);
	assert_false(guest.kvm.vm_dead);
	assert_int_equal(atomic64_read(&rmpe_totals.vms_terminated), 1);
}

static void terminate_from_first_and_last(void **state)
{
	static const unsigned int above[] = { 1, 2, 3 }, below[] = { 0, 1, 2 };

	guest_terminate(&guest.vcpu[0], &why);
	assert_stopped(3, above);
	fake_kvm.nr_requests = 0;
	guest.vm->terminated = false;
	guest_terminate(&guest.vcpu[3], &why);
	assert_stopped(3, below);
}

/* One that was created and has not run yet has no task. */
static void terminate_without_task(void **state)
{
	static const unsigned int others[] = { 0, 2, 3 };

	guest.vcpu[0].pid = NULL;
	guest.pid[2].task = NULL;
	guest_terminate(VCPU, &why);
	assert_stopped(3, others);
	assert_int_equal(guest.task[0].kicked, 0);
	assert_int_equal(guest.task[2].kicked, 0);
	assert_int_equal(guest.task[3].kicked, 1);
}

/* No more than there are, and one that is alone stops nobody. */
static void terminate_few_vcpus(void **state)
{
	static const unsigned int other[] = { 0 };

	guest.kvm.online_vcpus.counter = 2;
	guest_terminate(VCPU, &why);
	assert_stopped(1, other);
	fake_kvm.nr_requests = 0;
	guest.vm->terminated = false;
	guest.kvm.online_vcpus.counter = 1;
	guest_terminate(&guest.vcpu[0], &why);
	assert_stopped(0, NULL);
}

/* The first one is what the VMM is told. */
static void terminate_once(void **state)
{
	const struct rmpe_exit later = { .gpa = 0x1000, .class = RMPE_CLASS_VMPL };

	guest_terminate(VCPU, &why);
	fake_kvm.nr_requests = 0;
	guest_terminate(&guest.vcpu[2], &later);
	assert_exit(&why);
	assert_int_equal(fake_kvm.nr_requests, 0);
	assert_int_equal(guest.task[0].kicked, 1);
	assert_int_equal(guest.task[1].kicked, 0);
	assert_int_equal(atomic64_read(&rmpe_totals.vms_terminated), 1);
}

static unsigned int seen_terminated;

/* Who sees that it is terminated sees why. */
static void see_why(void)
{
	if (!rmpe_terminated(guest.vm))
		return;
	seen_terminated++;
	assert_exit(&why);
}

static void terminate_publishes_why(void **state)
{
	seen_terminated = 0;
	unit_observer = see_why;
	guest_terminate(VCPU, &why);
	unit_observer = NULL;
	assert_true(seen_terminated > 0);
}

static int run_terminated(void)
{
	guest.vm->exit = why;
	memset(VCPU->run, 0xee, sizeof(*VCPU->run));
	return rmpe_exit_terminated(guest.vm, VCPU);
}

static void assert_crash(int r)
{
	const struct kvm_run *run = VCPU->run;

	assert_int_equal(r, 0);
	assert_int_equal(run->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(run->system_event.type, KVM_SYSTEM_EVENT_CRASH);
	assert_int_equal(run->system_event.ndata, 3);
	assert_int_equal(run->system_event.data[0], why.gpa);
	assert_int_equal(run->system_event.data[1], why.error_code);
	assert_int_equal(run->system_event.data[2], why.class);
	assert_int_equal(run->system_event.data[3], 0xeeeeeeeeeeeeeeeeULL);
}

static void assert_interrupted(int r)
{
	assert_int_equal(r, -EINTR);
	assert_int_equal(VCPU->run->exit_reason, KVM_EXIT_INTR);
	assert_int_equal(VCPU->run->system_event.type, 0xeeeeeeee);
}

static void send(int sig)
{
	sigaddset(&unit_current->pending, sig);
}

static void block(sigset_t *set, int sig)
{
	sigaddset(set, sig);
}

static void exit_crash(void **state)
{
	assert_crash(run_terminated());
	/* As often as it is called. */
	assert_crash(run_terminated());
}

static void exit_immediate(void **state)
{
	VCPU->wants_to_run = false;
	assert_interrupted(run_terminated());
	VCPU->sigset_active = true;
	assert_interrupted(run_terminated());
	VCPU->wants_to_run = true;
	assert_crash(run_terminated());
}

static void exit_by_signal(void **state)
{
	send(SIGUSR1);
	assert_interrupted(run_terminated());
	block(&unit_current->blocked, SIGUSR1);
	assert_crash(run_terminated());
	send(SIGUSR2);
	assert_interrupted(run_terminated());
}

/* KVM_SET_SIGNAL_MASK: the mask is the vCPU's while KVM_RUN is under way, and no longer. */
static void exit_by_signal_of_mask(void **state)
{
	sigset_t before;

	block(&unit_current->blocked, SIGUSR1);
	block(&unit_current->blocked, SIGTERM);
	block(&VCPU->sigset, SIGALRM);
	VCPU->sigset_active = true;
	before = unit_current->blocked;

	assert_crash(run_terminated());
	assert_memory_equal(&unit_current->blocked, &before, sizeof(before));
	send(SIGALRM);
	assert_crash(run_terminated());
	send(SIGUSR1);
	assert_interrupted(run_terminated());
	assert_memory_equal(&unit_current->blocked, &before, sizeof(before));

	/* Without it, the task's own is all there is. */
	VCPU->sigset_active = false;
	sigdelset(&unit_current->pending, SIGALRM);
	assert_crash(run_terminated());
}

/* Signals are a task's: another vCPU's are not this one's. */
static void exit_other_task(void **state)
{
	sigaddset(&guest.task[1].pending, SIGUSR1);
	assert_crash(run_terminated());
	unit_current = &guest.task[1];
	assert_interrupted(run_terminated());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(vc_without_obstacle),
		GUEST_TEST(vc_protected_mode_off),
		GUEST_TEST(vc_event_pending),
		GUEST_TEST(vc_no_event),
		GUEST_TEST(vc_injected),
		GUEST_TEST(terminate_stops_the_others),
		GUEST_TEST(terminate_from_first_and_last),
		GUEST_TEST(terminate_without_task),
		GUEST_TEST(terminate_few_vcpus),
		GUEST_TEST(terminate_once),
		GUEST_TEST(terminate_publishes_why),
		GUEST_TEST(exit_crash),
		GUEST_TEST(exit_immediate),
		GUEST_TEST(exit_by_signal),
		GUEST_TEST(exit_by_signal_of_mask),
		GUEST_TEST(exit_other_task),
	};

	return cmocka_run_group_tests_name("action", tests, NULL, NULL);
}
