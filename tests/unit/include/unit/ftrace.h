/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_FTRACE_H
#define UNIT_UNIT_FTRACE_H

/*
 * Functions of KVM that can be hooked.  Each is one of the test's, and its fentry call is in
 * front of it, so that what comes after that can be called from C.
 */
#include <linux/types.h>

/**
 * struct unit_function - one of them
 * @symbol: its name, as kprobes knows it
 * @text: the function
 * @error: of looking it up
 * @no_fentry: ftrace has no call there
 * @busy: somebody else has redirected it
 * @filter_error: of naming it to ftrace
 */
struct unit_function {
	const char *symbol;
	void *text;
	int error;
	bool no_fentry;
	bool busy;
	int filter_error;
};

/**
 * struct unit_ftrace - what there is, what happens, and what was done
 * @function: a symbol of NULL is after the last
 * @register_error: of a registration
 * @fail_register: of which one from now on, from 1; 0: of none
 * @meanwhile: called while ops are registered, or are being taken away
 * @grace_period: called when somebody waits for RCU-tasks
 * @registered: what is registered now
 * @probes: kprobes that are registered now
 * @grace_periods: how often was waited
 */
extern struct unit_ftrace {
	struct unit_function *function;
	int register_error;
	unsigned int fail_register;
	void (*meanwhile)(void);
	void (*grace_period)(void);
	unsigned int registered;
	unsigned int probes;
	unsigned int grace_periods;
} unit_ftrace;

/* Somebody calls a function: what runs then, it or a wrapper. */
void *unit_enter(void *text, unsigned long a, unsigned long b, unsigned long c,
		 unsigned long d);

/* KVM calls one of its own functions of one or more arguments. */
#define unit_call(function, a, ...) \
	((typeof(function) *)unit_enter(function, (unsigned long)(a),		\
					 UNIT_ARGS(__VA_ARGS__)))(a, ##__VA_ARGS__)
#define UNIT_ARGS(...)		UNIT_ARGS_(, ##__VA_ARGS__, 0, 0, 0)
#define UNIT_ARGS_(e, b, c, d, ...) \
	(unsigned long)(b), (unsigned long)(c), (unsigned long)(d)

#endif
