// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that behave well, at length, in strict mode: there must be no record. And one
 * whose vCPUs do not mind each other.
 */
#include "guard.h"
#include "module.h"

#define PAGES	16u

/*
 * PAGES pages to private, validated, written and read, rescinded, to shared,
 * written and read: two NAE requests and as many exits for each round.
 */
static void fill(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int rounds)
{
	uint64_t private[PAGES], shared[PAGES];
	unsigned int start;

	/* Every other page, so that KVM can't merge them. */
	for (unsigned int i = 0; i < PAGES; i++) {
		private[i] = PSC_ENTRY(gpa + 2 * i * GUEST_PAGE, PSC_PRIVATE, 0, 0);
		shared[i] = PSC_ENTRY(gpa + 2 * i * GUEST_PAGE, PSC_SHARED, 0, 0);
	}
	start = op_psc_nae(vm, vcpu, PSC_HDR(0, PAGES - 1), private, PAGES);
	op_pvalidate(vm, vcpu, gpa, true, false);
	op_write(vm, vcpu, VIEW_PRIVATE, gpa, 1);
	op_read(vm, vcpu, VIEW_PRIVATE, gpa);
	op_pvalidate(vm, vcpu, gpa, false, false);
	op_psc_nae(vm, vcpu, PSC_HDR(0, PAGES - 1), shared, PAGES);
	op_write(vm, vcpu, VIEW_SHARED, gpa, 2);
	op_read(vm, vcpu, VIEW_SHARED, gpa);
	for (unsigned int op = start + 1; op < start + 8; op++) {
		if (op != start + 5) {
			vm->script[vcpu]->op[op].repeat = PAGES;
			vm->script[vcpu]->op[op].stride = 2 * GUEST_PAGE;
		}
	}
	op_loop(vm, vcpu, start, rounds);
}

static void well_behaved(const void *arg)
{
	unsigned int nvcpus = (uintptr_t)arg, total = nvcpus > 1 ? 32 : 64, boot = 0;
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = nvcpus });

	knob_write("mode", "strict");
	knob_write("action", "terminate");
	for (unsigned int i = 0; i < nvcpus; i++) {
		/* Neighbouring vCPUs use pages that lie between each other's. */
		fill(vm, i, GPA(i / 2 * 64 + i % 2), total / nvcpus);
		boot += GUEST_BOOT_PSCS(i);
	}
	guard_launch(vm);
	run(vm);
	for (unsigned int i = 0; i < nvcpus; i++) {
		expect_halted(vm, i);
		for (unsigned int op = 0; op < 8; op++)
			check(!vm_result(vm, i, op)->faults, "vCPU %u operation %u faulted", i, op);
		expect_value(vm, i, 7, 2);
		expect_exits(vm, i, KVM_EXIT_MEMORY_FAULT, 0);
	}
	expect_counter(vm, "psc_completed", boot + total * 2 * PAGES);	/* 2048 or 1024 */
	expect_counter(vm, "psc_refused", 0);
	expect_counter(vm, "violations/enforced", 0);
	expect_counter(vm, "log_suppressed", 0);
	expect_file(vm, "last_violation", "none");
	expect_file(vm, "state", "running");
	check(guard_counter(vm, "npf_judged") > 500, "hardly any #NPF was judged");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The settings change all the time; a clean guest stays clean. */
static void settings_change(const void *arg)
{
	static const char *const mode[] = { "strict", "off", "lenient" };
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2 });

	(void)arg;
	for (unsigned int i = 0; i < 2; i++)
		fill(vm, i, GPA(i), 6);
	guard_launch(vm);
	vm_start(vm);
	for (unsigned int n = 0; vm->vcpu[0].state == VCPU_RUNNING && n < 10000; n++) {
		knob_write("mode", mode[n % 3]);
		guard_write(vm, "mode", n % 2 ? "strict" : "inherit");
		guard_write(vm, "policy/first_touch", n % 5 ? "enforce" : "inherit");
		guard_counter(vm, "tracker_bytes");
		expect_file(vm, "last_violation", "none");
	}
	check(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	for (unsigned int i = 0; i < 2; i++) {
		expect_halted(vm, i);
		expect_exits(vm, i, KVM_EXIT_MEMORY_FAULT, 0);
	}
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- a page that two vCPUs have --- */

#define HAND_OVERS	60u
#define FIGHTS		60u

/* Takes its turn: waits until it is told, and must be told again for the next. */
static unsigned int take_turn(struct vm *vm, unsigned int vcpu)
{
	unsigned int start = op_wait_flag(vm, vcpu, vcpu, 1);

	op_set_flag(vm, vcpu, vcpu, 0);
	return start;
}

/*
 * One vCPU makes the page private, the other one makes it shared; each first finds in it
 * what the other has left.
 */
static void handed_over(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2 }, "terminate");
	unsigned int from_shared, from_private, start;

	(void)arg;
	start = take_turn(vm, 0);
	from_shared = op_read(vm, 0, VIEW_SHARED, GPA(0));
	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 7);
	op_set_flag(vm, 0, 1, 1);
	op_loop(vm, 0, start, HAND_OVERS);

	op_psc(vm, 1, GPA(0), PSC_SHARED);
	op_write(vm, 1, VIEW_SHARED, GPA(0), 9);
	op_set_flag(vm, 1, 0, 1);
	start = take_turn(vm, 1);
	from_private = op_read(vm, 1, VIEW_PRIVATE, GPA(0));
	op_make_shared(vm, 1, GPA(0));
	op_write(vm, 1, VIEW_SHARED, GPA(0), 9);
	op_set_flag(vm, 1, 0, 1);
	op_loop(vm, 1, start, HAND_OVERS);

	clean_run(vm);
	expect_value(vm, 0, from_shared, 9);
	expect_value(vm, 1, from_private, 7);
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int op = 0; op < vm->script[i]->nops; op++)
			check(!vm_result(vm, i, op)->faults, "vCPU %u operation %u faulted", i, op);
		expect_exits(vm, i, KVM_EXIT_MEMORY_FAULT, 0);
	}
	expect_pscs(vm, 1 + 2 * HAND_OVERS, 0, 1 + 2 * HAND_OVERS);
	expect_page_state(vm, GPA(0), "shared");
	expect_file(vm, "last_violation", "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

static unsigned int asked;

static uint64_t count_and_answer(struct vcpu *v, const struct psc *psc)
{
	__atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
	return vm_psc(v, psc);
}

/*
 * Both change the same page and use it, and neither waits for the other. What they find is
 * their own business; what we know of it must fit together.
 */
static void fight(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2, .on_psc = count_and_answer });
	uint64_t seen;

	(void)arg;
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int start = op_make_private(vm, i, GPA(0)) - 1;

		op_write(vm, i, VIEW_PRIVATE, GPA(0), i);
		op_make_shared(vm, i, GPA(0));
		op_write(vm, i, VIEW_SHARED, GPA(0), i);
		op_loop(vm, i, start, FIGHTS);
	}
	clean_run(vm);
	expect_counter(vm, "psc_requests", asked);
	check(asked == 2 * 2 * FIGHTS + GUEST_BOOT_PSCS(0) + GUEST_BOOT_PSCS(1),
	      "the guest asked %u times", asked);
	check(guard_counter(vm, "psc_completed") + guard_counter(vm, "psc_refused") == asked,
	      "not every request has its answer");
	check(debug_has(vm, "page_state", "gfn=0x%lx state=shared", GFN(0)) ||
	      debug_has(vm, "page_state", "gfn=0x%lx state=private", GFN(0)),
	      "the page is in no state");
	/* Each touches it after a request of its own, so it is never in its first state. */
	expect_counter(vm, "violations/first_touch", 0);
	expect_counter(vm, "violations/initial_shared", 0);
	expect_counter(vm, "violations/vmpl", 0);
	/* They fault at nothing else, and get somewhere all the same. */
	expect_counter(vm, "violations/no_progress", 0);
	expect_counter(vm, "violations/enforced", 0);
	seen = guard_counter(vm, "violations/implicit_private") +
	       guard_counter(vm, "violations/implicit_shared") +
	       guard_counter(vm, "violations/in_flight") + guard_counter(vm, "violations/host");
	diag("  %u requests, %lu violations", asked, seen);
	check(count_records(vm, "gfn=0x%lx", GFN(0)) +
	      guard_counter(vm, "log_suppressed") == seen, "a record is missing, or one too many");
	expect_file(vm, "history", "complete");
	expect_file(vm, "state", "running");
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "stress.well_behaved", well_behaved, (void *)1, SC_SLOW },
	{ "stress.well_behaved_4_vcpus", well_behaved, (void *)4, SC_SLOW },
	{ "stress.settings_change", settings_change, NULL, SC_SLOW },
	{ "stress.handed_over", handed_over, NULL, SC_SLOW },
	{ "stress.fight", fight, NULL, SC_SLOW },
};

GROUP(stress_group, scenarios);
