// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation fails in turn (Documentation/fault-injection, fail-nth): at
 * load, when a VM is created, at a PSC, at a violation.  For kernels that have
 * it; Debian's don't.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "fire.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define MOST		4000

/* Also allocations that may sleep, and whole pages; and without a stack trace of each. */
static void allow_all(void)
{
	fire_quiet_console();
	file_write("/sys/kernel/debug/failslab/verbose", "0");
	file_write("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	file_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "0");
	file_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "0");
	file_write("/sys/kernel/debug/fail_page_alloc/min-order", "0");
}

/*
 * To open it takes allocations, and would meet the failure itself: once, by the task
 * that is to fail.
 */
static int fail_nth_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		give_up("%s: %s", FAIL_NTH, strerror(errno));
	return fd;
}

static void fail_nth(unsigned int n)
{
	char number[16];
	int len = snprintf(number, sizeof(number), "%u", n);

	if (pwrite(fail_nth_fd(), number, len, 0) != len)
		give_up("%s can't be written", FAIL_NTH);
}

/* How many allocations are left until one fails; 0 if it did.  Ends the injection. */
static unsigned int left_to_fail(void)
{
	char left[16] = "";

	if (pread(fail_nth_fd(), left, sizeof(left) - 1, 0) < 1)
		give_up("%s can't be read", FAIL_NTH);
	fail_nth(0);
	return atoi(left);
}

static bool has_failed(void)
{
	return !left_to_fail();
}

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

	fail_nth(many);
	r = module_load("mode=none");
	check(r == EINVAL, "mode=none is accepted");
	return many - left_to_fail();
}

/* insmod either works or leaves nothing behind. */
static void load(const void *arg)
{
	unsigned int first, n, tried = 0, refused = 0;
	bool failed = true;
	int r;

	(void)arg;
	allow_all();
	first = before_init();
	for (n = next_to_fail(first); failed && n < first + MOST && !scenario_failures;
	     n = next_to_fail(n)) {
		tried++;
		fail_nth(n);
		r = module_load("");
		failed = has_failed();
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
	allow_all();
	for (n = 1; failed && n < MOST; n++) {
		unsigned int before = fire_vms();

		tried++;
		fail_nth(n);
		vm = ioctl(kvm, KVM_CREATE_VM, KVM_X86_SNP_VM);
		failed = has_failed();
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
	diag("%u allocations of KVM_CREATE_VM failed in turn: no VM %u times, one without a folder %u times",
	     tried - 1, no_vm, bare);
	check(bare, "the module's own allocations were not among them");
}

/* Everything that the VM's own start needs is there; then one KVM_RUN by one. */
static struct vm *stopped_at(void (*add)(struct vm *vm))
{
	struct vm *vm = vm_create(NULL);

	op_set_flag(vm, 0, 1, 1);
	add(vm);
	guard_launch(vm);
	while (!vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_HYPERCALL) ||
	       vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_HYPERCALL) < GUEST_BOOT_PSCS(0)) {
		if (vcpu_run_once(&vm->vcpu[0]))
			give_up("the guest does not start");
	}
	return vm;
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
		fail_nth(n);
		*r = vcpu_run_once(&vm->vcpu[0]);
		failed |= has_failed();
	}
	return failed;
}

/*
 * No memory to record a PSC: the history is lost, which is said, and from then on
 * nothing is enforced, whatever the guest does.
 */
static void psc(const void *arg)
{
	unsigned int n, lost = 0, ended = 0;
	bool failed = true;
	char history[32];
	int r;

	(void)arg;
	allow_all();
	knob_write("mode", "strict");
	for (n = 1; failed && n < MOST && !scenario_failures; n++) {
		struct vm *vm = stopped_at(add_psc);

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
	diag("%u allocations of a guest's KVM_RUNs failed in turn: history lost %u times, KVM gave up %u times",
	     n - 2, lost, ended);
}

static void add_violations(struct vm *vm)
{
	for (unsigned int i = 0; i < 3; i++)
		op_write(vm, 0, i % 2 ? VIEW_PRIVATE : VIEW_SHARED, GPA(8 + i), 1);
}

/* No memory for a record: it is as good as it can be. */
static void violation(const void *arg)
{
	unsigned int n, ended = 0;
	bool failed = true;
	int r;

	(void)arg;
	allow_all();
	for (n = 1; failed && n < MOST && !scenario_failures; n++) {
		struct vm *vm = stopped_at(add_violations);
		char buf[1024];

		failed = run_failing(vm, n, &r);
		ended += r < 0;
		check(guard_read(vm, "last_violation", buf, sizeof(buf)), "no last_violation");
		guard_debug(vm, "violations", buf, sizeof(buf));
		expect_file(vm, "state", "running");
		guard_forget(vm);
		vm_destroy(vm);
	}
	check(!failed, "no end after %u allocations", n);
	diag("%u allocations of a violating guest's KVM_RUNs failed in turn: KVM gave up %u times",
	     n - 2, ended);
}

static const struct scenario scenarios[] = {
	{ "fault.load", load, NULL, SC_UNLOADED | SC_FAULTS | SC_LONG },
	{ "fault.create", create, NULL, SC_FAULTS | SC_LONG },
	{ "fault.psc", psc, NULL, SC_FAULTS | SC_LONG },
	{ "fault.violation", violation, NULL, SC_FAULTS | SC_LONG },
};

GROUP(fault_group, scenarios);
