/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_FTRACE_H
#define UNIT_LINUX_FTRACE_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/ftrace.h>

#define notrace

#define FTRACE_OPS_FL_IPMODIFY	0x1u
#define FTRACE_OPS_FL_PERMANENT	0x2u

/* What a traced function is called with, and where it goes on. */
struct ftrace_regs {
	unsigned long argument[6];
	unsigned long ip;
};

static inline unsigned long ftrace_regs_get_argument(const struct ftrace_regs *fregs,
						     unsigned int n)
{
	return fregs->argument[n];
}

static inline void ftrace_regs_set_instruction_pointer(struct ftrace_regs *fregs,
						       unsigned long ip)
{
	fregs->ip = ip;
}

#define UNIT_MAX_FILTER	16

/**
 * struct ftrace_ops - who wants to be called
 * @func: it
 * @flags: FTRACE_OPS_FL_*
 * @filter: for which functions
 * @nr: how many
 * @registered: it is called
 */
struct ftrace_ops {
	void (*func)(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		     struct ftrace_regs *fregs);
	unsigned int flags;
	unsigned long filter[UNIT_MAX_FILTER];
	unsigned int nr;
	bool registered;
};

int ftrace_set_filter_ip(struct ftrace_ops *ops, unsigned long ip, int remove, int reset);
void ftrace_free_filter(struct ftrace_ops *ops);
int register_ftrace_function(struct ftrace_ops *ops);
int unregister_ftrace_function(struct ftrace_ops *ops);

#endif
