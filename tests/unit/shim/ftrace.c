// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftrace, and kprobes that find functions; and RCU-tasks, which tells when nobody is on his
 * way from one into the other.
 */
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/rcupdate.h>

#include <assert.h>
#include <string.h>

#include <unit/ftrace.h>
#include <unit/rcu.h>

#define MAX_OPS	8

struct unit_ftrace unit_ftrace;

static struct ftrace_ops *registered[MAX_OPS];

static void meanwhile(void)
{
	if (unit_ftrace.meanwhile)
		unit_ftrace.meanwhile();
}

static struct unit_function *by_symbol(const char *symbol)
{
	struct unit_function *f = unit_ftrace.function;

	while (f->symbol && strcmp(f->symbol, symbol))
		f++;
	return f->symbol ? f : NULL;
}

static unsigned long fentry(const void *text)
{
	return (unsigned long)text - MCOUNT_INSN_SIZE;
}

static struct unit_function *by_ip(unsigned long ip)
{
	struct unit_function *f = unit_ftrace.function;

	while (f->symbol && fentry(f->text) != ip)
		f++;
	assert(f->symbol);
	return f;
}

int register_kprobe(struct kprobe *p)
{
	const struct unit_function *f = by_symbol(p->symbol_name);

	unit_may_sleep();
	/* One that is armed would be in ftrace's way. */
	assert(p->flags == KPROBE_FLAG_DISABLED && !p->addr);
	if (!f)
		return -ENOENT;
	if (f->error)
		return f->error;
	p->addr = (u8 *)fentry(f->text);
	if (!f->no_fentry)
		p->flags |= KPROBE_FLAG_FTRACE;
	unit_ftrace.probes++;
	return 0;
}

void unregister_kprobe(struct kprobe *p)
{
	assert(p->addr && unit_ftrace.probes);
	p->addr = NULL;
	unit_ftrace.probes--;
}

int ftrace_set_filter_ip(struct ftrace_ops *ops, unsigned long ip, int remove, int reset)
{
	const struct unit_function *f = by_ip(ip);

	assert(!remove && !ops->registered);
	if (f->filter_error)
		return f->filter_error;
	if (reset)
		ops->nr = 0;
	assert(ops->nr < UNIT_MAX_FILTER);
	ops->filter[ops->nr++] = ip;
	return 0;
}

void ftrace_free_filter(struct ftrace_ops *ops)
{
	assert(!ops->registered);
	ops->nr = 0;
}

static int why_not(const struct ftrace_ops *ops)
{
	unsigned int i;

	if (unit_ftrace.fail_register && !--unit_ftrace.fail_register)
		return unit_ftrace.register_error;
	for (i = 0; i < ops->nr; i++)
		if (by_ip(ops->filter[i])->busy)
			return -EBUSY;
	return 0;
}

int register_ftrace_function(struct ftrace_ops *ops)
{
	int r = why_not(ops);

	unit_may_sleep();
	assert(ops->flags == (FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT));
	/* One without a filter is called for every function of the kernel. */
	assert(!ops->registered && ops->nr);
	if (r)
		return r;
	assert(unit_ftrace.registered < MAX_OPS);
	registered[unit_ftrace.registered++] = ops;
	ops->registered = true;
	meanwhile();
	return 0;
}

/* Until it returns somebody may be on his way. */
int unregister_ftrace_function(struct ftrace_ops *ops)
{
	unsigned int i = 0;

	unit_may_sleep();
	assert(ops->registered);
	meanwhile();
	while (registered[i] != ops)
		i++;
	registered[i] = registered[--unit_ftrace.registered];
	ops->registered = false;
	return 0;
}

void synchronize_rcu_tasks(void)
{
	unit_may_sleep();
	unit_ftrace.grace_periods++;
	if (unit_ftrace.grace_period)
		unit_ftrace.grace_period();
}

static bool wants(const struct ftrace_ops *ops, unsigned long ip)
{
	unsigned int i;

	for (i = 0; i < ops->nr; i++)
		if (ops->filter[i] == ip)
			return true;
	return false;
}

void *unit_enter(void *text, unsigned long a, unsigned long b, unsigned long c,
		 unsigned long d)
{
	const unsigned long ip = fentry(text);
	struct ftrace_regs regs = {
		.argument	= { a, b, c, d },
		.ip		= (unsigned long)text,
	};
	unsigned int i;

	for (i = 0; i < unit_ftrace.registered; i++)
		if (wants(registered[i], ip))
			registered[i]->func(ip, 0, registered[i], &regs);
	return (void *)regs.ip;
}
