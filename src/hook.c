// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftrace with IPMODIFY, as livepatch uses it.
 *
 * The callback leaves every VM that is not SNP alone and sends the others into
 * a wrapper with the function's own prototype, which enters the original just
 * after its fentry call.
 *
 * Unloading: unregister_ftrace_function() waits (RCU-tasks) until nobody is on
 * the way from the fentry call into a wrapper; then `rmpe_hook_users` tells when
 * the last wrapper that went on into KVM has come back; one more RCU-tasks grace
 * period covers its last instructions.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "hook.h"

#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/static_call.h>

/* Names are looked up in kvm.ko only, unless KVM is part of the kernel. */
#define KVM_PREFIX (IS_MODULE(CONFIG_KVM) ? "kvm:" : "")

/**
 * struct group - functions that share an ftrace_ops: each of these takes a grace
 *	period to unregister
 * @ops: how ftrace knows us
 * @registered: @ops is registered
 * @hook: the functions; unchanged while @registered
 * @nr: how many
 */
struct group {
	struct ftrace_ops ops;
	bool registered;
	struct rmpe_hook *hook[RMPE_MAX_HOOKS];
	unsigned int nr;
};

/*
 * Nobody enters a wrapper before all hooks are in place: whoever is in KVM_RUN
 * may stay there for hours, and a load that fails would have to wait.
 */
static bool active;

/* Tasks in a wrapper; only the sum of all CPUs counts. */
DEFINE_PER_CPU(long, rmpe_hook_users);

static long nr_users(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(rmpe_hook_users, cpu));
	return sum;
}

static __always_inline const struct rmpe_hook *find_hook(struct ftrace_ops *ops,
							 unsigned long ip)
{
	const struct group *g = container_of(ops, struct group, ops);
	unsigned int i;

	for (i = 0; i < g->nr; i++)
		if (g->hook[i]->ip == ip)
			return g->hook[i];
	return NULL;
}

/* A VM that is made while the module goes is not tracked, and nobody may wait for it. */
static __always_inline bool is_active(void)
{
	return READ_ONCE(active) && !rmpe_is_going();
}

/* Called all the time, and mostly for ordinary VMs, which are to pay for no more. */
static void notrace on_vcpu(unsigned long ip, unsigned long parent_ip,
			    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct kvm_vcpu *vcpu = (void *)ftrace_regs_get_argument(fregs, 0);
	const struct rmpe_hook *hook;

	if (vcpu->kvm->arch.vm_type != KVM_X86_SNP_VM || !is_active())
		return;
	hook = find_hook(ops, ip);
	if (hook)
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)hook->wrapper);
}

static void notrace on_vm(unsigned long ip, unsigned long parent_ip,
			  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct rmpe_hook *hook = find_hook(ops, ip);

	if (hook && is_active() && hook->vm_type(fregs) == KVM_X86_SNP_VM)
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)hook->wrapper);
}

/**
 * rmpe_hook_type_of_kvm() - the type of the VM that is the first argument
 * @fregs: the arguments
 *
 * Context: ftrace callback.
 * Return: KVM_X86_*.
 */
unsigned long notrace rmpe_hook_type_of_kvm(struct ftrace_regs *fregs)
{
	const struct kvm *kvm = (void *)ftrace_regs_get_argument(fregs, 0);

	return kvm->arch.vm_type;
}

/* The sysctl that stops ftrace must not stop us. */
#define OPS(_callback)							\
	{								\
		.func	= _callback,					\
		.flags	= FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT, \
	}

static struct group vcpu_hooks = { .ops = OPS(on_vcpu) };
static struct group vm_hooks = { .ops = OPS(on_vm) };

/*
 * Where is the fentry call of a function of kvm.ko?  A kprobe that is never
 * armed knows: it resolves the name within that module, skips an ENDBR, and is
 * marked if ftrace has a call there.
 */
static int find_ip(struct rmpe_hook *hook)
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
	else
		__static_call_update(hook->original, hook->trampoline,
				     (void *)(hook->ip + MCOUNT_INSN_SIZE));
	return r;
}

static int add(struct rmpe_hook *hook)
{
	struct group *g = hook->vm_type ? &vm_hooks : &vcpu_hooks;
	int r;

	if (hook->skip) {
		pr_info("%s of kvm is not known: %s\n", hook->name, hook->without);
		return 0;
	}
	r = find_ip(hook);
	if (!r)
		g->hook[g->nr++] = hook;
	return r;
}

/* ftrace says no to all; which one is it? */
static const char *busy_hook(struct group *g)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		if (ftrace_set_filter_ip(&g->ops, g->hook[i]->ip, 0, 1) ||
		    register_ftrace_function(&g->ops))
			return g->hook[i]->name;
		unregister_ftrace_function(&g->ops);
	}
	return "a function of kvm";
}

static int install(struct group *g)
{
	unsigned int i;
	int r = 0;

	for (i = 0; !r && i < g->nr; i++)
		r = ftrace_set_filter_ip(&g->ops, g->hook[i]->ip, 0, 0);
	if (!r) {
		r = register_ftrace_function(&g->ops);
		g->registered = !r;
		if (r == -EBUSY) {
			pr_err("refusing to load: %s is already redirected by another module (a livepatch?), or ftrace is off (sysctl kernel.ftrace_enabled)\n",
			       busy_hook(g));
			return r;
		}
	}
	if (r)
		pr_err("refusing to load: hooking KVM failed with error %d\n", r);
	return r;
}

static void uninstall(struct group *g)
{
	if (g->registered)
		unregister_ftrace_function(&g->ops);
	g->registered = false;
	ftrace_free_filter(&g->ops);
	g->nr = 0;
}

/**
 * rmpe_hooks_install() - start to see what SNP VMs do
 * @hooks: all of them, RMPE_MAX_HOOKS at most; NULL is the last
 *
 * All hooks or none.  Says why it fails.
 *
 * Context: module init; kvm.ko is loaded and can't go away.
 * Return: 0 or an error.
 */
int rmpe_hooks_install(struct rmpe_hook *const *hooks)
{
	int r = 0;

	for (; !r && *hooks; hooks++)
		r = add(*hooks);
	if (!r)
		r = install(&vcpu_hooks);
	if (!r)
		r = install(&vm_hooks);
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
	rmpe_hooks_stop();
	uninstall(&vm_hooks);
	uninstall(&vcpu_hooks);
	while (nr_users())
		msleep(20);
	synchronize_rcu_tasks();
}
