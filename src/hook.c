// SPDX-License-Identifier: GPL-2.0-only
/*
 * How we get between KVM and its own functions: by ftrace with IPMODIFY, as
 * livepatch does it.
 *
 * The callback leaves every VM that is not SNP alone and sends the others into
 * a wrapper with the function's own prototype, which enters the original just
 * behind its fentry call.
 *
 * Unloading: unregister_ftrace_function() waits (RCU-tasks) until nobody is on
 * the way from the fentry call into a wrapper; then `users` tells when the last
 * wrapper that went on into KVM has come back; a second RCU-tasks grace period
 * covers its last instructions.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "hook.h"

#include <linux/cpufeature.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

#include "compat.h"
#include "discard.h"
#include "ghcb_psc.h"
#include "npf.h"
#include "prefault.h"
#include "shape.h"
#include "slots.h"
#include "vm.h"

/* Names are looked up in kvm.ko only, unless KVM is part of the kernel. */
#define KVM_PREFIX (IS_MODULE(CONFIG_KVM) ? "kvm:" : "")

/**
 * struct rmpe_hook - one function
 * @name: its name in kvm.ko
 * @wrapper: what runs in its place for SNP VMs
 * @ip: its fentry call
 * @ops: how ftrace knows us
 * @registered: @ops is registered
 */
struct rmpe_hook {
	const char *name;
	void *wrapper;
	unsigned long ip;
	struct ftrace_ops ops;
	bool registered;
};

/*
 * Nobody enters a wrapper before all hooks are in place: whoever is in KVM_RUN
 * may stay there for hours, and a load that fails would have to wait.
 */
static bool active;

static DEFINE_PER_CPU(long, users);

/* A task may leave on another CPU than it came on; only the sum counts. */
static void enter(void)
{
	this_cpu_inc(users);
}

static void leave(void)
{
	this_cpu_dec(users);
}

static long nr_users(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(users, cpu));
	return sum;
}

/*
 * Inlined: ordinary VMs are to pay for no call.  A VM that is made while the module goes
 * is not tracked, and nobody may wait for it.
 */
static __always_inline void redirect(struct ftrace_ops *ops, struct ftrace_regs *fregs,
				     unsigned long vm_type)
{
	struct rmpe_hook *hook = container_of(ops, struct rmpe_hook, ops);

	if (vm_type == KVM_X86_SNP_VM && READ_ONCE(active) &&
	    module_is_live(THIS_MODULE))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)hook->wrapper);
}

static void notrace on_vcpu(unsigned long ip, unsigned long parent_ip,
			    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct kvm_vcpu *vcpu = (void *)ftrace_regs_get_argument(fregs, 0);

	redirect(ops, fregs, vcpu->kvm->arch.vm_type);
}

static void notrace on_kvm(unsigned long ip, unsigned long parent_ip,
			   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct kvm *kvm = (void *)ftrace_regs_get_argument(fregs, 0);

	redirect(ops, fregs, kvm->arch.vm_type);
}

/* kvm->arch.vm_type is not set yet; the second argument is what it will be. */
static void notrace on_init_vm(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	redirect(ops, fregs, ftrace_regs_get_argument(fregs, 1));
}

static void notrace on_gmem_file(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct file *file = (void *)ftrace_regs_get_argument(fregs, 0);

	redirect(ops, fregs, rmpe_gmem_kvm(file)->arch.vm_type);
}

static int wrap_init_vm(struct kvm *kvm, unsigned long type);
static void wrap_destroy_vm(struct kvm *kvm);
static int wrap_vcpu_run(struct kvm_vcpu *vcpu);
static int wrap_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
			   void *insn, int insn_len);
static int wrap_prepare_region(struct kvm *kvm, const struct kvm_memory_slot *old,
			       struct kvm_memory_slot *new,
			       enum kvm_mr_change change);
static long wrap_gmem_populate(struct kvm *kvm, gfn_t gfn, void __user *src,
			       long npages, RMPE_POPULATE_PARAM
			       kvm_gmem_populate_cb post_populate, void *opaque);
static long wrap_prefault(struct kvm_vcpu *vcpu, struct kvm_pre_fault_memory *range);
static long wrap_gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);

enum {
	DESTROY_VM,
	PREPARE_REGION,
	GMEM_POPULATE,
	GMEM_FALLOCATE,
	PREFAULT,
	VCPU_RUN,
	PAGE_FAULT,
	INIT_VM,
	NR_HOOKS,
};

#define HOOK(_fn, _wrapper, _callback)					\
	{								\
		.name		= #_fn,					\
		.wrapper	= _wrapper,				\
		.ops		= {					\
			.func	= _callback,				\
			/* The sysctl that stops ftrace must not stop us. */ \
			.flags	= FTRACE_OPS_FL_IPMODIFY |		\
				  FTRACE_OPS_FL_PERMANENT,		\
		},							\
	}

static struct rmpe_hook hooks[NR_HOOKS] = {
	[DESTROY_VM]	= HOOK(kvm_arch_destroy_vm, wrap_destroy_vm, on_kvm),
	[PREPARE_REGION] = HOOK(kvm_arch_prepare_memory_region, wrap_prepare_region, on_kvm),
	[GMEM_POPULATE]	= HOOK(kvm_gmem_populate, wrap_gmem_populate, on_kvm),
	[GMEM_FALLOCATE] = HOOK(kvm_gmem_fallocate, wrap_gmem_fallocate, on_gmem_file),
	[PREFAULT]	= HOOK(kvm_arch_vcpu_pre_fault_memory, wrap_prefault, on_vcpu),
	[VCPU_RUN]	= HOOK(kvm_arch_vcpu_ioctl_run, wrap_vcpu_run, on_vcpu),
	[PAGE_FAULT]	= HOOK(kvm_mmu_page_fault, wrap_page_fault, on_vcpu),
	[INIT_VM]	= HOOK(kvm_arch_init_vm, wrap_init_vm, on_init_vm),
};

/* The original, behind its fentry call: neither ftrace nor we see it again. */
#define ORIG(_hook, _fn) ((typeof(_fn) *)(hooks[_hook].ip + MCOUNT_INSN_SIZE))

static int __nocfi wrap_init_vm(struct kvm *kvm, unsigned long type)
{
	int r;

	enter();
	r = ORIG(INIT_VM, kvm_arch_init_vm)(kvm, type);
	if (!r)
		rmpe_vm_create(kvm);
	leave();
	return r;
}

static void __nocfi wrap_destroy_vm(struct kvm *kvm)
{
	enter();
	ORIG(DESTROY_VM, kvm_arch_destroy_vm)(kvm);
	rmpe_vm_destroy(kvm);
	leave();
}

static int __nocfi wrap_prepare_region(struct kvm *kvm,
				       const struct kvm_memory_slot *old,
				       struct kvm_memory_slot *new,
				       enum kvm_mr_change change)
{
	int r;

	enter();
	rmpe_slots_changing(kvm);
	r = ORIG(PREPARE_REGION, kvm_arch_prepare_memory_region)(kvm, old, new, change);
	/* KVM moves no slot with guest_memfd. */
	if (!r && change == KVM_MR_CREATE)
		rmpe_slots_prepared(kvm, new);
	leave();
	return r;
}

static long __nocfi wrap_gmem_populate(struct kvm *kvm, gfn_t gfn,
				       void __user *src, long npages,
				       RMPE_POPULATE_PARAM
				       kvm_gmem_populate_cb post_populate,
				       void *opaque)
{
	long r;

	enter();
	r = ORIG(GMEM_POPULATE, kvm_gmem_populate)(kvm, gfn, src, npages,
						   RMPE_POPULATE_ARG
						   post_populate, opaque);
	if (r > 0)
		rmpe_psc_launched(kvm, gfn, r);
	leave();
	return r;
}

static int wrap_vcpu_run(struct kvm_vcpu *vcpu)
{
	int r;

	enter();
	r = rmpe_vcpu_run(vcpu);
	leave();
	return r;
}

static int wrap_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
			   void *insn, int insn_len)
{
	int r;

	enter();
	r = rmpe_page_fault(vcpu, gpa, error_code, insn, insn_len);
	leave();
	return r;
}

static long wrap_prefault(struct kvm_vcpu *vcpu, struct kvm_pre_fault_memory *range)
{
	long r;

	enter();
	r = rmpe_prefault(vcpu, range);
	leave();
	return r;
}

static long wrap_gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	long r;

	enter();
	r = rmpe_gmem_fallocate(file, mode, offset, len);
	leave();
	return r;
}

/**
 * rmpe_orig_vcpu_run() - KVM's kvm_arch_vcpu_ioctl_run()
 * @vcpu: the vCPU
 *
 * Context: as the original; only from its wrapper.
 * Return: as the original.
 */
int __nocfi rmpe_orig_vcpu_run(struct kvm_vcpu *vcpu)
{
	return ORIG(VCPU_RUN, kvm_arch_vcpu_ioctl_run)(vcpu);
}

/**
 * rmpe_orig_page_fault() - KVM's kvm_mmu_page_fault()
 * @vcpu: the vCPU
 * @gpa: the faulting address
 * @error_code: of the #NPF, with KVM's own bits
 * @insn: instruction bytes, or NULL
 * @insn_len: how many
 *
 * Context: as the original; only from its wrapper.
 * Return: as the original.
 */
int __nocfi rmpe_orig_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
				 void *insn, int insn_len)
{
	return ORIG(PAGE_FAULT, kvm_mmu_page_fault)(vcpu, gpa, error_code, insn,
						    insn_len);
}

/**
 * rmpe_orig_prefault() - KVM's kvm_arch_vcpu_pre_fault_memory()
 * @vcpu: the vCPU
 * @range: what is to be mapped
 *
 * Context: as the original; only from its wrapper.
 * Return: as the original.
 */
long __nocfi rmpe_orig_prefault(struct kvm_vcpu *vcpu,
				struct kvm_pre_fault_memory *range)
{
	return ORIG(PREFAULT, kvm_arch_vcpu_pre_fault_memory)(vcpu, range);
}

/**
 * rmpe_orig_gmem_fallocate() - KVM's kvm_gmem_fallocate()
 * @file: the guest_memfd
 * @mode: as in fallocate(2)
 * @offset: in bytes
 * @len: in bytes
 *
 * Context: as the original; only from its wrapper.
 * Return: as the original.
 */
long __nocfi rmpe_orig_gmem_fallocate(struct file *file, int mode, loff_t offset,
				      loff_t len)
{
	return ORIG(GMEM_FALLOCATE, kvm_gmem_fallocate)(file, mode, offset, len);
}

/*
 * Where is the fentry call of a function of kvm.ko?  A kprobe that is never
 * armed knows: it resolves the name within that module, skips an ENDBR, and is
 * marked if ftrace has a call there.
 */
static int find(struct rmpe_hook *hook)
{
	char symbol[KSYM_NAME_LEN];
	struct kprobe probe = {
		.symbol_name	= symbol,
		.flags		= KPROBE_FLAG_DISABLED,
	};
	int r;

	snprintf(symbol, sizeof(symbol), "%s%s", KVM_PREFIX, hook->name);
	r = register_kprobe(&probe);
	if (r) {
		pr_err("refusing to load: kvm has no function %s that can be hooked (error %d)\n",
		       hook->name, r);
		return r;
	}
	hook->ip = (unsigned long)probe.addr;
	if (!kprobe_ftrace(&probe))
		r = -EOPNOTSUPP;
	unregister_kprobe(&probe);
	if (r)
		pr_err("refusing to load: ftrace can't hook %s of kvm\n", hook->name);
	return r;
}

static int install(struct rmpe_hook *hook)
{
	int r = ftrace_set_filter_ip(&hook->ops, hook->ip, 0, 0);

	if (!r)
		r = register_ftrace_function(&hook->ops);
	if (r == -EBUSY)
		pr_err("refusing to load: %s is already redirected by another module (a livepatch?), or ftrace is off (sysctl kernel.ftrace_enabled)\n",
		       hook->name);
	else if (r)
		pr_err("refusing to load: hooking %s failed with error %d\n",
		       hook->name, r);
	hook->registered = !r;
	return r;
}

/* It has no part in any verdict, so a kernel without it will do. */
static bool wanted(int hook)
{
	return hook != GMEM_FALLOCATE || rmpe_shape_knows_gmem();
}

/**
 * rmpe_hooks_install() - start to see what SNP VMs do
 *
 * All hooks or none.  Says why it fails.
 *
 * Context: module init; kvm.ko is loaded and can't go away.
 * Return: 0 or an error.
 */
int rmpe_hooks_install(void)
{
	int i, r = 0;

	if (cpu_feature_enabled(X86_FEATURE_IBT)) {
		/* Behind its fentry call a function has no ENDBR. */
		pr_err("refusing to load: this CPU enforces indirect branch tracking\n");
		return -EOPNOTSUPP;
	}
	if (!rmpe_shape_knows_gmem())
		pr_info("kvm_gmem_fallocate of kvm is not known: private memory that a VMM discards will not be shown\n");
	for (i = 0; !r && i < NR_HOOKS; i++)
		r = wanted(i) ? find(&hooks[i]) : 0;
	for (i = 0; !r && i < NR_HOOKS; i++)
		r = wanted(i) ? install(&hooks[i]) : 0;
	if (r)
		rmpe_hooks_remove();
	WRITE_ONCE(active, !r);
	return r;
}

/**
 * rmpe_hooks_stop() - nobody enters a wrapper any more
 *
 * Context: any; there is no VM that is tracked.
 */
void rmpe_hooks_stop(void)
{
	WRITE_ONCE(active, false);
}

/**
 * rmpe_hooks_remove() - see nothing any more
 *
 * When it returns no task is in the module's code because of a hook.
 *
 * Context: module init or exit; may sleep, for seconds if vCPU threads keep
 * their CPUs busy; and for as long as a vCPU stays in KVM_RUN for whose VM
 * there was no memory.
 */
void rmpe_hooks_remove(void)
{
	int i;

	rmpe_hooks_stop();
	for (i = NR_HOOKS - 1; i >= 0; i--) {
		struct rmpe_hook *hook = &hooks[i];

		if (hook->registered)
			unregister_ftrace_function(&hook->ops);
		hook->registered = false;
		ftrace_free_filter(&hook->ops);
	}
	while (nr_users())
		msleep(20);
	synchronize_rcu_tasks();
}
