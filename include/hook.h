/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How we get between KVM and its own functions.  A hook is defined in the file whose
 * concept it serves, beside its wrapper; src/rmp_enforce.c lists them all.
 */
#ifndef RMPE_HOOK_H
#define RMPE_HOOK_H

#include <linux/compiler.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/static_call.h>
#include <linux/types.h>

/**
 * struct rmpe_hook - a function of kvm.ko in whose place a wrapper runs for SNP VMs
 * @name: its name
 * @prototype: its type, as rmpe_btf_prototype() writes it
 * @wrapper: a function of the same type; between rmpe_hook_enter() and
 *	rmpe_hook_leave() it may call the original
 * @original: that call: a static call, set once the function is found
 * @trampoline: of the same
 * @vm_type: from its arguments, the type of the VM that it is called for; notrace.
 *	NULL: its first argument is a vCPU
 * @without: it has no part in any verdict, takes the file of a guest_memfd, and only the
 *	kernel's BTF can vouch for it: what will not be known of a guest where it does
 *	not; else NULL
 * @skip: it does not (shape.c)
 * @ip: its fentry call, once that is found
 */
struct rmpe_hook {
	const char *name;
	const char *prototype;
	void *wrapper;
	struct static_call_key *original;
	void *trampoline;
	unsigned long (*vm_type)(struct ftrace_regs *fregs);
	const char *without;
	bool skip;
	unsigned long ip;
};

/*
 * The original, by the name of a DEFINE_STATIC_CALL_NULL().  It is entered after its
 * fentry call, so that neither ftrace nor we see it again; by a direct call, which needs no
 * ENDBR there.
 */
#define RMPE_ORIGINAL(_call)						\
	.original	= &STATIC_CALL_KEY(_call),			\
	.trampoline	= STATIC_CALL_TRAMP_ADDR(_call)

#define RMPE_MAX_HOOKS 8

DECLARE_PER_CPU(long, rmpe_hook_users);

/**
 * rmpe_hook_enter() - a wrapper begins
 *
 * Context: any; a task may leave on another CPU than it came on.
 */
static inline void rmpe_hook_enter(void)
{
	this_cpu_inc(rmpe_hook_users);
}

/**
 * rmpe_hook_leave() - a wrapper is about to return
 *
 * Context: any.
 */
static inline void rmpe_hook_leave(void)
{
	this_cpu_dec(rmpe_hook_users);
}

/**
 * rmpe_is_going() - is the module about to be unloaded?
 *
 * module_is_live(), for callers that hold nothing: the state may change while it is read.
 *
 * Context: any.
 * Return: true from the moment on that the kernel has decided it.
 */
static __always_inline bool rmpe_is_going(void)
{
	return READ_ONCE(THIS_MODULE->state) == MODULE_STATE_GOING;
}

unsigned long rmpe_hook_type_of_kvm(struct ftrace_regs *fregs);

int rmpe_hooks_install(struct rmpe_hook *const *hooks);
void rmpe_hooks_stop(void);
void rmpe_hooks_remove(void);

#endif
