// SPDX-License-Identifier: GPL-2.0-only
/* Modes, actions and policies: globally, for one VM, and while guests run. */
#include <errno.h>
#include <string.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

static void expect_knob(const char *name, const char *value)
{
	char buf[128];

	if (!knob_read(name, buf, sizeof(buf)))
		fail("%s can't be read", name);
	else
		check(!strcmp(buf, value), "%s is '%s', not '%s'", name, buf, value);
}

static void expect_rejected(const char *name, const char *value)
{
	char before[128] = "";
	int r;

	knob_read(name, before, sizeof(before));
	r = knob_write(name, value);
	check(r == EINVAL, "writing '%s' to %s gives errno %d, not EINVAL", value, name, r);
	expect_knob(name, before);
}

static void words(const void *arg)
{
	static const char *const bad[] = {
		"\n", "Strict", "stric", "strictx", "inherit", "1", "strict lenient",
		"strict\nlenient",
	};

	(void)arg;
	expect_knob("mode", "lenient");
	expect_knob("action", "vc");
	expect_knob("available_modes", "off lenient strict");
	expect_knob("available_actions", "vc terminate");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_rejected("mode", bad[i]);
	expect_rejected("action", "kill");
	expect_rejected("policy/first_touch", "ignore");
	check(!knob_write("mode", "strict\n"), "a word with a newline is not understood");
	expect_knob("mode", "strict");
	check(!knob_write("mode", "off"), "a word without a newline is not understood");
	expect_knob("mode", "off");
	check(!knob_write("action", "terminate"), "action=terminate is not understood");
	expect_knob("action", "terminate");
	expect_knob("sites", "on");
	expect_knob("request_sites", "off");
	expect_rejected("sites", "yes");
	expect_rejected("request_sites", "inherit");
	check(!knob_write("request_sites", "on"), "request_sites=on is not understood");
	expect_knob("request_sites", "on");
	check(knob_write("version", "2"), "version can be written");
}

static void vm_words(const void *arg)
{
	struct vm *vm = vm_create(NULL);

	(void)arg;
	guard_launch(vm);
	expect_file(vm, "mode", "inherit");
	expect_file(vm, "action", "inherit");
	expect_file(vm, "policy/first_touch", "inherit");
	expect_file(vm, "sites", "inherit");
	expect_file(vm, "request_sites", "inherit");
	expect_file(vm, "effective_mode", "lenient");
	expect_file(vm, "state", "running");
	expect_file(vm, "history", "complete");
	expect_file(vm, "last_violation", "none");
	expect_file(vm, "comm", "e2e");
	check(guard_write(vm, "mode", "loud") == EINVAL, "a wrong word is no EINVAL");
	expect_file(vm, "mode", "inherit");
	check(!guard_write(vm, "mode", "strict"), "mode=strict is refused");
	expect_file(vm, "effective_mode", "strict");
	expect_knob("mode", "lenient");
	check(!guard_write(vm, "mode", "inherit"), "mode=inherit is refused");
	knob_write("mode", "strict");
	expect_file(vm, "effective_mode", "strict");
	guard_write(vm, "mode", "lenient");
	expect_file(vm, "effective_mode", "lenient");
	knob_write("mode", "off");
	expect_file(vm, "effective_mode", "off");
	vm_destroy(vm);
}

/* off: nothing is judged, but PSCs, and what KVM resolves, are tracked for later */
static void off(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w, w2, w3;

	(void)arg;
	knob_write("mode", "off");
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	add_meeting(vm);
	w2 = op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	w3 = op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);
	run_until_meeting(vm);
	expect_ok(vm, 0, w);
	expect_quiet(vm);
	expect_counter(vm, "npf_judged", 0);
	expect_counter(vm, "violations/implicit_shared", 0);
	check(debug_has(vm, "page_state", "gfn=0x%lx state=shared source=use asked=launched",
			GFN(0)), "what KVM has resolved is not known");
	expect_counter(vm, "psc_completed", GUEST_BOOT_PSCS(0) + 1);
	knob_write("mode", "strict");
	run_on(vm);
	expect_ok(vm, 0, w2);
	expect_fault(vm, 0, w3, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=implicit_private gfn=0x%lx psc=shared mode=strict action=vc",
		      GFN(1));
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The mode changes while the guest runs: what counts is the mode at the fault. */
static void changes_while_running(const void *arg)
{
	static const char *const mode[] = { "lenient", "strict", "off", "strict" };
	struct vm *vm = vm_create(NULL);
	unsigned int w[4];

	(void)arg;
	for (unsigned int i = 0; i < 4; i++) {
		vm_add_launched(vm, GPA(i), 1, 0xaa);
		op_set_flag(vm, 0, FLAG_READY, i + 1);
		op_wait_flag(vm, 0, FLAG_GO, i + 1);
		w[i] = op_write(vm, 0, VIEW_SHARED, GPA(i), 1);
	}
	guard_launch(vm);
	vm_start(vm);
	for (unsigned int i = 0; i < 4; i++) {
		check(vm_wait_flag(vm, FLAG_READY, i + 1, PATIENCE_MS), "the guest hangs");
		check(!knob_write("mode", mode[i]), "mode=%s is refused", mode[i]);
		vm_set_flag(vm, FLAG_GO, i + 1);
	}
	vm_wait(vm, PATIENCE_MS);
	expect_halted(vm, 0);
	for (unsigned int i = 0; i < 4; i++) {
		if (!strcmp(mode[i], "strict"))
			expect_fault(vm, 0, w[i], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
		else
			expect_ok(vm, 0, w[i]);
		if (strcmp(mode[i], "off"))
			expect_record(vm, "gfn=0x%lx mode=%s action=%s", GFN(i),
				      mode[i], i ? "vc" : "none");
	}
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Three VMs side by side, each in a mode of its own. */
static void per_vm_side_by_side(const void *arg)
{
	static const char *const mode[] = { "off", "lenient", "strict" };
	struct vm *vm[3];
	unsigned int w[3];

	(void)arg;
	for (unsigned int i = 0; i < 3; i++) {
		vm[i] = vm_create(NULL);
		vm_add_launched(vm[i], GPA(0), 1, 0xaa);
		w[i] = op_write(vm[i], 0, VIEW_SHARED, GPA(0), 1);
		guard_launch(vm[i]);
		check(!guard_write(vm[i], "mode", mode[i]), "mode=%s is refused", mode[i]);
	}
	check(guard_id(vm[0]) < guard_id(vm[1]) && guard_id(vm[1]) < guard_id(vm[2]),
	      "the VMs have no numbers of their own");
	for (unsigned int i = 0; i < 3; i++)
		vm_start(vm[i]);
	for (unsigned int i = 0; i < 3; i++) {
		vm_wait(vm[i], PATIENCE_MS);
		expect_halted(vm[i], 0);
	}
	expect_ok(vm[0], 0, w[0]);
	expect_ok(vm[1], 0, w[1]);
	expect_fault(vm[2], 0, w[2], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm[1], "class=implicit_shared mode=lenient action=none");
	expect_record(vm[2], "class=implicit_shared mode=strict action=vc");
	for (unsigned int i = 0; i < 3; i++) {
		expect_quiet(vm[i]);
		vm_destroy(vm[i]);
	}
}

static void per_vm_action(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w;

	(void)arg;
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	guard_launch(vm);
	guard_write(vm, "mode", "strict");
	guard_write(vm, "action", "terminate");
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_crash(vm, 0, GPA(0), CLASS_FIRST_TOUCH);
	expect_record(vm, "class=first_touch mode=strict action=terminate");
	vm_destroy(vm);
}

/* The global off is stronger than a VM's own mode. */
static void global_off(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	guard_launch(vm);
	guard_write(vm, "mode", "strict");
	knob_write("mode", "off");
	run(vm);
	expect_halted(vm, 0);
	expect_ok(vm, 0, w);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* A class that a site calls normal, and one that it wants stopped. */
static void policies(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int v, w, w2;

	(void)arg;
	knob_write("mode", "strict");
	check(!knob_write("policy/first_touch", "report"), "policy is refused");
	check(!knob_write("policy/initial_shared", "enforce"), "policy is refused");
	v = op_pvalidate(vm, 0, GPA(0), true, false);
	w = op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	w2 = op_write(vm, 0, VIEW_SHARED, GPA(2), 1);
	op_psc(vm, 0, GPA(3), PSC_SHARED);
	clean_run(vm);
	expect_code(vm, 0, v, 0);
	expect_record(vm, "class=first_touch mode=strict action=none");
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_fault(vm, 0, w2, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=initial_shared gfn=0x%lx action=vc", GFN(1));
	expect_record(vm, "class=initial_shared gfn=0x%lx action=vc", GFN(2));
	expect_quiet(vm);
	vm_destroy(vm);
}

static void per_vm_policy(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int v;

	(void)arg;
	knob_write("mode", "strict");
	v = op_pvalidate(vm, 0, GPA(0), true, false);
	guard_launch(vm);
	check(!guard_write(vm, "policy/first_touch", "report"), "the VM's policy is refused");
	run(vm);
	expect_halted(vm, 0);
	expect_code(vm, 0, v, 0);
	expect_record(vm, "class=first_touch mode=strict action=none");
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "modes.words", words, NULL, 0 },
	{ "modes.vm_words", vm_words, NULL, 0 },
	{ "modes.off", off, NULL, 0 },
	{ "modes.changes_while_running", changes_while_running, NULL, 0 },
	{ "modes.per_vm_side_by_side", per_vm_side_by_side, NULL, 0 },
	{ "modes.per_vm_action", per_vm_action, NULL, 0 },
	{ "modes.global_off", global_off, NULL, 0 },
	{ "modes.policies", policies, NULL, 0 },
	{ "modes.per_vm_policy", per_vm_policy, NULL, 0 },
};

GROUP(modes_group, scenarios);
