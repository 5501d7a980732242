// SPDX-License-Identifier: GPL-2.0-only
/*
 * rmp_enforce: page-state changes of SEV-SNP guests, enforced.
 *
 * Module entry: parameters, the checks that decide whether this kernel can be
 * guarded, and the order in which everything starts and stops.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/cc_platform.h>
#include <linux/init.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "debugfs.h"
#include "discard.h"
#include "hook.h"
#include "launch.h"
#include "life.h"
#include "npf.h"
#include "policy.h"
#include "prefault.h"
#include "run.h"
#include "shape.h"
#include "site_taker.h"
#include "slots.h"
#include "sysfs.h"
#include "vm.h"

/* What it sees of KVM; a vCPU's come first, then a VM's, by how often they are called. */
static struct rmpe_hook *const hooks[] = {
	&rmpe_hook_page_fault,		/* a #NPF */
	&rmpe_hook_vcpu_run,		/* KVM_RUN, and PSCs */
	&rmpe_hook_pre_fault,		/* pages that the VMM has mapped */
	&rmpe_hook_gmem_fallocate,	/* pages that the VMM takes away */
	&rmpe_hook_prepare_region,	/* memslots */
	&rmpe_hook_populate,		/* launch */
	&rmpe_hook_init_vm,
	&rmpe_hook_destroy_vm,
	NULL
};

static_assert(ARRAY_SIZE(hooks) - 1 <= RMPE_MAX_HOOKS);

static char *mode;
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "Initial mode: off, lenient (default) or strict");

static char *action;
module_param(action, charp, 0444);
MODULE_PARM_DESC(action, "Initial action of strict mode: vc (default) or terminate");

static char *policy;
module_param(policy, charp, 0444);
MODULE_PARM_DESC(policy, "Initial policies: class=enforce|report,... (classes: implicit_private, implicit_shared, first_touch, initial_shared, in_flight, vmpl)");

static char *sites;
module_param(sites, charp, 0444);
MODULE_PARM_DESC(sites, "Where in a guest that may be debugged a violation was: on (default) or off");

static char *request_sites;
module_param(request_sites, charp, 0444);
MODULE_PARM_DESC(request_sites, "And where it made its page-state changes: on or off (default)");

static int __init apply_word(const char *name, const char *word,
			     int (*parse)(const char *word, bool may_inherit),
			     const char *words, u8 *setting)
{
	int r;

	if (!word)
		return 0;
	r = parse(word, false);
	if (r < 0) {
		pr_err("refusing to load: %s=%s is none of %s\n", name, word, words);
		return r;
	}
	*setting = r;
	return 0;
}

static int __init apply_parameters(void)
{
	char *list;
	int r;

	r = apply_word("mode", mode, rmpe_parse_mode, "off, lenient, strict",
		       &rmpe_global.mode);
	if (!r)
		r = apply_word("action", action, rmpe_parse_action, "vc, terminate",
			       &rmpe_global.action);
	if (!r)
		r = apply_word("sites", sites, rmpe_parse_switch, "off, on",
			       &rmpe_global.sites);
	if (!r)
		r = apply_word("request_sites", request_sites, rmpe_parse_switch, "off, on",
			       &rmpe_global.request_sites);
	if (r)
		return r;
	if (policy) {
		list = kstrdup(policy, GFP_KERNEL);
		if (!list)
			return -ENOMEM;
		r = rmpe_parse_policy_list(list, &rmpe_global);
		if (r)
			pr_err("refusing to load: policy: \"%s\" is not class=enforce or class=report\n",
			       list);
		kfree(list);
		return r;
	}
	return 0;
}

/*
 * kvm.ko must be there, and stay: a symbol of its that every kernel exports to
 * everybody holds it.  A link-time dependency would do the same, but fail with
 * "Unknown symbol" where we can say what is wrong.
 */
static int __init pin_kvm(void)
{
	if (symbol_get(kvm_get_kvm))
		return 0;
	pr_err("refusing to load: kvm is not loaded\n");
	return -ENODEV;
}

static int __init rmp_enforce_init(void)
{
	int r;

	if (!cc_platform_has(CC_ATTR_HOST_SEV_SNP)) {
		pr_err("refusing to load: this host does not run SEV-SNP\n");
		return -ENODEV;
	}
	r = apply_parameters();
	if (r)
		return r;
	r = pin_kvm();
	if (r)
		return r;
	r = rmpe_shape_check(hooks);
	if (r)
		goto unpin;
	r = rmpe_taker_init();
	if (r) {
		pr_err("refusing to load: out of memory\n");
		goto unpin;
	}
	r = rmpe_sysfs_init();
	if (r) {
		pr_err("refusing to load: no sysfs directory (error %d)\n", r);
		goto stop_taker;
	}
	rmpe_debugfs_init();
	r = rmpe_hooks_install(hooks);
	if (r)
		goto remove_files;

	pr_info("loaded: mode=%s action=%s\n", rmpe_mode_names[rmpe_global.mode],
		rmpe_action_names[rmpe_global.action]);
	return 0;

remove_files:
	rmpe_debugfs_exit();
	rmpe_sysfs_exit();
stop_taker:
	rmpe_taker_exit();
unpin:
	symbol_put(kvm_get_kvm);
	return r;
}

/* There is no VM: each holds the module. */
static void __exit rmp_enforce_exit(void)
{
	rmpe_hooks_stop();
	rmpe_vm_wait_all_freed();
	rmpe_hooks_remove();
	rmpe_debugfs_exit();
	rmpe_sysfs_exit();
	rmpe_taker_exit();
	symbol_put(kvm_get_kvm);
	pr_info("unloaded\n");
}

module_init(rmp_enforce_init);
module_exit(rmp_enforce_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Enforces page-state changes of SEV-SNP guests");
MODULE_VERSION("0.1.0");
MODULE_SOFTDEP("pre: kvm_amd");
