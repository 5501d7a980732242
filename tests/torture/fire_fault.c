// SPDX-License-Identifier: GPL-2.0-only
/* Each allocation fails in turn: at load, when a VM is created, at a PSC, at a violation. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "fault.h"

/*
 * The one to fail after @n: the next, if there is time for all of them; else one
 * soon, another one in each run.  It ends all the same: those that fail are many.
 */
static unsigned int next_to_fail(unsigned int n)
{
	unsigned int step = 1 / fire_seconds(1);

	return n + 1 + (step > 1 ? fire_random(2 * step - 1) : 0);
}

/*
 * Allocations of a load before the module's own code runs: of one that it refuses at
 * once.  The kernel's code there warns when it has no memory for tracepoints.
 */
static unsigned int before_init(void)
{
	const unsigned int many = 1000000;
	int r;

	fault_arm(many);
	r = module_load("mode=none");
	check(r == EINVAL, "mode=none is accepted");
	return many - fault_left();
}

/* insmod either works or leaves nothing behind. */
static void load(const void *arg)
{
	unsigned int first, n, tried = 0, refused = 0;
	bool failed = true;
	int r;

	(void)arg;
	fault_allow_all();
	first = before_init();
	for (n = next_to_fail(first); failed && n < first + FAULT_MOST && !scenario_failures;
	     n = next_to_fail(n)) {
		tried++;
		fault_arm(n);
		r = module_load("");
		failed = fault_struck();
		if (r) {
			refused++;
			check(failed, "insmod without a failure: %s", strerror(r));
			check(!module_loaded(MODULE_NAME) && !file_exists(SYSFS) &&
			      !file_exists(DEBUGFS) && kvm_is_unhooked(),
			      "allocation %u of a load failed, and something is left", n);
			continue;
		}
		if (!check(!module_unload(MODULE_NAME), "rmmod"))
			break;
	}
	check(!failed && refused, "no end after %u allocations", n);
	diag("%u of the init function's %u allocations failed: refused %u times", tried - 1,
	     n - first, refused);
}

static int open_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		give_up("/dev/kvm can't be opened");
	return fd;
}

/* A VM that is there works as far as it goes, and its end is no oops. */
static void create(const void *arg)
{
	unsigned int n, tried = 0, no_vm = 0, bare = 0;
	bool failed = true;
	int kvm = open_kvm(), vm;

	(void)arg;
	fault_allow_all();
	for (n = 1; failed && n < FAULT_MOST; n++) {
		unsigned int before = fire_vms();

		tried++;
		fault_arm(n);
		vm = ioctl(kvm, KVM_CREATE_VM, KVM_X86_SNP_VM);
		failed = fault_struck();
		if (vm < 0) {
			no_vm++;
			check(fire_vms() == before, "no VM, but a folder");
			continue;
		}
		bare += fire_vms() == before;
		close(vm);
	}
	close(kvm);
	check(!failed, "no end after %u allocations", n);
	check(!fire_vms(), "a folder is left");
	fire_unload(UNLOAD_S);
	diag("%u allocations of KVM_CREATE_VM failed in turn: no VM %u times, one without a folder %u times",
	     tried - 1, no_vm, bare);
	check(bare, "the module's own allocations were not among them");
}

static void add_psc(struct vm *vm)
{
	const uint64_t far = 5ull << 30;

	/* Another GiB, beyond the root: all three levels of the tracker. */
	vm_slot_add(vm, 1, far, 4 * GUEST_PAGE);
	op_psc(vm, 0, far, PSC_SHARED);
	op_write(vm, 0, VIEW_PRIVATE, GPA(2), 1);
}

/* Runs the guest to its end with the @n-th allocation of each KVM_RUN failing. */
static bool run_failing(struct vm *vm, unsigned int n, int *r)
{
	bool failed = false;

	*r = 0;
	for (unsigned int i = 0; !*r && i < 100; i++) {
		fault_arm(n);
		*r = vcpu_run_once(&vm->vcpu[0]);
		failed |= fault_struck();
	}
	return failed;
}

/*
 * No memory to record a PSC: the history is lost, which is said, and from then on
 * nothing is enforced, whatever the guest does.
 */
static void psc(const void *arg)
{
	const uint64_t *policy = arg;
	unsigned int n, lost = 0, ended = 0;
	bool failed = true;
	char history[32];
	int r;

	fault_allow_all();
	knob_write("mode", "strict");
	knob_write("request_sites", *policy ? "on" : "off");
	for (n = 1; failed && n < FAULT_MOST && !scenario_failures; n++) {
		struct vm *vm = fault_stopped_at(add_psc, *policy);

		failed = run_failing(vm, n, &r);
		guard_read(vm, "history", history, sizeof(history));
		/* A failure within KVM may have ended the vCPU. */
		ended += r < 0;
		if (!strcmp(history, "lost")) {
			lost++;
			expect_file(vm, "effective_mode", "lenient");
			expect_counter(vm, "violations/enforced", 0);
		} else if (r > 0) {
			expect_file(vm, "history", "complete");
			check(guard_counter(vm, "violations/enforced") == 1, "not enforced");
		}
		guard_forget(vm);
		vm_destroy(vm);
	}
	check(!failed, "no end after %u allocations", n);
	check(lost, "the history was never lost");
	fire_unload(UNLOAD_S);
	diag("%u allocations of a guest's KVM_RUNs failed in turn: history lost %u times, KVM gave up %u times",
	     n - 2, lost, ended);
}

/* Of the classes initial_shared, first_touch, initial_shared. */
static void add_violations(struct vm *vm)
{
	for (unsigned int i = 0; i < 3; i++)
		op_write(vm, 0, i % 2 ? VIEW_PRIVATE : VIEW_SHARED, GPA(8 + i), 1);
}

/*
 * No memory for a record: it is as good as it can be, and counted all the same, unless it
 * is said that the history is lost.
 */
static void violation(const void *arg)
{
	const uint64_t *policy = arg;
	unsigned int n, lost = 0, ended = 0;
	bool failed = true;
	int r;

	fault_allow_all();
	for (n = 1; failed && n < FAULT_MOST && !scenario_failures; n++) {
		struct vm *vm = fault_stopped_at(add_violations, *policy);
		char buf[1024] = "", history[32] = "";

		failed = run_failing(vm, n, &r);
		ended += r < 0;
		check(guard_read(vm, "last_violation", buf, sizeof(buf)), "no last_violation");
		guard_debug(vm, "violations", buf, sizeof(buf));
		guard_read(vm, "history", history, sizeof(history));
		if (!strcmp(history, "lost")) {
			lost++;
			expect_file(vm, "effective_mode", "lenient");
		} else if (r > 0) {
			expect_counter(vm, "violations/initial_shared", 2);
			expect_counter(vm, "violations/first_touch", 1);
		}
		expect_file(vm, "state", "running");
		guard_forget(vm);
		vm_destroy(vm);
	}
	check(!failed, "no end after %u allocations", n);
	fire_unload(UNLOAD_S);
	diag("%u allocations of a violating guest's KVM_RUNs failed in turn: history lost %u times, KVM gave up %u times",
	     n - 2, lost, ended);
}

/* Of guests whose policy allows debugging, what the worker needs is asked, too. */
static const uint64_t usual, debuggable = VM_POLICY_DEBUG;

static const struct scenario scenarios[] = {
	{ "fault.load", load, NULL, SC_UNLOADED | SC_FAULTS | SC_LONG },
	{ "fault.create", create, NULL, SC_FAULTS | SC_LONG },
	{ "fault.psc", psc, &usual, SC_FAULTS | SC_LONG },
	{ "fault.psc_site", psc, &debuggable, SC_FAULTS | SC_LONG },
	{ "fault.violation", violation, &usual, SC_FAULTS | SC_LONG },
	{ "fault.violation_site", violation, &debuggable, SC_FAULTS | SC_LONG },
};

GROUP(fault_group, scenarios);
