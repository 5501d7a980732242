/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the administrator chose: mode, action, and a policy for each class of
 * access, globally and per VM, and the keywords that all of it is written in.
 */
#ifndef RMPE_POLICY_H
#define RMPE_POLICY_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Values of 0 mean "as the global setting" and occur in a VM's settings only. */
enum rmpe_mode {
	RMPE_MODE_INHERIT,
	RMPE_MODE_OFF,		/* track, judge nothing */
	RMPE_MODE_LENIENT,	/* report, let KVM resolve */
	RMPE_MODE_STRICT,	/* report and act */
};

enum rmpe_action {
	RMPE_ACTION_INHERIT,
	RMPE_ACTION_VC,
	RMPE_ACTION_TERMINATE,
};

enum rmpe_policy {
	RMPE_POLICY_INHERIT,
	RMPE_POLICY_ENFORCE,
	RMPE_POLICY_REPORT,
};

enum rmpe_switch {
	RMPE_SWITCH_INHERIT,
	RMPE_SWITCH_OFF,
	RMPE_SWITCH_ON,
};

/*
 * The class of an access: the outcome of judging one #NPF.  The numbers are
 * ABI (KVM_EXIT_SYSTEM_EVENT data[2]); add at the end only.
 */
enum rmpe_class {
	RMPE_CLASS_NONE,		/* as expected: KVM's own business */
	RMPE_CLASS_IMPLICIT_PRIVATE,	/* private access, state is shared */
	RMPE_CLASS_IMPLICIT_SHARED,	/* shared access, state is private */
	RMPE_CLASS_FIRST_TOUCH,		/* private access, state is initial */
	RMPE_CLASS_INITIAL_SHARED,	/* shared access, state is initial */
	RMPE_CLASS_IN_FLIGHT,		/* a PSC of that gfn is not answered yet */
	RMPE_CLASS_VMPL,		/* VMPL permissions, not page state */
	RMPE_CLASS_HOST,		/* the VMM changed the page by itself */
	RMPE_CLASS_UNBACKED,		/* private access, no guest_memfd there */
	RMPE_CLASS_NO_PROGRESS,		/* in order, and never done */
	RMPE_NR_CLASSES,
};

/* The classes before HOST can be enforced. */
#define RMPE_NR_POLICIES RMPE_CLASS_HOST

/**
 * struct rmpe_settings - of the host, or of a VM
 * @mode: enum rmpe_mode
 * @action: enum rmpe_action
 * @sites: enum rmpe_switch: where in the guest a violation was
 * @request_sites: enum rmpe_switch: and a PSC
 * @policy: enum rmpe_policy, by class
 */
struct rmpe_settings {
	u8 mode;
	u8 action;
	u8 sites;
	u8 request_sites;
	u8 policy[RMPE_NR_POLICIES];
};

extern struct rmpe_settings rmpe_global;

extern const char *const rmpe_mode_names[];
extern const char *const rmpe_action_names[];
extern const char *const rmpe_policy_names[];
extern const char *const rmpe_switch_names[];
extern const char *const rmpe_class_names[];

int rmpe_parse_mode(const char *word, bool may_inherit);
int rmpe_parse_action(const char *word, bool may_inherit);
int rmpe_parse_policy(const char *word, bool may_inherit);
int rmpe_parse_switch(const char *word, bool may_inherit);
int rmpe_parse_policy_list(char *list, struct rmpe_settings *settings);

enum rmpe_action rmpe_effective_action(const struct rmpe_settings *vm);
enum rmpe_policy rmpe_effective_policy(const struct rmpe_settings *vm,
				       enum rmpe_class class);

/**
 * rmpe_effective_sites() - is it looked where in the guest a violation was?
 * @vm: the VM's own settings
 *
 * A global "off" keeps the firmware from being asked at all, whatever a VM says.
 *
 * Return: true if it is.
 */
static inline bool rmpe_effective_sites(const struct rmpe_settings *vm)
{
	return READ_ONCE(rmpe_global.sites) == RMPE_SWITCH_ON &&
	       READ_ONCE(vm->sites) != RMPE_SWITCH_OFF;
}

/**
 * rmpe_effective_mode() - the mode that holds for a VM now
 * @vm: the VM's own settings
 *
 * A global "off" is the switch that stops everything, whatever a VM says.
 *
 * Return: the mode, never RMPE_MODE_INHERIT.
 */
static inline enum rmpe_mode rmpe_effective_mode(const struct rmpe_settings *vm)
{
	enum rmpe_mode global = READ_ONCE(rmpe_global.mode);

	return global == RMPE_MODE_OFF ? global : READ_ONCE(vm->mode) ?: global;
}

/**
 * rmpe_effective_request_sites() - and where it made its PSCs?
 * @vm: the VM's own settings
 *
 * With mode=off nothing is told of it, and nothing is asked.
 *
 * Return: true if it is.
 */
static inline bool rmpe_effective_request_sites(const struct rmpe_settings *vm)
{
	u8 on = READ_ONCE(vm->request_sites) ?: READ_ONCE(rmpe_global.request_sites);

	return on == RMPE_SWITCH_ON && rmpe_effective_sites(vm) &&
	       rmpe_effective_mode(vm) != RMPE_MODE_OFF;
}

#endif
