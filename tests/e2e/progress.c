// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs that get no further: a handler of #VC that comes back to the access, by whatever
 * way, and a fault that is nobody's error and comes again for ever.
 */
#include <unistd.h>
#include "ap.h"
#include "guard.h"
#include "meeting.h"
#include "module.h"
#include "vmm/clock.h"

static struct vm *vm_with_launched(unsigned int pages)
{
	struct vm *vm = strict_vm(NULL, "vc");

	vm_add_launched(vm, GPA(0), pages, 0xaa);
	return vm;
}

/* --- handlers --- */

/* It writes a line to its console each time, 100 exits, before it tries again. */
static void noisy_handler(const void *arg)
{
	struct vm *vm = vm_with_launched(1);
	unsigned int w;

	(void)arg;
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_last(vm, 0)->on_fault = ON_FAULT_RETRY;
	op_last(vm, 0)->limit = 200;
	op_last(vm, 0)->outs = 100;
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_crash(vm, 0, GPA(0), CLASS_IMPLICIT_SHARED);
	expect_record(vm, "class=implicit_shared n=1 action=vc escalated=no repeats=0");
	expect_record(vm, "class=implicit_shared n=2 action=terminate escalated=no_progress");
	expect_quiet(vm);
	expect_counter(vm, "vc_injected", MAX_INJECTIONS);
	expect_counter(vm, "violations/enforced", 2);
	expect_file(vm, "state", "terminated");
	vm_destroy(vm);
}

/*
 * It violates another page each time, as one that writes to a console buffer which is
 * not what it takes it for: the first comes again all the same.
 */
static void in_turn(const void *arg)
{
	const unsigned int pages = (uintptr_t)arg;
	struct vm *vm = vm_with_launched(pages);
	uint64_t injected;

	for (unsigned int i = 0; i < pages; i++)
		op_write(vm, 0, VIEW_SHARED, GPA(i), 1);
	op_loop(vm, 0, 0, 200);
	guard_launch(vm);
	run(vm);
	for (unsigned int i = 0; i < pages; i++)
		expect_record(vm, "class=implicit_shared gfn=0x%lx n=1 action=vc", GFN(i));
	expect_record(vm, "class=implicit_shared n=2 action=terminate escalated=no_progress");
	expect_quiet(vm);
	/* One of them is the first to have had its share. */
	injected = guard_counter(vm, "vc_injected");
	check(injected >= MAX_INJECTIONS && injected <= pages * MAX_INJECTIONS,
	      "%lu #VCs were injected", injected);
	expect_counter(vm, "violations/enforced", pages + 1);
	expect_file(vm, "state", "terminated");
	vm_destroy(vm);
}

/*
 * A page that the guest violates now and then, and goes on: a violation each time. The same
 * again is what comes within 64 exits or a second. How many exits a wait has is up to the
 * host's timer, so the guest makes enough.
 */
#define TIMES	3u
#define EXITS	80
#define PORT	0x1000

static void now_and_then(const void *arg)
{
	struct vm *vm = vm_with_launched(1);
	unsigned int w[TIMES];

	(void)arg;
	for (unsigned int i = 0; i < TIMES; i++) {
		w[i] = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
		op_set_flag(vm, 0, FLAG_READY, i + 1);
		op_wait_flag(vm, 0, FLAG_GO, i + 1);
		op_out(vm, 0, PORT, EXITS);
	}
	guard_launch(vm);
	vm_start(vm);
	for (unsigned int i = 0; i < TIMES; i++) {
		check(vm_wait_flag(vm, FLAG_READY, i + 1, PATIENCE_MS), "the guest hangs");
		usleep(1300000);
		vm_set_flag(vm, FLAG_GO, i + 1);
	}
	vm_wait(vm, PATIENCE_MS);
	expect_halted(vm, 0);
	for (unsigned int i = 0; i < TIMES; i++) {
		expect_fault(vm, 0, w[i], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
		expect_record(vm, "class=implicit_shared n=%u action=vc escalated=no repeats=0",
			      i + 1);
	}
	expect_quiet(vm);
	expect_injected(vm, TIMES);
	expect_counter(vm, "violations/enforced", TIMES);
	expect_file(vm, "state", "running");
	vm_destroy(vm);
}

/* --- faults that are in order --- */

enum { FLAG_AP = 2, FLAG_FREE, FLAG_END };

/*
 * vCPU 1 runs on a page as its VMSA, and vCPU 0 writes to it: the page is private, as it
 * should be, and the write faults for as long as it is a VMSA. @free: vCPU 2 makes an
 * end of that.
 */
static unsigned int add_vmsa_in_use(struct vm *vm, bool free)
{
	unsigned int w;

	add_ap(vm, 1, GPA(0), 0);
	op_wait_flag(vm, 0, FLAG_AP, 1);
	op_set_flag(vm, 0, FLAG_READY, 1);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_set_flag(vm, 1, FLAG_AP, 1);
	if (free) {
		op_wait_flag(vm, 2, FLAG_FREE, 1);
		op_add(vm, 2, &(struct guest_op){ .code = OP_RMPADJUST, .gpa = GPA(0),
						  .arg = { 1 } });
	} else {
		op_count(vm, 1, FLAG_AP, FLAG_END);	/* for ever */
	}
	return w;
}

static void expect_one_record(struct vm *vm)
{
	expect_record(vm,
		      "class=no_progress vcpu=0 gfn=0x%lx access=private op=write expected=private source=psc psc=private attr=private used=no n=1 mode=strict action=none escalated=no",
		      GFN(0));
	expect_quiet(vm);
	expect_counter(vm, "violations/no_progress", 1);
	expect_counter(vm, "violations/enforced", 0);
	expect_counter(vm, "vc_injected", 0);
	expect_file(vm, "state", "running");
}

/* One record, however long it goes on; and the VMM can stop the guest. */
static void vmsa_in_use(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .parked = 1 << 1 },
				  "terminate");
	double begun, stopped;
	uint64_t faults;
	unsigned int w;

	(void)arg;
	w = add_vmsa_in_use(vm, false);
	run_until_meeting(vm);
	begun = now_s();
	wait_for_counter(vm, "violations/no_progress", 1);
	check(now_s() - begun > 1.9, "that is said after %.1f s", now_s() - begun);
	faults = guard_counter(vm, "npf_judged");
	sleep(4);
	check(guard_counter(vm, "npf_judged") > faults + 100, "the guest does not fault any more");
	expect_one_record(vm);
	stopped = now_s();
	vm_stop(vm);
	check(now_s() - stopped < 5 * scenario_slowness, "it took %.1f s to stop the guest",
	      now_s() - stopped);
	expect_never_finished(vm, 0, w);
	expect_quiet(vm);
	vm_destroy(vm);
}

/*
 * The vCPU goes on as soon as it can: nobody has touched it. That the VMM has taken a page
 * away elsewhere is no matter.
 */
static void vmsa_set_free(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 3, .parked = 1 << 1 }, "vc");
	unsigned int w;

	(void)arg;
	op_make_private(vm, 0, GPA(5));
	w = add_vmsa_in_use(vm, true);
	run_until_meeting(vm);
	check(!vm_punch(vm, GPA(5), GUEST_PAGE), "the VMM can't punch a hole");
	expect_counter(vm, "pages_discarded", 1);
	wait_for_counter(vm, "violations/no_progress", 1);
	vm_set_flag(vm, FLAG_FREE, 1);
	check(vm_wait(vm, PATIENCE_MS), "the guest did not go on");
	for (unsigned int i = 0; i < 3; i++)
		expect_halted(vm, i);
	expect_ok(vm, 0, w);
	expect_one_record(vm);
	vm_destroy(vm);
}

/* A guest that converts a page all the time faults there each time, and makes progress. */
static void converting(const void *arg)
{
	struct vm *vm = converting_vm(1);
	double begun = now_s();

	(void)arg;
	guard_find(vm);
	knob_write("mode", "strict");
	wait_for_counter(vm, "npf_judged", guard_counter(vm, "npf_judged") + 1400);
	while (now_s() - begun < 2.5)
		usleep(100000);
	expect_converting(vm);
	vm_stop(vm);
	expect_counter(vm, "violations/no_progress", 0);
	expect_file(vm, "last_violation", "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "progress.noisy_handler", noisy_handler, NULL, 0 },
	{ "progress.two_in_turn", in_turn, (void *)2, 0 },
	{ "progress.four_in_turn", in_turn, (void *)4, 0 },
	{ "progress.now_and_then", now_and_then, NULL, 0 },
	{ "progress.vmsa_in_use", vmsa_in_use, NULL, SC_SLOW },
	{ "progress.vmsa_set_free", vmsa_set_free, NULL, SC_SLOW },
	{ "progress.converting", converting, NULL, 0 },
};

GROUP(progress_group, scenarios);
