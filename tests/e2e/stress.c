// SPDX-License-Identifier: GPL-2.0-only
/* Guests that behave well, at length, in strict mode: not one word may be said. */
#include "guard.h"
#include "module.h"

#define GPA(n)	(GUEST_FREE_GPA + (n) * GUEST_PAGE)

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

static const struct scenario scenarios[] = {
	{ "stress.well_behaved", well_behaved, (void *)1, SC_SLOW },
	{ "stress.well_behaved_4_vcpus", well_behaved, (void *)4, SC_SLOW },
	{ "stress.settings_change", settings_change, NULL, SC_SLOW },
};

GROUP(stress_group, scenarios);
