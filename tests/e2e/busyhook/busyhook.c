// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for a live patch: takes a function as one that may be redirected, and
 * leaves it as it is.  ftrace grants that to one user only.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/string.h>

static char *target = "kvm_mmu_page_fault";
module_param(target, charp, 0444);
MODULE_PARM_DESC(target, "The function");

static void notrace leave_alone(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *op, struct ftrace_regs *fregs)
{
}

static struct ftrace_ops ops = {
	.func	= leave_alone,
	.flags	= FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_SAVE_REGS,
};

static int __init busyhook_init(void)
{
	int r = ftrace_set_filter(&ops, target, strlen(target), 1);

	if (!r)
		r = register_ftrace_function(&ops);
	if (r)
		ftrace_free_filter(&ops);
	return r;
}

static void __exit busyhook_exit(void)
{
	unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
}

module_init(busyhook_init);
module_exit(busyhook_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Occupies a function that rmp_enforce needs, for a test");
