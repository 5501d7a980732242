// SPDX-License-Identifier: GPL-2.0-only
/* Everything that can be set is changed while guests violate. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "fire.h"

static const char *const modes[] = { "off", "lenient", "strict", "inherit" };
static const char *const actions[] = { "vc", "terminate", "inherit" };
static const char *const switches[] = { "off", "on", "inherit" };

/* The classes of pages used otherwise than asked for, and of such as were not asked for. */
static const char *const as_shared[] = { "implicit_shared", "initial_shared" };
static const char *const as_private[] = { "implicit_private", "first_touch" };

/* Of all VMs, if there is none. */
static void set_policy(struct vm *vm, const char *class, const char *policy)
{
	char file[64];
	int r;

	snprintf(file, sizeof(file), "policy/%s", class);
	r = vm ? guard_write(vm, file, policy) : knob_write(file, policy);
	check(!r, "%s: %s", file, strerror(r));
}

static void expect_some(struct vm *vm, const char *class)
{
	char file[64];

	snprintf(file, sizeof(file), "violations/%s", class);
	check(guard_counter(vm, file) > 10, "hardly a violation of class %s", class);
	diag("%s: %lu violations", class, guard_counter(vm, file));
}

/*
 * Two vCPUs ask for their pages, one for shared ones and one for private ones; so each
 * violates in one way, and the way back is none.  The last one comes late.
 */
static void settings_under_fire(const void *arg)
{
	static const char *const policy[] = { "enforce", "report" };
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 4, .policy = VM_POLICY_DEBUG });
	double end = now_s() + (uintptr_t)arg;
	unsigned int changes = 0;
	char buf[1024];

	for (unsigned int i = 0; i < 4; i++) {
		if (i < 2) {
			op_psc(vm, i, GPA(i * FIRE_PAGES), i ? PSC_PRIVATE : PSC_SHARED);
			op_each_page(vm, i, FIRE_PAGES);
		}
		fire_add_violations(vm, i, GPA(i * FIRE_PAGES), FIRE_FOR_EVER);
	}
	guard_launch(vm);
	for (unsigned int i = 0; i < 3; i++)
		vm_start_vcpu(vm, i);
	while (now_s() < end || changes <= 20) {
		knob_write("mode", modes[fire_random(3)]);
		guard_write(vm, "mode", modes[fire_random(4)]);
		knob_write("sites", switches[fire_random(2)]);
		guard_write(vm, "request_sites", switches[fire_random(3)]);
		set_policy(NULL, as_shared[fire_random(2)], policy[fire_random(2)]);
		set_policy(vm, as_private[fire_random(2)], policy[fire_random(2)]);
		guard_read(vm, "last_violation", buf, sizeof(buf));
		guard_debug(vm, "page_state", buf, sizeof(buf));
		guard_debug(vm, "psc_history", buf, sizeof(buf));
		guard_debug(vm, "sites", buf, sizeof(buf));
		if (changes++ == 20)
			vm_start_vcpu(vm, 3);
	}
	for (unsigned int i = 0; i < 2; i++) {
		expect_some(vm, as_shared[i]);
		expect_some(vm, as_private[i]);
	}
	/* From one moment to the next the whole VM is ended. */
	guard_write(vm, "mode", "strict");
	for (unsigned int i = 0; i < 2; i++) {
		set_policy(NULL, as_shared[i], "enforce");
		set_policy(vm, as_private[i], "enforce");
	}
	guard_write(vm, "action", "terminate");
	knob_write("mode", "strict");
	vm_wait(vm, PATIENCE_MS);
	expect_file(vm, "state", "terminated");
	for (unsigned int i = 0; i < 4; i++)
		check(vm->vcpu[i].state == VCPU_ENDED, "vCPU %u still runs", i);
	diag("%u changes of six settings each", changes);
	vm_destroy(vm);
}

/*
 * The action changes, too, so sooner or later it is the guest's end: one record, and
 * every vCPU is told the same.  Returns how many changes it took.
 */
static unsigned int change_until_ended(struct vm *vm)
{
	double end = now_s() + PATIENCE_MS / 1000;
	const struct kvm_run *first, *run;
	unsigned int changes = 0;
	char state[32] = "";

	while (strcmp(state, "terminated") && now_s() < end) {
		knob_write("mode", modes[fire_random(3)]);
		guard_write(vm, "mode", modes[fire_random(4)]);
		knob_write("action", actions[fire_random(2)]);
		guard_write(vm, "action", actions[fire_random(3)]);
		changes++;
		usleep(fire_random(3000));
		guard_read(vm, "state", state, sizeof(state));
	}
	check(vm_wait(vm, PATIENCE_MS), "the VM is terminated, and a vCPU goes on");
	first = vm->vcpu[0].run;
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		run = vm->vcpu[i].run;
		check(vm->vcpu[i].state == VCPU_ENDED &&
		      run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
		      run->system_event.type == KVM_SYSTEM_EVENT_CRASH &&
		      run->system_event.data[0] == first->system_event.data[0],
		      "vCPU %u ended with exit %u", i, run->exit_reason);
	}
	check(count_records(vm, "action=terminate") == 1, "%u records of the end",
	      count_records(vm, "action=terminate"));
	return changes;
}

static void action_under_fire(const void *arg)
{
	double end = now_s() + fire_seconds((uintptr_t)arg);
	unsigned int vms, changes = 0;

	for (vms = 0; (now_s() < end || vms < 2) && !scenario_failures; vms++) {
		struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2 });

		for (unsigned int i = 0; i < 2; i++)
			fire_add_violations(vm, i, GPA(i * FIRE_PAGES), FIRE_FOR_EVER);
		knob_write("mode", "lenient");
		knob_write("action", "vc");
		guard_launch(vm);
		vm_start(vm);
		changes += change_until_ended(vm);
		guard_forget(vm);
		vm_destroy(vm);
	}
	diag("%u VMs were ended, after %u changes of mode and action", vms, changes);
}

static const struct scenario scenarios[] = {
	{ "fire.settings", settings_under_fire, (void *)10, SC_LONG },
	{ "fire.action", action_under_fire, (void *)20, SC_LONG },
};

GROUP(settings_group, scenarios);
