// SPDX-License-Identifier: GPL-2.0-only
/*
 * What strict mode does to a guest: #VC with handlers of all kinds and with
 * none, termination, and the step from one to the other.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

#define SENTINEL	0x1122334455667788ull

static void expect_untouched(struct vm *vm, uint64_t gpa)
{
	check(*(volatile uint64_t *)vm_hva(vm, gpa) != SENTINEL, "the write landed");
}

/* As Linux does in kernel mode: a termination request of the guest's own. */
static void vc_handler_terminates(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), SENTINEL);
	op_last(vm, 0)->on_fault = ON_FAULT_TERMINATE;
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_term(vm, 0, GUEST_TERM_VC);
	expect_untouched(vm, GPA(0));
	expect_record(vm, "class=implicit_shared action=vc escalated=no");
	expect_quiet(vm);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	expect_file(vm, "state", "running");
	vm_destroy(vm);
}

/* A guest that survives a #VC and goes on is not stopped. */
static void vc_guest_goes_on(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w, r, s;

	(void)arg;
	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 77);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), SENTINEL);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	op_make_shared(vm, 0, GPA(0));
	s = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_value(vm, 0, r, 77);
	expect_ok(vm, 0, s);
	expect_record(vm, "class=implicit_shared action=vc");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* A handler that just returns: the same instruction again and again, but not for ever. */
static void vc_no_progress(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), SENTINEL);
	op_last(vm, 0)->on_fault = ON_FAULT_RETRY;
	op_last(vm, 0)->limit = 100000;
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_untouched(vm, GPA(0));
	expect_crash(vm, 0, GPA(0), CLASS_IMPLICIT_SHARED);
	expect_record(vm, "class=implicit_shared action=vc escalated=no");
	expect_record(vm, "class=implicit_shared action=terminate escalated=no_progress");
	expect_quiet(vm);
	expect_counter(vm, "vc_injected", MAX_INJECTIONS);
	/* What came between is a count. */
	expect_counter(vm, "violations/repeated", MAX_INJECTIONS - 1);
	check(debug_has(vm, "violations", "action=vc repeats=%u", MAX_INJECTIONS - 1),
	      "the record does not count what came again");
	expect_file(vm, "state", "terminated");
	vm_destroy(vm);
}

/* A handler that tries a few times and gives up is left alone. */
static void vc_some_retries(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w;

	(void)arg;
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_last(vm, 0)->on_fault = ON_FAULT_RETRY;
	op_last(vm, 0)->limit = 3;
	clean_run(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 4);
	expect_record(vm, "class=first_touch action=vc");
	expect_quiet(vm);
	expect_counter(vm, "violations/first_touch", 1);
	expect_injected(vm, 4);
	vm_destroy(vm);
}

/* The remedy comes late but comes: after a PSC the same access is in order. */
static void vc_then_psc(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w, w2;

	(void)arg;
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_make_private(vm, 0, GPA(0));
	w2 = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	clean_run(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_ok(vm, 0, w2);
	expect_record(vm, "class=first_touch action=vc");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* No handler, no IDT: a triple fault, which KVM reports as a shutdown. */
static void vc_no_handler(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w;

	(void)arg;
	op_add(vm, 0, &(struct guest_op){ .code = OP_IDT, .arg = { 0 } });
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_exits(vm, 0, KVM_EXIT_SHUTDOWN, 1);
	expect_record(vm, "class=first_touch action=vc");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The #VC's own delivery faults, so it is lost, and comes again. */
static void vc_cold_handler(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .cold = true }, "vc");
	unsigned int w;

	(void)arg;
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	clean_run(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch action=vc");
	expect_quiet(vm);
	expect_counter(vm, "violations/first_touch", 1);
	vm_destroy(vm);
}

/* A real-mode vCPU has no use for a #VC with an error code. */
static void realmode_ap(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .realmode = 1 << 1 }, "vc");
	uint64_t go = 1 | (GUEST_LOW_GPA >> 4) << 16 | (uint64_t)GUEST_RM_WRITE << 32 |
		      0x1234ull << 48;

	(void)arg;
	op_write(vm, 0, VIEW_PRIVATE, GUEST_REALMODE_GPA + GUEST_RM_CONTROL, go);
	op_count(vm, 0, 0, 1);		/* until the end */
	guard_launch(vm);
	run(vm);
	expect_crash(vm, 1, GUEST_LOW_GPA, CLASS_FIRST_TOUCH);
	expect_crash(vm, 0, GUEST_LOW_GPA, CLASS_FIRST_TOUCH);
	expect_record(vm, "vcpu=1 class=first_touch gfn=0x%lx op=write action=terminate escalated=protected_mode_off",
		      GUEST_LOW_GPA / GUEST_PAGE);
	expect_quiet(vm);
	expect_counter(vm, "vc_injected", 0);
	vm_destroy(vm);
}

/* ... and one that keeps to its pages is not bothered. */
static void realmode_ap_clean(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .realmode = 1 << 1 }, "vc");
	uint64_t go = 1 | (GUEST_LOW_GPA >> 4) << 16 | (uint64_t)GUEST_RM_READ << 32;
	unsigned int done;

	(void)arg;
	op_make_private(vm, 0, GUEST_LOW_GPA);
	op_write(vm, 0, VIEW_PRIVATE, GUEST_LOW_GPA, 0x4321);
	op_write(vm, 0, VIEW_PRIVATE, GUEST_REALMODE_GPA + GUEST_RM_CONTROL, go);
	done = op_add(vm, 0, &(struct guest_op){
			.code = OP_WAIT_WORD, .gpa = GUEST_REALMODE_GPA + GUEST_RM_DONE,
			.arg = { 1 } });
	clean_run(vm);
	expect_value(vm, 0, done, 0x43210001);
	expect_quiet(vm);
	vm_destroy(vm);
}

/*
 * Another vCPU may have changed the page between the #NPF and the look at it,
 * so nothing is done at the first: the guest must fault twice.
 */
static void two_observations(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "terminate");
	uint64_t before;
	unsigned int w;

	(void)arg;
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	run_until_meeting(vm);
	before = guard_counter(vm, "npf_judged");
	go_on(vm);
	expect_never_finished(vm, 0, w);
	expect_counter(vm, "npf_judged", before + 2);
	expect_counter(vm, "violations/first_touch", 1);
	expect_record(vm, "class=first_touch n=1 action=terminate");
	vm_destroy(vm);
}

/* A #VC now would push out the exception whose delivery touched the page. */
static void event_pending(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int op;

	(void)arg;
	op = op_add(vm, 0, &(struct guest_op){ .code = OP_FAULT_ON_STACK, .gpa = GPA(0) });
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, op);
	expect_crash(vm, 0, GPA(0), CLASS_FIRST_TOUCH);
	expect_record(vm, "class=first_touch op=write action=terminate escalated=event_pending");
	expect_quiet(vm);
	expect_counter(vm, "vc_injected", 0);
	vm_destroy(vm);
}

/*
 * Three vCPUs run without an exit when the fourth is caught: none of them may
 * run another instruction, however often the VMM calls KVM_RUN.
 */
static void terminate_all_vcpus(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 4, .keep_running = 50 },
				  "terminate");
	uint64_t count[3];
	unsigned int w;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	for (unsigned int i = 1; i < 4; i++)
		op_count(vm, i, i, 40);
	op_wait_flag(vm, 0, 1, 1000);
	op_wait_flag(vm, 0, 2, 1000);
	op_wait_flag(vm, 0, 3, 1000);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), SENTINEL);
	guard_launch(vm);
	run(vm);
	for (unsigned int i = 0; i < 3; i++)
		count[i] = vm_get_flag(vm, i + 1);
	expect_never_finished(vm, 0, w);
	for (unsigned int i = 0; i < 4; i++) {
		const struct vcpu *v = &vm->vcpu[i];

		expect_crash(vm, i, GPA(0), CLASS_IMPLICIT_SHARED);
		check(v->runs_after_end == 50, "vCPU %u: KVM_RUN was tried %u times", i,
		      v->runs_after_end);
		expect_exits(vm, i, KVM_EXIT_SYSTEM_EVENT, 51);
	}
	/* Once more for each, from a thread that is not the vCPU's. */
	for (unsigned int i = 0; i < 4; i++)
		check(vcpu_run_once(&vm->vcpu[i]) < 0, "KVM_RUN of vCPU %u went on", i);
	usleep(20000);
	for (unsigned int i = 0; i < 3; i++)
		check(vm_get_flag(vm, i + 1) == count[i], "vCPU %u still counts", i + 1);
	expect_record(vm, "vcpu=0 class=implicit_shared action=terminate");
	expect_quiet(vm);
	/* It can still be looked at: who ended it has let go of everything. */
	check(debug_has(vm, "violations", "class=implicit_shared action=terminate"),
	      "debugfs has no record of a guest that was ended");
	expect_file(vm, "state", "terminated");
	vm_destroy(vm);
}

/* vCPUs that were never started, or were out of KVM_RUN, stay out of the guest too. */
static void terminate_idle_vcpu(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2 }, "terminate");
	unsigned int w;

	(void)arg;
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_set_flag(vm, 1, 5, 1);
	guard_launch(vm);
	vm_start_vcpu(vm, 0);
	check(vm_wait(vm, PATIENCE_MS), "vCPU 0 did not stop");
	expect_never_finished(vm, 0, w);
	vm_start_vcpu(vm, 1);
	check(vm_wait(vm, PATIENCE_MS), "vCPU 1 did not stop");
	expect_crash(vm, 1, GPA(0), CLASS_FIRST_TOUCH);
	check(!vm_get_flag(vm, 5), "vCPU 1 ran");
	/* No way back by a change of mind. */
	knob_write("mode", "off");
	check(vcpu_run_once(&vm->vcpu[1]) < 0, "KVM_RUN went on with mode=off");
	expect_record(vm, "class=first_touch action=terminate");
	expect_quiet(vm);
	vm_destroy(vm);
}

static void ignore_signal(int sig)
{
	(void)sig;
}

/*
 * A VMM that wants its vCPU thread back gets it: QEMU calls KVM_RUN after the
 * crash event until it is interrupted, and would go on for ever.
 */
static void terminate_interrupted(const void *arg)
{
	/* struct kvm_signal_mask, with an empty set */
	struct {
		uint32_t len;
		uint8_t sigset[8];
	} mask = { .len = sizeof(mask.sigset) };
	struct vm *vm = strict_vm(NULL, "terminate");
	struct vcpu *v = &vm->vcpu[0];
	struct sigaction sa = { .sa_handler = ignore_signal }, old_sa;
	sigset_t set, old;
	unsigned int w;

	(void)arg;
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_crash(vm, 0, GPA(0), CLASS_FIRST_TOUCH);

	v->run->immediate_exit = 1;
	check(ioctl(v->fd, KVM_RUN, 0) < 0 && errno == EINTR, "KVM_RUN ignored immediate_exit");
	v->run->immediate_exit = 0;
	check(vcpu_run_once(v) < 0, "KVM_RUN went on after immediate_exit");

	/* Pending, and unblocked for KVM_RUN alone. */
	sigaction(SIGUSR2, &sa, &old_sa);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	check(!ioctl(v->fd, KVM_SET_SIGNAL_MASK, &mask), "KVM_SET_SIGNAL_MASK failed");
	check(vcpu_run_once(v) < 0, "KVM_RUN went on with a signal mask");
	pthread_kill(pthread_self(), SIGUSR2);
	check(ioctl(v->fd, KVM_RUN, 0) < 0 && errno == EINTR, "KVM_RUN ignored a signal");
	check(v->run->exit_reason == KVM_EXIT_INTR, "exit reason %u instead of INTR",
	      v->run->exit_reason);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sigaction(SIGUSR2, &old_sa, NULL);
	check(vcpu_run_once(v) < 0, "KVM_RUN went on after a signal");

	expect_record(vm, "class=first_touch action=terminate");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Two vCPUs are caught at the same time: one record, the same reason for both. */
static void terminate_race(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2 }, "terminate");

	(void)arg;
	for (unsigned int i = 0; i < 2; i++) {
		op_set_flag(vm, i, i, 1);
		op_wait_flag(vm, i, !i, 1);
		op_write(vm, i, VIEW_PRIVATE, GPA(i), 1);
		op_set_flag(vm, i, 2 + i, 1);
	}
	guard_launch(vm);
	run(vm);
	for (unsigned int i = 0; i < 2; i++) {
		const struct vm_exit *x = vcpu_exit(&vm->vcpu[i], KVM_EXIT_SYSTEM_EVENT, 0);

		check(x && x->type == KVM_SYSTEM_EVENT_CRASH, "vCPU %u was not ended", i);
		check(!vm_get_flag(vm, 2 + i), "vCPU %u went on", i);
	}
	expect_record(vm, "class=first_touch action=terminate");
	expect_quiet(vm);
	expect_counter(vm, "violations/enforced", 1);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "actions.vc_handler_terminates", vc_handler_terminates, NULL, 0 },
	{ "actions.vc_guest_goes_on", vc_guest_goes_on, NULL, 0 },
	{ "actions.vc_no_progress", vc_no_progress, NULL, 0 },
	{ "actions.vc_some_retries", vc_some_retries, NULL, 0 },
	{ "actions.vc_then_psc", vc_then_psc, NULL, 0 },
	{ "actions.vc_no_handler", vc_no_handler, NULL, 0 },
	{ "actions.vc_cold_handler", vc_cold_handler, NULL, 0 },
	{ "actions.realmode_ap", realmode_ap, NULL, 0 },
	{ "actions.realmode_ap_clean", realmode_ap_clean, NULL, 0 },
	{ "actions.two_observations", two_observations, NULL, 0 },
	{ "actions.event_pending", event_pending, NULL, 0 },
	{ "actions.terminate_all_vcpus", terminate_all_vcpus, NULL, 0 },
	{ "actions.terminate_idle_vcpu", terminate_idle_vcpu, NULL, 0 },
	{ "actions.terminate_interrupted", terminate_interrupted, NULL, 0 },
	{ "actions.terminate_race", terminate_race, NULL, 0 },
};

GROUP(actions_group, scenarios);
