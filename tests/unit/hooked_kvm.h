/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM with the module's hooks in it: a test has the functions that are hooked, and calls
 * them by unit_call(), as KVM does.
 */
#ifndef UNIT_HOOKED_KVM_H
#define UNIT_HOOKED_KVM_H

#include "test.h"

#include <linux/array_size.h>
#include <linux/module.h>

#include <string.h>

#include <unit/cpu.h>
#include <unit/ftrace.h>

#include "hook_users.h"

#define KVM_FUNCTION(function)	{ .symbol = "kvm:" #function, .text = function }

/* There are always hooks of either kind. */
static int any_vcpu_function(struct kvm_vcpu *vcpu)
{
	return 0;
}

DEFINE_STATIC_CALL_NULL(any_vcpu, any_vcpu_function);

static struct rmpe_hook any_vcpu_hook = {
	.name		= "any_vcpu_function",
	.wrapper	= any_vcpu_function,
	RMPE_ORIGINAL(any_vcpu),
};

/* Once for each test.  @functions: an empty one is the last; with room for one more. */
static inline int hook_kvm(struct unit_function *functions, struct rmpe_hook *const *hooks)
{
	struct rmpe_hook *all[RMPE_MAX_HOOKS + 1] = { &any_vcpu_hook };
	unsigned int i;

	for (i = 0; hooks[i]; i++)
		all[i + 1] = hooks[i];
	for (i = 0; functions[i].symbol; i++)
		if (functions[i].text == any_vcpu_function)
			break;
	functions[i] = (struct unit_function)KVM_FUNCTION(any_vcpu_function);
	unit_ftrace = (struct unit_ftrace){ .function = functions };
	unit_module.state = MODULE_STATE_LIVE;
	unit_cpu = 0;
	return rmpe_hooks_install(all);
}

/* Fails if somebody has not left. */
static inline int unhook_kvm(void)
{
	const long users = hook_users();

	memset(rmpe_hook_users, 0, sizeof(rmpe_hook_users));
	rmpe_hooks_remove();
	return users != 0;
}

#endif
