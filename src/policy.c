// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings: keywords to numbers, and what a VM's own settings and the global
 * ones add up to.
 *
 * Every setting is a byte that is written whole and read once for each use, so
 * it can change while guests run; no two settings need to change together.
 */
#include "policy.h"

#include <linux/array_size.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/string.h>

struct rmpe_settings rmpe_global = {
	.mode	= RMPE_MODE_LENIENT,
	.action	= RMPE_ACTION_VC,
	.sites	= RMPE_SWITCH_ON,
	.request_sites = RMPE_SWITCH_OFF,
	.policy	= {
		[RMPE_CLASS_IMPLICIT_PRIVATE]	= RMPE_POLICY_ENFORCE,
		[RMPE_CLASS_IMPLICIT_SHARED]	= RMPE_POLICY_ENFORCE,
		[RMPE_CLASS_FIRST_TOUCH]	= RMPE_POLICY_ENFORCE,
		[RMPE_CLASS_INITIAL_SHARED]	= RMPE_POLICY_REPORT,
		[RMPE_CLASS_IN_FLIGHT]		= RMPE_POLICY_REPORT,
		[RMPE_CLASS_VMPL]		= RMPE_POLICY_REPORT,
	},
};

const char *const rmpe_mode_names[] = {
	[RMPE_MODE_INHERIT]	= "inherit",
	[RMPE_MODE_OFF]		= "off",
	[RMPE_MODE_LENIENT]	= "lenient",
	[RMPE_MODE_STRICT]	= "strict",
};

const char *const rmpe_action_names[] = {
	[RMPE_ACTION_INHERIT]	= "inherit",
	[RMPE_ACTION_VC]	= "vc",
	[RMPE_ACTION_TERMINATE]	= "terminate",
};

const char *const rmpe_policy_names[] = {
	[RMPE_POLICY_INHERIT]	= "inherit",
	[RMPE_POLICY_ENFORCE]	= "enforce",
	[RMPE_POLICY_REPORT]	= "report",
};

const char *const rmpe_switch_names[] = {
	[RMPE_SWITCH_INHERIT]	= "inherit",
	[RMPE_SWITCH_OFF]	= "off",
	[RMPE_SWITCH_ON]	= "on",
};

const char *const rmpe_class_names[] = {
	[RMPE_CLASS_NONE]		= "none",
	[RMPE_CLASS_IMPLICIT_PRIVATE]	= "implicit_private",
	[RMPE_CLASS_IMPLICIT_SHARED]	= "implicit_shared",
	[RMPE_CLASS_FIRST_TOUCH]	= "first_touch",
	[RMPE_CLASS_INITIAL_SHARED]	= "initial_shared",
	[RMPE_CLASS_IN_FLIGHT]		= "in_flight",
	[RMPE_CLASS_VMPL]		= "vmpl",
	[RMPE_CLASS_HOST]		= "host",
	[RMPE_CLASS_UNBACKED]		= "unbacked",
	[RMPE_CLASS_NO_PROGRESS]	= "no_progress",
};

/* A keyword's number; a trailing newline, as echo writes it, is accepted. */
static int parse_word(const char *const *names, size_t nr, const char *word,
		      bool may_inherit)
{
	int i = __sysfs_match_string(names, nr, word);

	return i == 0 && !may_inherit ? -EINVAL : i;
}

/**
 * rmpe_parse_mode() - the mode that a keyword names
 * @word: the keyword, possibly with a trailing newline
 * @may_inherit: accept "inherit" too
 *
 * Return: an enum rmpe_mode, or -EINVAL.
 */
int rmpe_parse_mode(const char *word, bool may_inherit)
{
	return parse_word(rmpe_mode_names, ARRAY_SIZE(rmpe_mode_names), word,
			  may_inherit);
}

/**
 * rmpe_parse_action() - the action that a keyword names
 * @word: the keyword, possibly with a trailing newline
 * @may_inherit: accept "inherit" too
 *
 * Return: an enum rmpe_action, or -EINVAL.
 */
int rmpe_parse_action(const char *word, bool may_inherit)
{
	return parse_word(rmpe_action_names, ARRAY_SIZE(rmpe_action_names),
			  word, may_inherit);
}

/**
 * rmpe_parse_policy() - the policy that a keyword names
 * @word: the keyword, possibly with a trailing newline
 * @may_inherit: accept "inherit" too
 *
 * Return: an enum rmpe_policy, or -EINVAL.
 */
int rmpe_parse_policy(const char *word, bool may_inherit)
{
	return parse_word(rmpe_policy_names, ARRAY_SIZE(rmpe_policy_names),
			  word, may_inherit);
}

/**
 * rmpe_parse_switch() - what a keyword switches to
 * @word: the keyword, possibly with a trailing newline
 * @may_inherit: accept "inherit" too
 *
 * Return: an enum rmpe_switch, or -EINVAL.
 */
int rmpe_parse_switch(const char *word, bool may_inherit)
{
	return parse_word(rmpe_switch_names, ARRAY_SIZE(rmpe_switch_names), word,
			  may_inherit);
}

/**
 * rmpe_parse_policy_list() - apply "class=policy,class=policy"
 * @list: the list; taken apart in place
 * @settings: changed only if the whole list is understood
 *
 * Return: 0, or -EINVAL, and then @list starts at the part that was not
 * understood.
 */
int rmpe_parse_policy_list(char *list, struct rmpe_settings *settings)
{
	struct rmpe_settings new = *settings;
	char *rest = list, *part;

	while ((part = strsep(&rest, ","))) {
		char *word = strchr(part, '=');
		int class, policy;

		if (!word)
			goto bad;
		*word = '\0';
		class = __sysfs_match_string(rmpe_class_names, RMPE_NR_POLICIES,
					     part);
		policy = rmpe_parse_policy(word + 1, false);
		*word = '=';
		if (class <= RMPE_CLASS_NONE || policy < 0)
			goto bad;
		new.policy[class] = policy;
	}
	*settings = new;
	return 0;
bad:
	memmove(list, part, strlen(part) + 1);
	return -EINVAL;
}

/**
 * rmpe_effective_action() - the action that holds for a VM now
 * @vm: the VM's own settings
 *
 * Return: the action, never RMPE_ACTION_INHERIT.
 */
enum rmpe_action rmpe_effective_action(const struct rmpe_settings *vm)
{
	return READ_ONCE(vm->action) ?: READ_ONCE(rmpe_global.action);
}

/**
 * rmpe_effective_policy() - the policy that holds for a class in a VM now
 * @vm: the VM's own settings
 * @class: the class; RMPE_CLASS_NONE, and those from RMPE_CLASS_HOST on, are never
 *	enforced
 *
 * Return: the policy, never RMPE_POLICY_INHERIT.
 */
enum rmpe_policy rmpe_effective_policy(const struct rmpe_settings *vm,
				       enum rmpe_class class)
{
	if (class == RMPE_CLASS_NONE || class >= RMPE_NR_POLICIES)
		return RMPE_POLICY_REPORT;
	return READ_ONCE(vm->policy[class]) ?: READ_ONCE(rmpe_global.policy[class]);
}
