// SPDX-License-Identifier: GPL-2.0-only
/* Hostile VMMs: what they cost the host has a bound, and no guest is blamed for it. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/kvm_para.h>
#include "fire.h"

/* --- answers that are none --- */

static uint64_t nonsense(struct vcpu *v, const struct psc *psc)
{
	uint64_t answer = (uint64_t)fire_random(1 << 30) << 34 | fire_random(1 << 30);

	return fire_random(2) ? vm_psc(v, psc) : answer;
}

static void nonsense_answers(const void *arg)
{
	unsigned int n = (uintptr_t)arg;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = nonsense });
	uint64_t refused;

	/* Its own start must succeed. */
	vm->cfg.on_psc = NULL;
	op_wait_flag(vm, 0, 1, 1);
	fire_add_conversions(vm, 0, GPA(0), n);
	guard_launch(vm);
	fire_cost_begin();
	vm_start(vm);
	while (guard_counter(vm, "psc_completed") < GUEST_BOOT_PSCS(0))
		usleep(1000);
	vm->cfg.on_psc = nonsense;
	vm_set_flag(vm, 1, 1);
	check(vm_wait(vm, 200000), "the guest did not end");
	fire_cost_end(1, FIRE_VM_KIB);
	refused = guard_counter(vm, "psc_refused");
	check(refused && guard_counter(vm, "psc_completed") > GUEST_BOOT_PSCS(0),
	      "no two kinds of answers");
	check(guard_counter(vm, "psc_requests") == guard_counter(vm, "psc_completed") + refused,
	      "requests and answers do not add up");
	expect_file(vm, "state", "running");
	diag("%u PSCs, %lu of them answered by nonsense", 2 * n, refused);
	vm_destroy(vm);
}

/* --- no answer at all: KVM_RUN again, with what was there --- */

#define ANSWER_EVERY	4	/* the one VMM answers, and the next ones are the same */

static uint64_t mostly_unwritten(struct vcpu *v, const struct psc *psc)
{
	unsigned int n = (psc->gpa - GPA(0)) / GUEST_PAGE;

	if (psc->gpa < GPA(0))
		return vm_psc(v, psc);
	if (n % ANSWER_EVERY)
		return v->run->hypercall.ret;
	return n / ANSWER_EVERY % 2 ? vm_psc(v, psc) : EINVAL;
}

/*
 * What stands in the run page is the answer, whoever wrote it and when: what the
 * guest is told is what the module takes down.  That the VMM has not done what it
 * said is not held against the guest.
 */
static void unwritten_answers(const void *arg)
{
	unsigned int n = (uintptr_t)arg, done = n / ANSWER_EVERY / 2, accepted = 0, use;
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = mostly_unwritten }, "terminate");

	for (unsigned int i = 0; i < n; i++)
		op_psc(vm, 0, GPA(i), PSC_SHARED);
	op_set_flag(vm, 0, 1, 1);
	op_wait_flag(vm, 0, 2, 1);
	use = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_each_page(vm, 0, n);
	guard_launch(vm);
	fire_cost_begin();
	vm_start(vm);
	check(vm_wait_flag(vm, 1, 1, PATIENCE_MS), "the PSCs have no end");
	for (unsigned int i = 0; i < n; i++) {
		bool yes = vm_result(vm, 0, i)->code == PSC_RESP_OK;

		accepted += yes;
		expect_page_state(vm, GPA(i), yes ? "shared" : "none");
	}
	check(accepted > done && accepted < n, "%u of %u PSCs were answered with yes", accepted, n);
	expect_pscs(vm, accepted, n - accepted, accepted);
	vm_set_flag(vm, 2, 1);
	check(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	expect_halted(vm, 0);
	expect_ok(vm, 0, use);
	expect_counter(vm, "violations/enforced", 0);
	expect_counter(vm, "violations/host", accepted - done);
	expect_counter(vm, "violations/initial_shared", n - accepted);
	fire_cost_end(1, FIRE_VM_KIB);
	diag("%u PSCs, %u answered in fact; the guest was told yes to %u", n, n / ANSWER_EVERY,
	     accepted);
	vm_destroy(vm);
}

/* --- a VMM that neither answers nor comes back --- */

enum { ASKER, TOUCHER, VIOLATOR, STUCK_VCPUS };

static volatile bool asked;
static volatile unsigned int touched;

static uint64_t never_answer(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa != GPA(0))
		return vm_psc(v, psc);
	asked = true;
	for (;;)
		pause();
}

/* Nor does it help the one who touches the first page meanwhile. */
static int never_convert(struct vcpu *v, uint64_t gpa, uint64_t size, bool to_private)
{
	if (gpa != GPA(0))
		return vm_convert(v->vm, gpa, size, to_private);
	touched++;
	usleep(1000);
	return 0;
}

static bool wait_for(struct vm *vm, const char *counter, uint64_t least)
{
	double end = now_s() + PATIENCE_MS / 1000;

	while (guard_counter(vm, counter) < least && now_s() < end)
		usleep(1000);
	return check(guard_counter(vm, counter) >= least, "%s is %lu, less than %lu", counter,
		     guard_counter(vm, counter), least);
}

/* The first page's faults go on for ever; the others' come to an end with the VMM's help. */
static struct vm *stuck_vm(void)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = STUCK_VCPUS,
						       .on_psc = never_answer,
						       .on_memory_fault = never_convert }, "vc");
	uint64_t entry[FIRE_PAGES];

	/* Neighbours, which KVM makes one request of. */
	for (unsigned int i = 0; i < FIRE_PAGES; i++)
		entry[i] = PSC_ENTRY(GPA(i), PSC_SHARED, 0, 0);
	op_psc_nae(vm, ASKER, PSC_HDR(0, FIRE_PAGES - 1), entry, FIRE_PAGES);
	op_wait_flag(vm, TOUCHER, 1, 1);
	op_write(vm, TOUCHER, VIEW_SHARED, GPA(1), 1);
	op_each_page(vm, TOUCHER, FIRE_PAGES - 1);
	op_write(vm, TOUCHER, VIEW_SHARED, GPA(0), 1);
	op_wait_flag(vm, VIOLATOR, 1, 1);
	fire_add_violations(vm, VIOLATOR, GPA(4 * FIRE_PAGES), FIRE_FOR_EVER);
	return vm;
}

static void stuck_vmm(double seconds)
{
	double end = now_s() + PATIENCE_MS / 1000;
	struct vm *vm = stuck_vm();
	uint64_t bytes, violations;
	unsigned int touches;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	guard_launch(vm);
	fire_cost_begin();
	vm_start(vm);
	while (!asked && now_s() < end)
		usleep(1000);
	vm_set_flag(vm, 1, 1);
	wait_for(vm, "violations/in_flight", FIRE_PAGES);
	wait_for(vm, "violations/first_touch", 2 * FIRE_PAGES);
	bytes = guard_counter(vm, "tracker_bytes");
	violations = guard_counter(vm, "violations/first_touch");
	touches = touched;
	usleep(seconds * 1000000);

	check(guard_counter(vm, "psc_requests") == guard_counter(vm, "psc_completed") + 1,
	      "more than one PSC has no answer, or none");
	expect_counter(vm, "psc_refused", 0);
	expect_counter(vm, "violations/in_flight", FIRE_PAGES);
	/*
	 * Of the violator: its pages stay shared, as they were used once, since what follows
	 * is acted upon.
	 */
	expect_counter(vm, "violations/initial_shared", FIRE_PAGES);
	expect_counter(vm, "violations/implicit_shared", 0);
	expect_counter(vm, "violations/implicit_private", 0);
	check(touched > touches + 10, "only %u faults of the page", touched - touches);
	/* No #VC for either, and the VMM let the guest get no further than this. */
	expect_ok(vm, TOUCHER, 1);
	expect_never_finished(vm, TOUCHER, 2);
	expect_page_state(vm, GPA(0), "none");
	wait_for(vm, "violations/first_touch", violations + 2 * FIRE_PAGES);
	expect_counter(vm, "tracker_bytes", bytes);
	check(module_unload(MODULE_NAME) == EWOULDBLOCK, "rmmod in spite of the VM");
	fire_cost_end(1, FIRE_VM_KIB);
	diag("%u faults of a page whose PSC has no answer, %lu violations beside it", touched,
	     guard_counter(vm, "violations/first_touch"));
}

static void never_answers(const void *arg)
{
	double seconds = fire_seconds((uintptr_t)arg);
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		stuck_vmm(seconds);
		fflush(stdout);
		if (scenario_failures)
			_exit(1);
		for (;;)
			raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the VMM failed: status %#x",
	      status);
	for (unsigned int i = 0; fire_vms() && i < 500; i++)
		usleep(10000);
	check(!fire_vms(), "a VM is left");
	fire_unload(10);
}

/* --- a VMM that writes the run page at any time --- */

struct scribbler {
	struct vm *vm;
	volatile bool stop;
	uint64_t writes;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	unsigned int seed = 1;

	while (!s->stop) {
		volatile struct kvm_run *run = s->vm->vcpu[0].run;

		switch (rand_r(&seed) % 6) {
		case 0:
			run->exit_reason = rand_r(&seed) % 45;
			break;
		case 1:
			run->hypercall.nr = rand_r(&seed) % 2 ? KVM_HC_MAP_GPA_RANGE :
								rand_r(&seed);
			break;
		case 2:
			run->hypercall.args[0] = (uint64_t)rand_r(&seed) << rand_r(&seed) % 34;
			break;
		case 3:
			run->hypercall.args[1] = (uint64_t)rand_r(&seed) << rand_r(&seed) % 34;
			break;
		case 4:
			run->hypercall.args[2] = rand_r(&seed);
			break;
		default:
			run->hypercall.ret = rand_r(&seed) % 3 ? 0 : rand_r(&seed);
		}
		s->writes++;
	}
	return NULL;
}

static void run_page(const void *arg)
{
	unsigned int seconds = (uintptr_t)arg, lives = 0;
	double end = now_s() + seconds;
	uint64_t writes = 0;

	fire_cost_begin();
	while (now_s() < end) {
		struct vm *vm = vm_create(&(struct vm_config){ .on_psc = fire_claim });
		struct scribbler s = { .vm = vm };
		pthread_t t;

		fire_add_conversions(vm, 0, GPA(0), 200);
		guard_launch(vm);
		pthread_create(&t, NULL, scribble, &s);
		vm_start(vm);
		vm_wait(vm, 2000);
		s.stop = true;
		pthread_join(t, NULL);
		writes += s.writes;
		/* What came of it is the VMM's affair; the module knows what it has seen. */
		check(guard_counter(vm, "psc_requests") >=
		      guard_counter(vm, "psc_completed") + guard_counter(vm, "psc_refused"),
		      "more answers than requests");
		guard_forget(vm);
		vm_destroy(vm);
		lives++;
	}
	fire_cost_end(lives, FIRE_VM_KIB);
	diag("%lu writes to the run pages of %u VMs", writes, lives);
}

static const struct scenario scenarios[] = {
	{ "hostile.nonsense_answers", nonsense_answers, (void *)200, SC_LONG },
	{ "hostile.unwritten_answers", unwritten_answers, (void *)64, SC_SLOW },
	{ "hostile.never_answers", never_answers, (void *)8, SC_LONG },
	{ "hostile.run_page", run_page, (void *)10, SC_LONG },
};

GROUP(hostile_vmm_group, scenarios);
