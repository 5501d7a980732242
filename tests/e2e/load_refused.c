// SPDX-License-Identifier: GPL-2.0-only
/* Loads that can't succeed, for one reason or another: each leaves nothing behind. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guard.h"
#include "module.h"

#define REFUSED	MODULE_NAME ": refusing to load: "

static int users_of_kvm(void)
{
	char buf[32] = "";

	file_read("/sys/module/kvm/refcnt", buf, sizeof(buf));
	return atoi(buf);
}

static bool no_probe_is_left(void)
{
	static char list[65536];

	return file_read("/sys/kernel/debug/kprobes/list", list, sizeof(list)) &&
	       !strstr(list, "kvm_");
}

/* @users: of kvm, before the load */
static void expect_nothing_left(const char *why, int users)
{
	check(!module_loaded(MODULE_NAME), "%s: the module is there", why);
	check(!file_exists(SYSFS), "%s: " SYSFS " is there", why);
	check(!file_exists(DEBUGFS), "%s: " DEBUGFS " is there", why);
	check(kvm_is_unhooked(), "%s: a hook is left", why);
	check(no_probe_is_left(), "%s: a kprobe is left", why);
	check(users_of_kvm() == users, "%s: kvm has %d users, not %d", why, users_of_kvm(), users);
}

static void wrong_words(const void *arg)
{
	static const char *const wrong[][2] = {
		{ "mode=stict", "stict" },
		{ "mode=", "mode= is none of" },
		{ "action=kill", "kill" },
		{ "policy=first_touch", "first_touch" },
		{ "policy=third_touch=report", "third_touch" },
		{ "policy=host=enforce", "host" },
		{ "sites=maybe", "sites=maybe is none of" },
		{ "request_sites=inherit", "request_sites=inherit is none of" },
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		int r = module_load(wrong[i][0]);

		check(r == EINVAL, "insmod with %s: errno %d, not EINVAL", wrong[i][0], r);
		expect_log(REFUSED, wrong[i][1]);
		if (!r)
			module_unload(MODULE_NAME);
	}
	check(!file_exists(SYSFS), "a refused load leaves " SYSFS " behind");
}

/*
 * Another module has the hook: say so, name the function, and leave nothing behind of
 * those that were had already.
 */
static void is_refused_for(const char *target)
{
	int users = users_of_kvm(), r;
	char param[64];

	snprintf(param, sizeof(param), "target=%s", target);
	r = module_load_file("busyhook.ko", param);
	if (!check(!r, "insmod busyhook.ko: %s", strerror(r)))
		return;
	r = module_load("");
	check(r == EBUSY, "insmod with %s busy: errno %d, not EBUSY", target, r);
	expect_log(REFUSED, target);
	if (!r)
		module_unload(MODULE_NAME);
	check(!module_unload("busyhook"), "busyhook can't be unloaded");
	expect_nothing_left(target, users);
}

/* Whichever hook it is. */
static void busy_hook(const void *arg)
{
	static const char *const target[] = {
		"kvm_arch_destroy_vm", "kvm_arch_prepare_memory_region", "kvm_gmem_populate",
		"kvm_arch_vcpu_ioctl_run", "kvm_mmu_page_fault", "kvm_arch_init_vm",
		"kvm_arch_vcpu_pre_fault_memory", "kvm_gmem_fallocate",
	};
	int users = users_of_kvm();

	(void)arg;
	for (unsigned int i = 0; i < sizeof(target) / sizeof(*target); i++)
		is_refused_for(target[i]);
	check(!module_load("") && !module_unload(MODULE_NAME), "no load and unload afterwards");
	expect_nothing_left("after rmmod", users);
}

/*
 * When the last is asked for, KVM_RUN is hooked already: a VM that runs meanwhile goes
 * through our wrapper, and must not be tracked by a module that will not stay.
 */
static void busy_hook_under_fire(const void *arg)
{
	struct vm *vm = converting_vm(1);

	(void)arg;
	is_refused_for("kvm_arch_init_vm");
	expect_converting(vm);
	check(!log_has(MODULE_NAME ": vm=", ""), "a VM was tracked by a module that was refused");
	vm_stop(vm);
	vm_destroy(vm);
}

/*
 * What the module calls to register itself and to take hold of others, how often, and
 * what a failure comes to: the errors are those of failcalls/calls.h.  Of one name those
 * that come later are listed later.
 */
static const struct call {
	const char *name;
	unsigned int times;
	int error;		/* 0: it loads */
	const char *message;
} calls[] = {
	{ "__symbol_get", 1, ENODEV, "kvm is not loaded" },
	{ "filp_open", 2, ENFILE, "can't read the kernel's BTF (error -23)" },
	{ "filp_open", 1, 0, "no rip: this kernel's BTF does not say where" },
	{ "__symbol_get", 1, 0, "no rip: this kernel has no sev_do_cmd()" },
	{ "__symbol_get", 1, 0, "no rip: this kernel has no snp_alloc_firmware_page()" },
	{ "alloc_ordered_workqueue", 1, ENOMEM, "out of memory" },
	{ "kobject_create_and_add", 1, ENOMEM, "no sysfs directory (error -12)" },
	{ "sysfs_create_groups", 1, EINVAL, "no sysfs directory (error -22)" },
	{ "kset_create_and_add", 1, ENOMEM, "no sysfs directory (error -12)" },
	{ "debugfs_create_dir", 1, 0, NULL },
	{ "register_kprobe", 8, EINVAL, "that can be hooked (error -22)" },
	{ "ftrace_set_filter_ip", 8, ENOMEM, "failed with error -12" },
	{ "register_ftrace_function", 2, ENODEV, "failed with error -19" },
};

#define NR_CALLS	(sizeof(calls) / sizeof(*calls))

/* Which call the copy had fail; NR_CALLS for none. */
static size_t failed_call(unsigned int number, const unsigned int times[NR_CALLS])
{
	char prefix[64];
	size_t i;

	snprintf(prefix, sizeof(prefix), MODULE_NAME ": call %u fails: ", number);
	for (i = 0; i < NR_CALLS; i++)
		if (log_has(prefix, calls[i].name) && times[i] < calls[i].times)
			break;
	return i;
}

/* The module goes without its folder in debugfs, or the guests' registers. */
static void loads_without(const struct call *call, int r)
{
	if (call->message)
		expect_log(MODULE_NAME ": records will have ", call->message);
	else
		check(!file_exists(DEBUGFS), DEBUGFS " is there");
	if (!check(!r, "insmod without %s: %s", call->name, strerror(r)))
		return;
	guards_a_guest();
	check(!module_unload(MODULE_NAME), "rmmod without %s", call->name);
}

/* Has the @number-th call fail; false if there are fewer. */
static bool fail_call(unsigned int number, unsigned int times[NR_CALLS])
{
	unsigned int refusals = log_count(REFUSED, "");
	int users = users_of_kvm(), r;
	char text[64];
	size_t i;

	snprintf(text, sizeof(text), "fail=%u", number);
	r = module_load_file("failcalls.ko", text);
	i = failed_call(number, times);
	if (i == NR_CALLS) {
		check(!r, "insmod with no failure: %s", strerror(r));
		check(!module_unload(MODULE_NAME), "rmmod");
		expect_nothing_left("after rmmod", users);
		return false;
	}
	snprintf(text, sizeof(text), "call %u, %s", number, calls[i].name);
	times[i]++;
	check(r == calls[i].error, "%s fails: errno %d, not %d", text, r, calls[i].error);
	if (calls[i].error) {
		check(log_count(REFUSED, "") == refusals + 1 && log_has(REFUSED, calls[i].message),
		      "%s fails: the log does not say '%s', once", text, calls[i].message);
		if (!r)
			module_unload(MODULE_NAME);
	} else {
		loads_without(&calls[i], r);
	}
	expect_nothing_left(text, users);
	return true;
}

/* Each call by which the module registers itself fails in turn. */
static void each_registration(const void *arg)
{
	unsigned int times[NR_CALLS] = { }, n = 1;

	(void)arg;
	while (n < 100 && fail_call(n, times))
		n++;
	for (size_t i = 0; i < NR_CALLS; i++)
		check(times[i] == calls[i].times, "%s failed %u times, not %u", calls[i].name,
		      times[i], calls[i].times);
	diag("  %u calls failed in turn", n - 1);
}

static const struct scenario scenarios[] = {
	{ "lifecycle.wrong_words", wrong_words, NULL, SC_UNLOADED },
	{ "lifecycle.busy_hook", busy_hook, NULL, SC_UNLOADED | SC_SLOW },
	{ "lifecycle.busy_hook_under_fire", busy_hook_under_fire, NULL, SC_UNLOADED },
	{ "lifecycle.each_registration", each_registration, NULL, SC_UNLOADED | SC_SLOW },
};

GROUP(load_refused_group, scenarios);
