// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for a live patch: takes a function as one that may be redirected, and
 * leaves it as it is.  ftrace grants that to one user only.
 *
 * Or, with pause_ms, stands for a host that is short of CPUs: a task called rmmod
 * gets none for a while between the kernel's decision that a module may go and
 * the module's exit.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

static char *target = "kvm_mmu_page_fault";
module_param(target, charp, 0444);
MODULE_PARM_DESC(target, "The function");

static unsigned int pause_ms;
module_param(pause_ms, uint, 0444);
MODULE_PARM_DESC(pause_ms, "Hold up rmmod for so long at most instead, once");

static bool go_on;
module_param(go_on, bool, 0644);
MODULE_PARM_DESC(go_on, "That is long enough");

static void notrace leave_alone(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *op, struct ftrace_regs *fregs)
{
}

/* What delete_module() calls last before the exit of the module. */
#define PAUSE_AT	"mutex_unlock"

static atomic_t held_up;

static void notrace hold_up(unsigned long ip, unsigned long parent_ip,
			    struct ftrace_ops *op, struct ftrace_regs *fregs)
{
	unsigned int ms;

	if (strcmp(current->comm, "rmmod") || atomic_xchg(&held_up, 1))
		return;
	/* The function may sleep, and so may we, for as long as we stay loaded. */
	for (ms = 0; ms < pause_ms && !READ_ONCE(go_on); ms += 20)
		msleep(20);
}

static struct ftrace_ops ops = {
	.func	= leave_alone,
	.flags	= FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_SAVE_REGS,
};

static int __init busyhook_init(void)
{
	int r;

	if (pause_ms) {
		target = PAUSE_AT;
		ops.func = hold_up;
		ops.flags = 0;
	}
	r = ftrace_set_filter(&ops, target, strlen(target), 1);
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
