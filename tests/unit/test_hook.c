// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the module gets between KVM and its functions, and out again: all or nothing, and
 * nobody is sent where nothing is any more.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include <string.h>

#include <unit/cpu.h>
#include <unit/ftrace.h>

#include "fake_host.h"
#include "hook.h"

/* KVM: who has run in place of what was called. */
static const char *ran;
static struct kvm kvm = { .arch.vm_type = KVM_X86_SNP_VM };
static struct kvm_vcpu vcpu = { .kvm = &kvm };

static int run(struct kvm_vcpu *v)
{
	ran = "run";
	return 11;
}

static int fault(struct kvm_vcpu *v)
{
	ran = "fault";
	return 12;
}

static int create(struct kvm *of, unsigned long type)
{
	ran = "create";
	return 13;
}

static int destroy(struct kvm *of)
{
	ran = "destroy";
	return 14;
}

DEFINE_STATIC_CALL_NULL(real_run, run);
DEFINE_STATIC_CALL_NULL(real_fault, fault);
DEFINE_STATIC_CALL_NULL(real_create, create);
DEFINE_STATIC_CALL_NULL(real_destroy, destroy);

static int hooked_run(struct kvm_vcpu *v)
{
	int r = static_call(real_run)(v);

	assert_string_equal(ran, "run");
	ran = "hooked run";
	return r + 100;
}

static int hooked_fault(struct kvm_vcpu *v)
{
	ran = "hooked fault";
	return static_call(real_fault) == fault ? 112 : -1;
}

static int hooked_create(struct kvm *of, unsigned long type)
{
	ran = "hooked create";
	return static_call(real_create) == create ? 113 : -1;
}

static int hooked_destroy(struct kvm *of)
{
	ran = "hooked destroy";
	return static_call(real_destroy) == destroy ? 114 : -1;
}

static unsigned long second_argument(struct ftrace_regs *fregs)
{
	return ftrace_regs_get_argument(fregs, 1);
}

static struct rmpe_hook run_hook = {
	.name = "kvm_run", .wrapper = hooked_run, RMPE_ORIGINAL(real_run),
};

static struct rmpe_hook fault_hook = {
	.name = "kvm_fault", .wrapper = hooked_fault, RMPE_ORIGINAL(real_fault),
};

static struct rmpe_hook create_hook = {
	.name = "kvm_create", .wrapper = hooked_create, RMPE_ORIGINAL(real_create),
	.vm_type = second_argument,
};

static struct rmpe_hook destroy_hook = {
	.name = "kvm_destroy", .wrapper = hooked_destroy, RMPE_ORIGINAL(real_destroy),
	.vm_type = rmpe_hook_type_of_kvm,
	.without = "nobody will know",
};

static struct rmpe_hook *const hooks[] = {
	&run_hook, &fault_hook, &create_hook, &destroy_hook, NULL
};

enum { RUN, FAULT, CREATE, DESTROY, NR_FUNCTIONS };

static struct unit_function functions[NR_FUNCTIONS + 1];

static unsigned int slept;
static void (*while_sleeping)(void);

/* Somebody is in a wrapper, and has time. */
void msleep(unsigned int ms)
{
	assert_in_range(ms, 1, 100);
	slept++;
	if (while_sleeping)
		while_sleeping();
	assert_true(slept < 100);
}

static int set_up(void **state)
{
	static const struct unit_function all[] = {
		[RUN]		= { .symbol = "kvm:kvm_run", .text = run },
		[FAULT]		= { .symbol = "kvm:kvm_fault", .text = fault },
		[CREATE]	= { .symbol = "kvm:kvm_create", .text = create },
		[DESTROY]	= { .symbol = "kvm:kvm_destroy", .text = destroy },
	};
	unsigned int i;

	memcpy(functions, all, sizeof(all));
	unit_ftrace = (struct unit_ftrace){ .function = functions };
	host = (struct fake_host){ };
	for (i = 0; hooks[i]; i++) {
		hooks[i]->skip = false;
		hooks[i]->ip = 0;
		hooks[i]->original->func = NULL;
	}
	unit_module.state = MODULE_STATE_LIVE;
	unit_kvm_is_module = true;
	unit_cpu = 0;
	slept = 0;
	while_sleeping = NULL;
	kvm.arch.vm_type = KVM_X86_SNP_VM;
	return 0;
}

static int tear_down(void **state)
{
	rmpe_hooks_remove();
	return unit_ftrace.registered || unit_ftrace.probes || slept;
}

/* What runs if KVM calls its function for a VM of this type. */
static const char *called(unsigned int function, unsigned long type)
{
	int r = 0;

	kvm.arch.vm_type = type;
	ran = NULL;
	switch (function) {
	case RUN:
		r = unit_call(run, &vcpu);
		assert_int_equal(r, strcmp(ran, "run") ? 111 : 11);
		break;
	case FAULT:
		r = unit_call(fault, &vcpu);
		assert_int_equal(r, strcmp(ran, "fault") ? 112 : 12);
		break;
	case CREATE:
		/* Its VM is not of any type yet. */
		kvm.arch.vm_type = KVM_X86_SNP_VM - type;
		r = unit_call(create, &kvm, type);
		assert_int_equal(r, strcmp(ran, "create") ? 113 : 13);
		break;
	case DESTROY:
		r = unit_call(destroy, &kvm);
		assert_int_equal(r, strcmp(ran, "destroy") ? 114 : 14);
		break;
	}
	kvm.arch.vm_type = KVM_X86_SNP_VM;
	return ran;
}

static void assert_hooked(void)
{
	assert_string_equal(called(RUN, KVM_X86_SNP_VM), "hooked run");
	assert_string_equal(called(FAULT, KVM_X86_SNP_VM), "hooked fault");
	assert_string_equal(called(CREATE, KVM_X86_SNP_VM), "hooked create");
	assert_string_equal(called(DESTROY, KVM_X86_SNP_VM), "hooked destroy");
}

static void assert_not_hooked(void)
{
	assert_string_equal(called(RUN, KVM_X86_SNP_VM), "run");
	assert_string_equal(called(FAULT, KVM_X86_SNP_VM), "fault");
	assert_string_equal(called(CREATE, KVM_X86_SNP_VM), "create");
	assert_string_equal(called(DESTROY, KVM_X86_SNP_VM), "destroy");
}

static unsigned int calls;

static void kvm_goes_on(void)
{
	calls++;
	assert_not_hooked();
}

static void install(void)
{
	assert_int_equal(rmpe_hooks_install(hooks), 0);
}

static void all_are_hooked(void **state)
{
	unsigned int i;

	assert_not_hooked();
	install();
	assert_hooked();
	assert_int_equal(unit_ftrace.registered, 2);
	assert_int_equal(unit_ftrace.probes, 0);
	assert_int_equal(host.printed, 0);
	for (i = 0; hooks[i]; i++) {
		assert_int_equal(hooks[i]->ip,
				 (unsigned long)functions[i].text - MCOUNT_INSN_SIZE);
		/* After its fentry call, or ftrace would see it again. */
		assert_ptr_equal(hooks[i]->original->func, functions[i].text);
	}
	rmpe_hooks_remove();
	assert_not_hooked();
	assert_int_equal(unit_ftrace.registered, 0);
}

/* Every type that there is, and some more. */
static void other_vms_are_left_alone(void **state)
{
	unsigned long type;

	install();
	for (type = 0; type < 9; type++) {
		if (type == KVM_X86_SNP_VM)
			continue;
		assert_string_equal(called(RUN, type), "run");
		assert_string_equal(called(FAULT, type), "fault");
		assert_string_equal(called(CREATE, type), "create");
		assert_string_equal(called(DESTROY, type), "destroy");
	}
	assert_hooked();
}

/* A kernel that has KVM in it knows the functions by their names alone. */
static void kvm_is_built_in(void **state)
{
	unsigned int i;

	unit_kvm_is_module = false;
	assert_int_equal(rmpe_hooks_install(hooks), -ENOENT);
	for (i = 0; functions[i].symbol; i++)
		functions[i].symbol += strlen("kvm:");
	install();
	assert_hooked();
}

static void installed_again(void **state)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		install();
		assert_hooked();
		rmpe_hooks_remove();
		assert_not_hooked();
	}
}

/* As many as there may be. */
static void most_hooks(void **state)
{
	static struct unit_function many[RMPE_MAX_HOOKS + 1];
	static struct rmpe_hook hook[RMPE_MAX_HOOKS];
	static char symbol[RMPE_MAX_HOOKS][16];
	struct rmpe_hook *list[RMPE_MAX_HOOKS + 1] = { };
	static char text[RMPE_MAX_HOOKS][16];
	unsigned int i, nr;

	for (nr = 2; nr <= RMPE_MAX_HOOKS; nr++) {
		memset(many, 0, sizeof(many));
		memset(list, 0, sizeof(list));
		for (i = 0; i < nr; i++) {
			snprintf(symbol[i], sizeof(symbol[i]), "kvm:f%u", i);
			many[i].symbol = symbol[i];
			many[i].text = text[i];
			hook[i] = run_hook;
			hook[i].name = symbol[i] + strlen("kvm:");
			hook[i].wrapper = text[i] + 8;
			/* All but one for vCPUs, and the other way round. */
			if (nr % 2 ? i == 0 : i > 0)
				hook[i].vm_type = rmpe_hook_type_of_kvm;
			list[i] = &hook[i];
		}
		unit_ftrace.function = many;
		assert_int_equal(rmpe_hooks_install(list), 0);
		for (i = 0; i < nr; i++)
			assert_ptr_equal(unit_enter(text[i],
						    hook[i].vm_type ?
						    (unsigned long)&kvm :
						    (unsigned long)&vcpu, 0, 0, 0),
					 text[i] + 8);
		rmpe_hooks_remove();
	}
}

/* --- what can go wrong --- */

static void assert_refused(const char *why)
{
	char line[256];

	assert_not_hooked();
	assert_int_equal(unit_ftrace.registered, 0);
	assert_int_equal(unit_ftrace.probes, 0);
	assert_int_equal(host.printed, 1);
	snprintf(line, sizeof(line), "3 rmp_enforce: refusing to load: %s\n", why);
	assert_string_equal(host.log, line);
	/* And what failed leaves nothing that is in the way of another try. */
	set_up(NULL);
	unit_ftrace.meanwhile = kvm_goes_on;
	install();
	unit_ftrace.meanwhile = NULL;
	assert_hooked();
	rmpe_hooks_remove();
}

static void function_is_missing(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_FUNCTIONS; i++) {
		char why[128];

		functions[i].symbol = "kvm:something_else";
		assert_int_equal(rmpe_hooks_install(hooks), -ENOENT);
		snprintf(why, sizeof(why), "kvm has no function %s that can be hooked (error -2)",
			 hooks[i]->name);
		assert_refused(why);
	}
}

static void function_cannot_be_probed(void **state)
{
	functions[CREATE].error = -EINVAL;
	assert_int_equal(rmpe_hooks_install(hooks), -EINVAL);
	assert_refused("kvm has no function kvm_create that can be hooked (error -22)");
}

static void function_is_not_traced(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_FUNCTIONS; i++) {
		char why[128];

		functions[i].no_fentry = true;
		assert_int_equal(rmpe_hooks_install(hooks), -EOPNOTSUPP);
		snprintf(why, sizeof(why), "ftrace can't hook %s of kvm", hooks[i]->name);
		assert_refused(why);
	}
}

/* A livepatch, or another module of this kind: it is said which function it has. */
static void function_is_redirected_already(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_FUNCTIONS; i++) {
		char why[256];

		functions[i].busy = true;
		assert_int_equal(rmpe_hooks_install(hooks), -EBUSY);
		snprintf(why, sizeof(why), "%s is already redirected by another module (a livepatch?), or ftrace is off (sysctl kernel.ftrace_enabled)",
			 hooks[i]->name);
		assert_refused(why);
	}
}

/* Of two it is the first. */
static void two_are_redirected_already(void **state)
{
	functions[RUN].busy = functions[FAULT].busy = true;
	assert_int_equal(rmpe_hooks_install(hooks), -EBUSY);
	assert_refused("kvm_run is already redirected by another module (a livepatch?), or ftrace is off (sysctl kernel.ftrace_enabled)");
}

/* All at once, and none alone. */
static void nobody_knows_which(void **state)
{
	unit_ftrace.register_error = -EBUSY;
	unit_ftrace.fail_register = 1;
	assert_int_equal(rmpe_hooks_install(hooks), -EBUSY);
	assert_refused("a function of kvm is already redirected by another module (a livepatch?), or ftrace is off (sysctl kernel.ftrace_enabled)");
}

static void ftrace_says_no(void **state)
{
	unsigned int nth;

	for (nth = 1; nth <= 2; nth++) {
		unit_ftrace.register_error = -ENODEV;
		unit_ftrace.fail_register = nth;
		assert_int_equal(rmpe_hooks_install(hooks), -ENODEV);
		assert_refused("hooking KVM failed with error -19");
	}
}

static void function_cannot_be_named_to_ftrace(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_FUNCTIONS; i++) {
		functions[i].filter_error = -ENOMEM;
		assert_int_equal(rmpe_hooks_install(hooks), -ENOMEM);
		assert_refused("hooking KVM failed with error -12");
	}
}

/* What the kernel's BTF does not vouch for, and no verdict depends on. */
static void hook_is_left_out(void **state)
{
	destroy_hook.skip = true;
	functions[DESTROY].symbol = "kvm:something_else";
	install();
	assert_int_equal(host.printed, 1);
	assert_string_equal(host.log, "6 rmp_enforce: kvm_destroy of kvm is not known: nobody will know\n");
	assert_string_equal(called(RUN, KVM_X86_SNP_VM), "hooked run");
	assert_string_equal(called(CREATE, KVM_X86_SNP_VM), "hooked create");
	assert_string_equal(called(DESTROY, KVM_X86_SNP_VM), "destroy");
	assert_int_equal(destroy_hook.ip, 0);
}

/* --- those who come meanwhile --- */

/* Nobody enters before all are in place: one that fails would have to wait for him. */
static void nobody_enters_too_early(void **state)
{
	unit_ftrace.meanwhile = kvm_goes_on;
	calls = 0;
	install();
	assert_int_equal(calls, 2);
	unit_ftrace.meanwhile = NULL;
	assert_hooked();
}

static void nobody_enters_what_is_refused(void **state)
{
	unit_ftrace.meanwhile = kvm_goes_on;
	functions[DESTROY].busy = true;
	calls = 0;
	assert_int_equal(rmpe_hooks_install(hooks), -EBUSY);
	assert_true(calls >= 2);
}

/* A VM that is made while the module goes is not tracked. */
static void nobody_enters_while_the_module_goes(void **state)
{
	install();
	assert_hooked();
	unit_module.state = MODULE_STATE_GOING;
	assert_not_hooked();
	/* Unloading was given up. */
	unit_module.state = MODULE_STATE_LIVE;
	assert_hooked();
}

static void nobody_enters_once_stopped(void **state)
{
	install();
	rmpe_hooks_stop();
	assert_int_equal(unit_ftrace.registered, 2);
	assert_not_hooked();
	unit_ftrace.meanwhile = kvm_goes_on;
	calls = 0;
	rmpe_hooks_remove();
	assert_int_equal(calls, 2);
}

/* Without having been stopped before, too. */
static void nobody_enters_while_hooks_go(void **state)
{
	install();
	unit_ftrace.meanwhile = kvm_goes_on;
	calls = 0;
	rmpe_hooks_remove();
	assert_int_equal(calls, 2);
}

/* --- those who are in it --- */

static void leave_on_another_cpu(void)
{
	assert_int_equal(unit_ftrace.registered, 0);
	assert_int_equal(unit_ftrace.grace_periods, 0);
	if (slept < 3)
		return;
	unit_cpu = UNIT_NR_CPUS - 1;
	rmpe_hook_leave();
}

static void all_have_left(void)
{
	assert_int_equal(slept, 3);
	assert_int_equal(unit_ftrace.registered, 0);
}

static void last_one_is_waited_for(void **state)
{
	install();
	rmpe_hook_enter();
	rmpe_hook_enter();
	rmpe_hook_leave();
	while_sleeping = leave_on_another_cpu;
	unit_ftrace.grace_period = all_have_left;
	rmpe_hooks_remove();
	assert_int_equal(slept, 3);
	/* His last instructions. */
	assert_int_equal(unit_ftrace.grace_periods, 1);
	slept = 0;
	unit_ftrace.grace_period = NULL;
}

static void cpus_are_added_up(void **state)
{
	unsigned int i;

	for (i = 0; i < UNIT_NR_CPUS; i++) {
		memset(rmpe_hook_users, 0, sizeof(rmpe_hook_users));
		unit_ftrace.grace_periods = 0;
		slept = 0;
		install();
		unit_cpu = i;
		rmpe_hook_enter();
		assert_int_equal(per_cpu(rmpe_hook_users, i), 1);
		while_sleeping = leave_on_another_cpu;
		rmpe_hooks_remove();
		assert_int_equal(slept, 3);
		while_sleeping = NULL;
	}
	slept = 0;
}

#define hook_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		hook_test(all_are_hooked),
		hook_test(other_vms_are_left_alone),
		hook_test(kvm_is_built_in),
		hook_test(installed_again),
		hook_test(most_hooks),
		hook_test(function_is_missing),
		hook_test(function_cannot_be_probed),
		hook_test(function_is_not_traced),
		hook_test(function_is_redirected_already),
		hook_test(two_are_redirected_already),
		hook_test(nobody_knows_which),
		hook_test(ftrace_says_no),
		hook_test(function_cannot_be_named_to_ftrace),
		hook_test(hook_is_left_out),
		hook_test(nobody_enters_too_early),
		hook_test(nobody_enters_what_is_refused),
		hook_test(nobody_enters_while_the_module_goes),
		hook_test(nobody_enters_once_stopped),
		hook_test(nobody_enters_while_hooks_go),
		hook_test(last_one_is_waited_for),
		hook_test(cpus_are_added_up),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
