// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/rmp_enforce: one value a file, keywords, and a directory for
 * each VM.  docs/ABI/sysfs-kernel-rmp_enforce is the contract.
 *
 * The settings of the module and of a VM are the same files; only a VM's may
 * be "inherit".
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "sysfs.h"

#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "site_taker.h"
#include "vm.h"

static struct kobject *root;
static struct kset *vms;

static struct rmpe_vm *to_vm(struct kobject *kobj)
{
	return container_of(kobj, struct rmpe_vm, kobj);
}

static struct rmpe_settings *to_settings(struct kobject *kobj)
{
	return kobj == root ? &rmpe_global : &to_vm(kobj)->settings;
}

/* Store the number of a keyword, or complain. */
static ssize_t store_setting(u8 *setting, int value, size_t count)
{
	if (value < 0)
		return value;
	WRITE_ONCE(*setting, value);
	return count;
}

/* --- settings --- */

static ssize_t mode_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  rmpe_mode_names[READ_ONCE(to_settings(kobj)->mode)]);
}

static ssize_t mode_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	return store_setting(&to_settings(kobj)->mode,
			     rmpe_parse_mode(buf, kobj != root), count);
}

static struct kobj_attribute mode_attr = __ATTR_RW(mode);

static ssize_t action_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  rmpe_action_names[READ_ONCE(to_settings(kobj)->action)]);
}

static ssize_t action_store(struct kobject *kobj, struct kobj_attribute *attr,
			    const char *buf, size_t count)
{
	return store_setting(&to_settings(kobj)->action,
			     rmpe_parse_action(buf, kobj != root), count);
}

static struct kobj_attribute action_attr = __ATTR_RW(action);

#define SWITCH(_name)							\
	static ssize_t _name##_show(struct kobject *kobj,		\
				    struct kobj_attribute *attr, char *buf) \
	{								\
		u8 on = READ_ONCE(to_settings(kobj)->_name);		\
									\
		return sysfs_emit(buf, "%s\n", rmpe_switch_names[on]);	\
	}								\
	static ssize_t _name##_store(struct kobject *kobj,		\
				     struct kobj_attribute *attr,	\
				     const char *buf, size_t count)	\
	{								\
		return store_setting(&to_settings(kobj)->_name,		\
				     rmpe_parse_switch(buf, kobj != root), count); \
	}								\
	static struct kobj_attribute _name##_attr = __ATTR_RW(_name)

SWITCH(sites);
SWITCH(request_sites);

/* An attribute of one class: a policy or a counter. */
struct rmpe_class_attr {
	struct kobj_attribute attr;
	enum rmpe_class class;
};

static enum rmpe_class to_class(struct kobj_attribute *attr)
{
	return container_of(attr, struct rmpe_class_attr, attr)->class;
}

static ssize_t policy_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	u8 policy = READ_ONCE(to_settings(kobj)->policy[to_class(attr)]);

	return sysfs_emit(buf, "%s\n", rmpe_policy_names[policy]);
}

static ssize_t policy_store(struct kobject *kobj, struct kobj_attribute *attr,
			    const char *buf, size_t count)
{
	return store_setting(&to_settings(kobj)->policy[to_class(attr)],
			     rmpe_parse_policy(buf, kobj != root), count);
}

#define POLICY(_name, _class)						\
	static struct rmpe_class_attr policy_##_name = {		\
		.attr	= __ATTR(_name, 0644, policy_show, policy_store), \
		.class	= _class,					\
	}

POLICY(implicit_private, RMPE_CLASS_IMPLICIT_PRIVATE);
POLICY(implicit_shared, RMPE_CLASS_IMPLICIT_SHARED);
POLICY(first_touch, RMPE_CLASS_FIRST_TOUCH);
POLICY(initial_shared, RMPE_CLASS_INITIAL_SHARED);
POLICY(in_flight, RMPE_CLASS_IN_FLIGHT);
POLICY(vmpl, RMPE_CLASS_VMPL);

static struct attribute *policy_attrs[] = {
	&policy_implicit_private.attr.attr,
	&policy_implicit_shared.attr.attr,
	&policy_first_touch.attr.attr,
	&policy_initial_shared.attr.attr,
	&policy_in_flight.attr.attr,
	&policy_vmpl.attr.attr,
	NULL
};

static const struct attribute_group policy_group = {
	.name	= "policy",
	.attrs	= policy_attrs,
};

/* --- counters, by class --- */

static ssize_t count_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	enum rmpe_class class = to_class(attr);
	u64 n = kobj == root ? atomic64_read(&rmpe_totals.class[class]) :
			       READ_ONCE(to_vm(kobj)->counters.class[class]);

	return sysfs_emit(buf, "%llu\n", n);
}

#define COUNT(_name, _class)						\
	static struct rmpe_class_attr count_##_name = {			\
		.attr	= __ATTR(_name, 0444, count_show, NULL),	\
		.class	= _class,					\
	}

COUNT(implicit_private, RMPE_CLASS_IMPLICIT_PRIVATE);
COUNT(implicit_shared, RMPE_CLASS_IMPLICIT_SHARED);
COUNT(first_touch, RMPE_CLASS_FIRST_TOUCH);
COUNT(initial_shared, RMPE_CLASS_INITIAL_SHARED);
COUNT(in_flight, RMPE_CLASS_IN_FLIGHT);
COUNT(vmpl, RMPE_CLASS_VMPL);
COUNT(host, RMPE_CLASS_HOST);
COUNT(unbacked, RMPE_CLASS_UNBACKED);
COUNT(no_progress, RMPE_CLASS_NO_PROGRESS);

/* --- of the module only --- */

static ssize_t version_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", THIS_MODULE->version);
}

static struct kobj_attribute version_attr = __ATTR_RO(version);

static ssize_t available_modes_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s %s %s\n", rmpe_mode_names[RMPE_MODE_OFF],
			  rmpe_mode_names[RMPE_MODE_LENIENT],
			  rmpe_mode_names[RMPE_MODE_STRICT]);
}

static struct kobj_attribute available_modes_attr = __ATTR_RO(available_modes);

static ssize_t available_actions_show(struct kobject *kobj,
				      struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s %s\n", rmpe_action_names[RMPE_ACTION_VC],
			  rmpe_action_names[RMPE_ACTION_TERMINATE]);
}

static struct kobj_attribute available_actions_attr = __ATTR_RO(available_actions);

static struct attribute *root_attrs[] = {
	&version_attr.attr,
	&mode_attr.attr,
	&available_modes_attr.attr,
	&action_attr.attr,
	&available_actions_attr.attr,
	&sites_attr.attr,
	&request_sites_attr.attr,
	NULL
};

static const struct attribute_group root_group = {
	.attrs	= root_attrs,
};

#define TOTAL(_name)							\
	static ssize_t total_##_name##_show(struct kobject *kobj,	\
					    struct kobj_attribute *attr, char *buf) \
	{								\
		return sysfs_emit(buf, "%lld\n",			\
				  atomic64_read(&rmpe_totals._name));	\
	}								\
	static struct kobj_attribute total_##_name##_attr =		\
		__ATTR(_name, 0444, total_##_name##_show, NULL)

TOTAL(vms);
TOTAL(vms_ended);
TOTAL(vms_terminated);
TOTAL(vc_injected);
TOTAL(enforced);
TOTAL(repeated);

static struct attribute *totals_attrs[] = {
	&total_vms_attr.attr,
	&total_vms_ended_attr.attr,
	&total_vms_terminated_attr.attr,
	&count_implicit_private.attr.attr,
	&count_implicit_shared.attr.attr,
	&count_first_touch.attr.attr,
	&count_initial_shared.attr.attr,
	&count_in_flight.attr.attr,
	&count_vmpl.attr.attr,
	&count_host.attr.attr,
	&count_unbacked.attr.attr,
	&count_no_progress.attr.attr,
	&total_enforced_attr.attr,
	&total_repeated_attr.attr,
	&total_vc_injected_attr.attr,
	NULL
};

static const struct attribute_group totals_group = {
	.name	= "totals",
	.attrs	= totals_attrs,
};

static const struct attribute_group *root_groups[] = {
	&root_group,
	&policy_group,
	&totals_group,
	NULL
};

/* --- of a VM --- */

#define VM_SHOW(_name, _fmt, ...)					\
	static ssize_t _name##_show(struct kobject *kobj,		\
				    struct kobj_attribute *attr, char *buf) \
	{								\
		const struct rmpe_vm *vm = to_vm(kobj);			\
									\
		return sysfs_emit(buf, _fmt "\n", __VA_ARGS__);		\
	}								\
	static struct kobj_attribute _name##_attr = __ATTR_RO(_name)

#define VM_COUNTER(_name) \
	VM_SHOW(_name, "%llu", READ_ONCE(vm->counters._name))

VM_SHOW(pid, "%d", vm->pid);
VM_SHOW(comm, "%s", vm->comm);
VM_SHOW(effective_mode, "%s", rmpe_mode_names[rmpe_vm_mode(vm)]);
VM_SHOW(state, "%s", rmpe_terminated(vm) ? "terminated" : "running");
VM_SHOW(history, "%s", rmpe_history_names[READ_ONCE(vm->history_state)]);
VM_SHOW(debuggable, "%s", rmpe_debuggable_name(vm));
VM_SHOW(npf_judged, "%llu", rmpe_vm_npf_judged(vm));
VM_SHOW(tracker_bytes, "%zu", rmpe_vm_tracker_bytes(vm));
/* The VM outlives this file (life.c). */
VM_SHOW(vcpus, "%d", atomic_read(&vm->kvm->online_vcpus));
VM_COUNTER(launch_pages);
VM_SHOW(psc_requests, "%lld", atomic64_read(&vm->psc_requests));
VM_COUNTER(psc_completed);
VM_COUNTER(psc_refused);
VM_COUNTER(psc_pages);
VM_COUNTER(psc_redundant);
VM_COUNTER(pages_discarded);
VM_COUNTER(prefaults_skipped);
VM_COUNTER(vc_injected);
VM_COUNTER(log_suppressed);

/* Formatted from a copy: the lock is one that a vCPU needs. */
static ssize_t last_violation_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	struct rmpe_vm *vm = to_vm(kobj);
	struct rmpe_record rec;
	int n;

	if (rmpe_vm_record(vm, RMPE_LAST_RECORD, &rec))
		n = rmpe_record_format(buf, PAGE_SIZE - 1, &rec);
	else
		n = scnprintf(buf, PAGE_SIZE - 1, "none");
	buf[n++] = '\n';
	return n;
}

/* It has a host address. */
static struct kobj_attribute last_violation_attr = __ATTR_RO_MODE(last_violation, 0400);

static struct attribute *vm_attrs[] = {
	&pid_attr.attr,
	&comm_attr.attr,
	&vcpus_attr.attr,
	&mode_attr.attr,
	&action_attr.attr,
	&sites_attr.attr,
	&request_sites_attr.attr,
	&debuggable_attr.attr,
	&effective_mode_attr.attr,
	&state_attr.attr,
	&history_attr.attr,
	&launch_pages_attr.attr,
	&psc_requests_attr.attr,
	&psc_completed_attr.attr,
	&psc_refused_attr.attr,
	&psc_pages_attr.attr,
	&psc_redundant_attr.attr,
	&pages_discarded_attr.attr,
	&prefaults_skipped_attr.attr,
	&npf_judged_attr.attr,
	&vc_injected_attr.attr,
	&log_suppressed_attr.attr,
	&tracker_bytes_attr.attr,
	&last_violation_attr.attr,
	NULL
};

static const struct attribute_group vm_group = {
	.attrs	= vm_attrs,
};

VM_COUNTER(enforced);
VM_COUNTER(repeated);

static struct attribute *violations_attrs[] = {
	&count_implicit_private.attr.attr,
	&count_implicit_shared.attr.attr,
	&count_first_touch.attr.attr,
	&count_initial_shared.attr.attr,
	&count_in_flight.attr.attr,
	&count_vmpl.attr.attr,
	&count_host.attr.attr,
	&count_unbacked.attr.attr,
	&count_no_progress.attr.attr,
	&enforced_attr.attr,
	&repeated_attr.attr,
	NULL
};

static const struct attribute_group violations_group = {
	.name	= "violations",
	.attrs	= violations_attrs,
};

static const struct attribute_group *vm_groups[] = {
	&vm_group,
	&policy_group,
	&violations_group,
	NULL
};

static void vm_release(struct kobject *kobj)
{
	rmpe_vm_release(to_vm(kobj));
}

static const struct kobj_type vm_ktype = {
	.release	= vm_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= vm_groups,
};

static const char *vms_uevent_name(const struct kobject *kobj)
{
	return KBUILD_MODNAME;
}

static const struct kset_uevent_ops vms_uevent_ops = {
	.name = vms_uevent_name,
};

/**
 * rmpe_sysfs_add_vm() - make a VM's directory
 * @vm: the VM; its kobject is initialised here in any case
 *
 * Context: process context, may sleep.  The VM is guarded without it as well.
 */
void rmpe_sysfs_add_vm(struct rmpe_vm *vm)
{
	int r;

	vm->kobj.kset = vms;
	r = kobject_init_and_add(&vm->kobj, &vm_ktype, NULL, "%llu", vm->id);
	if (r)
		pr_warn_ratelimited("vm=%llu pid=%d: no sysfs directory (error %d)\n",
				    vm->id, vm->pid, r);
	WRITE_ONCE(vm->in_sysfs, !r);
}

/**
 * rmpe_sysfs_remove_vm() - remove a VM's directory
 * @vm: the VM
 *
 * Context: process context, may sleep: waits for readers and writers to leave.
 */
void rmpe_sysfs_remove_vm(struct rmpe_vm *vm)
{
	/* kobject_del() of one that could not be added ends in an oops. */
	if (vm->in_sysfs)
		kobject_del(&vm->kobj);
}

/* Its files are gone at once, whoever else may hold the object. */
static void remove_root(void)
{
	kobject_del(root);
	kobject_put(root);
}

/**
 * rmpe_sysfs_init() - make the top directory
 *
 * Context: module init; process context.
 * Return: 0 or -ENOMEM.
 */
int rmpe_sysfs_init(void)
{
	int r;

	root = kobject_create_and_add(KBUILD_MODNAME, kernel_kobj);
	if (!root)
		return -ENOMEM;
	r = sysfs_create_groups(root, root_groups);
	if (r)
		goto put_root;
	vms = kset_create_and_add("vms", &vms_uevent_ops, root);
	if (vms)
		return 0;
	r = -ENOMEM;
put_root:
	remove_root();
	return r;
}

/**
 * rmpe_sysfs_exit() - remove the top directory
 *
 * Context: module exit; process context.
 */
void rmpe_sysfs_exit(void)
{
	kset_unregister(vms);
	remove_root();
}
