// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module comes and goes: parameters, guests that are older than it, guests that
 * it can't leave.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

static void unload(void)
{
	int r = module_unload(MODULE_NAME);

	check(!r, "rmmod: %s", strerror(r));
	check(!file_exists(SYSFS), SYSFS " is still there after rmmod");
	check(!file_exists(DEBUGFS), DEBUGFS " is still there after rmmod");
}

static bool load(const char *args)
{
	int r = module_load(args);

	return check(!r, "insmod with '%s': %s", args, strerror(r));
}

static void expect_knob(const char *name, const char *value)
{
	char buf[128] = "";

	check(knob_read(name, buf, sizeof(buf)) && !strcmp(buf, value), "%s is '%s', not '%s'",
	      name, buf, value);
}

static void parameters(const void *arg)
{
	(void)arg;
	load("mode=strict action=terminate policy=first_touch=report,in_flight=enforce");
	expect_log(MODULE_NAME ": loaded", "mode=strict action=terminate");
	expect_knob("mode", "strict");
	expect_knob("action", "terminate");
	expect_knob("policy/first_touch", "report");
	expect_knob("policy/in_flight", "enforce");
	expect_knob("policy/implicit_shared", "enforce");
	unload();
	load("");
	expect_knob("mode", "lenient");
	expect_knob("action", "vc");
	unload();
}

/* While the module guards a VM it stays. */
static void rmmod_under_guest(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w;
	int r;

	(void)arg;
	knob_write("mode", "strict");
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	guard_launch(vm);
	r = module_unload(MODULE_NAME);
	check(r == EWOULDBLOCK || r == EBUSY, "rmmod before the first KVM_RUN: errno %d", r);
	start_until_meeting(vm);
	r = module_unload(MODULE_NAME);
	check(r == EWOULDBLOCK || r == EBUSY, "rmmod under a running guest: errno %d", r);
	diag("  rmmod under a running guest: %s (kmod says: Module is in use)", strerror(r));
	check(module_loaded(MODULE_NAME), "the module is gone");
	run_on(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch action=vc");
	vm_destroy(vm);
	unload();
}

/*
 * A guest that is older than the module: no history, so the report says where
 * the expectation comes from, and nothing is enforced but what the module has
 * seen itself.
 */
static void late_load(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w, w2, w3;

	(void)arg;
	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 7);
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	w2 = op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	op_psc(vm, 0, GPA(2), PSC_SHARED);
	w3 = op_write(vm, 0, VIEW_PRIVATE, GPA(2), 1);
	start_until_meeting(vm);
	if (!load("mode=strict"))
		return;
	run_on(vm);
	guard_find(vm);
	expect_file(vm, "history", "partial");
	expect_ok(vm, 0, w);
	expect_record(vm, "class=implicit_shared gfn=0x%lx expected=private source=attribute psc=unknown action=none",
		      GFN(0));
	expect_ok(vm, 0, w2);
	expect_fault(vm, 0, w3, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=implicit_private gfn=0x%lx expected=shared source=psc action=vc",
		      GFN(2));
	expect_quiet(vm);
	vm_destroy(vm);
	unload();
}

/*
 * Where KVM's attribute is all that is known, it follows the guest. So each time that the
 * guest goes the other way is a mismatch of its own.
 */
static void late_load_back_and_forth(const void *arg)
{
	enum { TIMES = 3 };
	struct vm *vm = vm_create(NULL);
	unsigned int w[2 * TIMES];

	(void)arg;
	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 7);
	add_meeting(vm);
	for (int i = 0; i < TIMES; i++) {
		w[2 * i] = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
		w[2 * i + 1] = op_pvalidate(vm, 0, GPA(0), true, false);
	}
	start_until_meeting(vm);
	if (!load("mode=lenient"))
		return;
	run_on(vm);
	guard_find(vm);
	for (int i = 0; i < TIMES; i++) {
		expect_ok(vm, 0, w[2 * i]);
		expect_record(vm, "class=implicit_shared gfn=0x%lx expected=private source=attribute action=none",
			      GFN(0));
		expect_ok(vm, 0, w[2 * i + 1]);
		expect_record(vm, "class=implicit_private gfn=0x%lx expected=shared source=attribute action=none",
			      GFN(0));
	}
	expect_quiet(vm);
	vm_destroy(vm);
	unload();
}

/* The module comes while the VMM is about to answer a PSC. */
static uint64_t load_and_answer(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa == GPA(0))
		load("mode=strict");
	return vm_psc(v, psc);
}

static void late_load_in_psc(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = load_and_answer });
	unsigned int w;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	run(vm);
	expect_halted(vm, 0);
	guard_find(vm);
	expect_ok(vm, 0, w);
	expect_quiet(vm);
	expect_file(vm, "history", "partial");
	expect_page_state(vm, GPA(0), "shared");
	vm_destroy(vm);
	unload();
}

/* Loading while vCPUs go in and out of the guest as fast as they can. */
static void load_under_fire(const void *arg)
{
	struct vm *vm = converting_vm(2);

	(void)arg;
	load("mode=strict");
	/* On a busy machine it may not run for a while. */
	for (unsigned int ms = 0; ms < PATIENCE_MS && !guard_id(vm); ms += 10) {
		usleep(10000);
		guard_find(vm);
	}
	check(guard_id(vm), "the module has not found the running VM");
	check(module_unload(MODULE_NAME), "rmmod took the module from under a running guest");
	expect_file(vm, "history", "partial");
	wait_for_counter(vm, "psc_completed", 1);
	vm_stop(vm);
	/* What was under way at the load is not known: nothing may be enforced. */
	expect_counter(vm, "violations/enforced", 0);
	for (unsigned int i = 0; i < 2; i++)
		check(vm->vcpu[i].state == VCPU_STUCK, "vCPU %u ended by itself", i);
	vm_destroy(vm);
	unload();
}

/* A guest that spins without an exit is not seen, so the module can go again. */
static void load_and_unload_beside_spinning_guest(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	uint64_t n;
	int r;

	(void)arg;
	op_count(vm, 0, FLAG_READY, FLAG_GO);
	vm_start(vm);
	vm_wait_flag(vm, FLAG_READY, 1000, PATIENCE_MS);
	if (!load(""))
		return;
	r = module_unload(MODULE_NAME);
	n = vm_get_flag(vm, FLAG_READY);
	check(!r || r == EWOULDBLOCK, "rmmod: errno %d", r);
	check(vm_wait_flag(vm, FLAG_READY, n + 1000, PATIENCE_MS), "the guest stopped");
	run_on(vm);
	vm_destroy(vm);
	if (r)
		unload();
}

/* One guest is ended; the other, in the same process, does not notice. */
static void only_one_is_guilty(const void *arg)
{
	struct vm *guilty = vm_create(NULL), *innocent;
	unsigned int w, start, v;

	(void)arg;
	knob_write("mode", "strict");
	knob_write("action", "terminate");
	w = op_write(guilty, 0, VIEW_PRIVATE, GPA(0), 1);
	guard_launch(guilty);
	innocent = vm_create(NULL);
	start = op_make_private(innocent, 0, GPA(0)) - 1;
	op_write(innocent, 0, VIEW_PRIVATE, GPA(0), 1);
	op_make_shared(innocent, 0, GPA(0));
	op_set_flag(innocent, 0, FLAG_READY, 1);
	op_loop(innocent, 0, start, 60);
	v = op_make_private(innocent, 0, GPA(1));
	guard_launch(innocent);
	vm_start(innocent);
	vm_wait_flag(innocent, FLAG_READY, 1, PATIENCE_MS);
	vm_start(guilty);
	vm_wait(guilty, PATIENCE_MS);
	vm_wait(innocent, PATIENCE_MS);
	expect_never_finished(guilty, 0, w);
	expect_crash(guilty, 0, GPA(0), CLASS_FIRST_TOUCH);
	expect_record(guilty, "class=first_touch action=terminate");
	expect_file(guilty, "state", "terminated");
	expect_halted(innocent, 0);
	expect_code(innocent, 0, v, 0);
	expect_file(innocent, "state", "running");
	expect_counter(innocent, "violations/first_touch", 0);
	expect_quiet(guilty);
	expect_quiet(innocent);
	vm_destroy(guilty);
	vm_destroy(innocent);
}

/* Folders come and go with the VMs, and a number is used once. */
static void vm_numbers(const void *arg)
{
	unsigned int last = 0;
	char path[128];

	(void)arg;
	for (unsigned int i = 0; i < 3; i++) {
		struct vm *vm = vm_create(NULL);
		unsigned int id;

		op_psc(vm, 0, GPA(0), PSC_SHARED);
		guard_launch(vm);
		id = guard_id(vm);
		check(id > last, "VM number %u after %u", id, last);
		last = id;
		run(vm);
		snprintf(path, sizeof(path), SYSFS "/vms/%u", id);
		check(file_exists(path), "%s is not there", path);
		vm_destroy(vm);
		check(!file_exists(path), "%s is still there", path);
		snprintf(path, sizeof(path), MODULE_NAME ": vm=%u ", id);
		check(log_has(path, "guarding") &&
		      log_has(path, "ended: psc=6 violations=0 enforced=0 ") &&
		      log_has(path, " suppressed=0 discarded=0"),
		      "the log does not tell begin and end of vm=%u", id);
	}
}

/* A VM without SEV: it runs, and the module has no interest in it. */
static void ordinary_vm(const void *arg)
{
	static const uint8_t code[] = { 0xb0, 0x2a, 0xe6, 0x10, 0xf4 };	/* out 42 to 0x10; hlt */
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu;
	uint8_t *mem = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region r = {
		.guest_phys_addr = 0x1000, .memory_size = GUEST_PAGE,
		.userspace_addr = (uint64_t)mem,
	};
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_run *run;

	(void)arg;
	knob_write("mode", "strict");
	memcpy(mem, code, sizeof(code));
	if (!check(vm >= 0 && !ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r), "no ordinary VM"))
		return;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	ioctl(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	ioctl(vcpu, KVM_SET_SREGS, &sregs);
	ioctl(vcpu, KVM_SET_REGS, &regs);
	check(!ioctl(vcpu, KVM_RUN, 0) && run->exit_reason == KVM_EXIT_IO && run->io.port == 0x10,
	      "the ordinary VM does not run (exit %u)", run->exit_reason);
	check(!ioctl(vcpu, KVM_RUN, 0) && run->exit_reason == KVM_EXIT_HLT,
	      "the ordinary VM does not halt (exit %u)", run->exit_reason);
	guard_find(NULL);
	check(!guard_id(NULL), "the module tracks an ordinary VM");
	check(!log_has(MODULE_NAME ": vm=", "guarding"), "the module guards an ordinary VM");
}

static const struct scenario scenarios[] = {
	{ "lifecycle.vm_numbers", vm_numbers, NULL, 0 },
	{ "lifecycle.ordinary_vm", ordinary_vm, NULL, 0 },
	{ "lifecycle.only_one_is_guilty", only_one_is_guilty, NULL, 0 },
	{ "lifecycle.rmmod_under_guest", rmmod_under_guest, NULL, 0 },
	{ "lifecycle.parameters", parameters, NULL, SC_UNLOADED },
	{ "lifecycle.late_load", late_load, NULL, SC_UNLOADED },
	{ "lifecycle.late_load_back_and_forth", late_load_back_and_forth, NULL, SC_UNLOADED },
	{ "lifecycle.late_load_in_psc", late_load_in_psc, NULL, SC_UNLOADED },
	{ "lifecycle.load_under_fire", load_under_fire, NULL, SC_UNLOADED },
	{ "lifecycle.load_beside_spinning_guest", load_and_unload_beside_spinning_guest, NULL,
	  SC_UNLOADED },
};

GROUP(lifecycle_group, scenarios);
