// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMMs that do what they should not, or die.  The guest must not be stopped
 * for it, and the module must not lose track.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

/* The guest has data in a private page, and reads it after the meeting. */
static struct vm *private_reader(unsigned int *read)
{
	struct vm *vm = strict_vm(NULL, "vc");

	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 7);
	add_meeting(vm);
	*read = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	run_until_meeting(vm);
	return vm;
}

/* The hardware tells the guest that its data is gone; the record says whose doing it was. */
static void expect_lost(struct vm *vm, unsigned int read)
{
	expect_fault(vm, 0, read, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_quiet(vm);
	expect_counter(vm, "violations/host", 1);
	expect_counter(vm, "violations/enforced", 0);
	expect_counter(vm, "vc_injected", 0);
}

/* A private page becomes shared under the guest: its data is lost, by no fault of its own. */
static void flips_to_shared(const void *arg)
{
	unsigned int r;
	struct vm *vm = private_reader(&r);

	(void)arg;
	check(!vm_convert(vm, GPA(0), GUEST_PAGE, false), "the VMM can't convert");
	run_on(vm);
	expect_record(vm, "class=host gfn=0x%lx access=private expected=private source=psc psc=private attr=shared action=none",
		      GFN(0));
	expect_lost(vm, r);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 1);
	vm_destroy(vm);
}

static void flips_to_private(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 7);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 8);
	run_until_meeting(vm);
	check(!vm_convert(vm, GPA(0), GUEST_PAGE, true), "the VMM can't convert");
	run_on(vm);
	expect_ok(vm, 0, w);
	expect_record(vm, "class=host gfn=0x%lx access=shared expected=shared attr=private action=none",
		      GFN(0));
	expect_quiet(vm);
	expect_counter(vm, "violations/enforced", 0);
	vm_destroy(vm);
}

/* A launch page, flipped and used as the launch left it. */
static void flips_launch_page(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int r;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0x11);
	add_meeting(vm);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	run_until_meeting(vm);
	check(!vm_convert(vm, GPA(0), GUEST_PAGE, false), "the VMM can't convert");
	run_on(vm);
	expect_fault(vm, 0, r, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=host gfn=0x%lx expected=private source=launch action=none",
		      GFN(0));
	expect_quiet(vm);
	vm_destroy(vm);
}

/*
 * The page is gone, its state is not: KVM brings a new one, and the hardware tells the
 * guest. That the VMM took it is in a record from before that.
 */
static void punches_hole(const void *arg)
{
	unsigned int r;
	struct vm *vm = private_reader(&r);
	const char *record;

	(void)arg;
	check(!vm_punch(vm, GPA(0), GUEST_PAGE), "the VMM can't punch a hole");
	run_on(vm);
	record = expect_record(vm,
			       "class=host gfn=0x%lx access=private expected=private source=psc psc=private attr=private action=none",
			       GFN(0));
	check(record_number(record, "hole_age_us") < 1000ull * PATIENCE_MS,
	      "hole_age_us is not how long the page has been gone");
	expect_lost(vm, r);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	vm_destroy(vm);
}

/*
 * The guest asks for a page to be shared and writes to it, which must work whatever the VMM
 * does at the answer. The request is operation 0.
 */
static struct vm *share_and_write(uint64_t (*on_psc)(struct vcpu *v, const struct psc *psc))
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = on_psc }, "vc");
	unsigned int w;

	op_psc(vm, 0, GPA(0), PSC_SHARED);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_ok(vm, 0, w);
	return vm;
}

/* "Done", it says, and has done nothing. */
static void answers_without_doing(const void *arg)
{
	struct vm *vm = share_and_write(vm_psc_claim);

	(void)arg;
	expect_record(vm, "class=host gfn=0x%lx expected=shared psc=shared attr=private action=none",
		      GFN(0));
	expect_quiet(vm);
	expect_counter(vm, "violations/enforced", 0);
	vm_destroy(vm);
}

/* KVM 6.12 takes any answer but 0 for a refusal. */
static uint64_t odd_answer(struct vcpu *v, const struct psc *psc)
{
	return psc->gpa >= GUEST_FREE_GPA ? EAGAIN : vm_psc(v, psc);
}

static void answers_eagain(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = odd_answer }, "vc");
	unsigned int p;

	(void)arg;
	p = op_psc(vm, 0, GPA(0), PSC_SHARED);
	clean_run(vm);
	check(vm_result(vm, 0, p)->code >> 32, "the guest took the answer for a yes");
	expect_counter(vm, "psc_refused", 1);
	expect_page_state(vm, GPA(0), "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The run page is the VMM's to scribble on: what KVM asked for is what counts. */
static uint64_t tamper(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	if (psc->gpa < GUEST_FREE_GPA)
		return r;
	v->run->hypercall.args[0] = GPA(9);
	v->run->hypercall.args[1] = 5;
	v->run->hypercall.args[2] ^= 1 << 4;
	v->run->hypercall.nr = 0;
	v->run->exit_reason = KVM_EXIT_IO;
	return r;
}

static void tampers_with_run_page(const void *arg)
{
	struct vm *vm = share_and_write(tamper);

	(void)arg;
	expect_code(vm, 0, 0, PSC_RESP_OK);
	expect_page_state(vm, GPA(0), "shared");
	expect_page_state(vm, GPA(9), "none");
	expect_psc_done(vm, GPA(0), 1, false, true);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* An interrupted KVM_RUN with the PSC answered is no second PSC. */
static uint64_t answer_and_interrupt(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	if (psc->gpa < GUEST_FREE_GPA)
		return r;
	v->run->hypercall.ret = r;
	v->run->immediate_exit = 1;
	ioctl(v->fd, KVM_RUN, 0);
	v->run->immediate_exit = 0;
	return r;
}

static void interrupted_after_answer(const void *arg)
{
	struct vm *vm = share_and_write(answer_and_interrupt);

	(void)arg;
	expect_counter(vm, "psc_completed", GUEST_BOOT_PSCS(0) + 1);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- VMMs that die --- */

static uint64_t die_in_psc(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa >= GUEST_FREE_GPA)
		_exit(7);
	return vm_psc(v, psc);
}

static int child_vmm(void (*fill)(struct vm *vm), uint64_t (*on_psc)(struct vcpu *v,
								      const struct psc *psc))
{
	pid_t pid = fork();

	if (!pid) {
		struct vm *vm = vm_create(&(struct vm_config){ .on_psc = on_psc });

		fill(vm);
		vm_launch(vm);
		vm_start(vm);
		vm_wait(vm, PATIENCE_MS);
		_exit(0);
	}
	return pid;
}

/* Nothing of the VM is left: no folder, and the module can go. */
static void expect_gone(pid_t pid)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "pid=%d ended: ", pid);
	expect_log(MODULE_NAME ": vm=", text);
	r = module_unload(MODULE_NAME);
	check(!r, "rmmod after the VM's end: errno %d", r);
}

static void fill_psc(struct vm *vm)
{
	op_psc(vm, 0, GPA(0), PSC_SHARED);
}

static void dies_in_psc(const void *arg)
{
	int status;
	pid_t pid;

	(void)arg;
	pid = child_vmm(fill_psc, die_in_psc);
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 7, "the VMM did not die in its PSC");
	expect_gone(pid);
}

static void fill_endless(struct vm *vm)
{
	unsigned int start = op_psc(vm, 0, GPA(0), PSC_SHARED);

	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_loop(vm, 0, start, ~0u);
}

/* SIGKILL in the middle of violations, several times over */
static void killed(const void *arg)
{
	int status;
	pid_t pid = 0;

	(void)arg;
	for (unsigned int i = 0; i < 5; i++) {
		char text[64];

		pid = child_vmm(fill_endless, NULL);
		snprintf(text, sizeof(text), "pid=%d comm", pid);
		for (unsigned int ms = 0; ms < PATIENCE_MS && !log_has(MODULE_NAME ": vm=", text);
		     ms++)
			usleep(1000);
		usleep(50000 + i * 5000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		check(WIFSIGNALED(status), "the VMM ended by itself");
	}
	expect_gone(pid);
}

static const struct scenario scenarios[] = {
	{ "vmm.flips_to_shared", flips_to_shared, NULL, 0 },
	{ "vmm.flips_to_private", flips_to_private, NULL, 0 },
	{ "vmm.flips_launch_page", flips_launch_page, NULL, 0 },
	{ "vmm.punches_hole", punches_hole, NULL, 0 },
	{ "vmm.answers_without_doing", answers_without_doing, NULL, 0 },
	{ "vmm.answers_eagain", answers_eagain, NULL, 0 },
	{ "vmm.tampers_with_run_page", tampers_with_run_page, NULL, 0 },
	{ "vmm.interrupted_after_answer", interrupted_after_answer, NULL, 0 },
	{ "vmm.dies_in_psc", dies_in_psc, NULL, 0 },
	{ "vmm.killed", killed, NULL, 0 },
};

GROUP(vmm_group, scenarios);
