// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM comes, is met, and goes: all that has to be made for it, and taken down.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "life.h"

#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>

#include "compat.h"
#include "debugfs.h"
#include "ended.h"
#include "hook.h"
#include "site_taker.h"
#include "sysfs.h"
#include "vm.h"

/* Whoever may open /dev/kvm can make VMs come and go as fast as he likes. */
static DEFINE_RATELIMIT_STATE(life_limit, 5 * HZ, 100);

static struct rmpe_vm *begin(struct kvm *kvm, enum rmpe_history_state history)
{
	struct rmpe_vm *vm, *added;

	/*
	 * The module stays for as long as it tracks a VM.  It can't be had only
	 * while it is being unloaded, and then nothing is tracked any more.
	 */
	if (!try_module_get(THIS_MODULE))
		return NULL;
	vm = rmpe_vm_alloc(kvm, history);
	if (!vm) {
		module_put(THIS_MODULE);
		pr_warn_ratelimited("out of memory: the VM of pid %d is not guarded\n",
				    task_tgid_nr(current));
		return NULL;
	}
	added = rmpe_vm_add(vm);
	if (added != vm) {
		module_put(THIS_MODULE);
		return added;
	}
	atomic64_inc(&rmpe_totals.vms);
	rmpe_sysfs_add_vm(vm);
	rmpe_debugfs_add_vm(vm);

	if (__ratelimit(&life_limit))
		pr_info("vm=%llu pid=%d comm=%s history=%s: guarding\n", vm->id,
			vm->pid, vm->comm, rmpe_history_names[history]);
	return vm;
}

static void print_end(const struct rmpe_vm *vm)
{
	u64 violations = 0;
	int i;

	for (i = RMPE_CLASS_NONE + 1; i < RMPE_NR_CLASSES; i++)
		violations += vm->counters.class[i];
	pr_info("vm=%llu pid=%d ended: psc=%llu violations=%llu enforced=%llu suppressed=%llu discarded=%llu\n",
		vm->id, vm->pid, vm->counters.psc_completed, violations,
		vm->counters.enforced, vm->counters.log_suppressed,
		vm->counters.pages_discarded);
}

/* The module may be unloaded from here on; the wrapper keeps the code in place. */
static void end(const struct kvm *kvm)
{
	struct rmpe_vm *vm = rmpe_vm_del(kvm);

	if (!vm)
		return;
	/* Before its directory goes: who looks finds it in one place or the other. */
	rmpe_ended_add(vm);
	atomic64_inc(&rmpe_totals.vms_ended);
	rmpe_debugfs_remove_vm(vm);
	rmpe_sysfs_remove_vm(vm);
	if (__ratelimit(&life_limit))
		print_end(vm);
	kobject_put(&vm->kobj);
	module_put(THIS_MODULE);
}

/**
 * rmpe_vm_adopt() - a VM is met that is not in the table: it is older than the module
 * @kvm: the VM
 *
 * Or there was no memory when it was created.
 *
 * Context: process context, may sleep; in an ioctl of @kvm or of its vCPUs.
 * Return: the state, or NULL without memory or while the module is unloaded.
 */
struct rmpe_vm *rmpe_vm_adopt(struct kvm *kvm)
{
	return begin(kvm, RMPE_HISTORY_PARTIAL);
}

DEFINE_STATIC_CALL_NULL(rmpe_kvm_init_vm, kvm_arch_init_vm);
DEFINE_STATIC_CALL_NULL(rmpe_kvm_destroy_vm, kvm_arch_destroy_vm);

/* kvm_arch_init_vm() of an SNP VM: process context; none of its ioctls can run yet. */
static int init_vm(struct kvm *kvm, unsigned long type)
{
	int r;

	rmpe_hook_enter();
	r = static_call(rmpe_kvm_init_vm)(kvm, type);
	if (!r)
		begin(kvm, RMPE_HISTORY_COMPLETE);
	rmpe_hook_leave();
	return r;
}

/* kvm->arch.vm_type is not set yet; the second argument is what it will be. */
static unsigned long notrace type_to_be(struct ftrace_regs *fregs)
{
	return ftrace_regs_get_argument(fregs, 1);
}

struct rmpe_hook rmpe_hook_init_vm = {
	.name		= "kvm_arch_init_vm",
	.prototype	= "s32(struct kvm *, u64)",
	.wrapper	= init_vm,
	RMPE_ORIGINAL(rmpe_kvm_init_vm),
	.vm_type	= type_to_be,
};

/* kvm_arch_destroy_vm() of an SNP VM: process context; nothing runs in it any more. */
static void destroy_vm(struct kvm *kvm)
{
	struct rmpe_vm *vm;

	rmpe_hook_enter();
	vm = rmpe_vm_find(kvm);
	if (vm)
		rmpe_site_wait_all(vm);
	static_call(rmpe_kvm_destroy_vm)(kvm);
	end(kvm);
	rmpe_hook_leave();
}

struct rmpe_hook rmpe_hook_destroy_vm = {
	.name		= "kvm_arch_destroy_vm",
	.prototype	= "void(struct kvm *)",
	.wrapper	= destroy_vm,
	RMPE_ORIGINAL(rmpe_kvm_destroy_vm),
	.vm_type	= rmpe_hook_type_of_kvm,
};
