/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scenario is a C function that runs in a process of its own, with the
 * module loaded in lenient mode unless its flags say otherwise.  It reports
 * by check(); the runner (main.c) turns that into KTAP.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vmm/vmm.h"

/* The module is not loaded when the scenario starts. */
#define SC_UNLOADED	1u
/* May take longer than others. */
#define SC_SLOW		2u
/* For hosts that can't run SNP guests; all others need one that can. */
#define SC_NO_SNP	4u
/* No VM may exist but the scenario's own. */
#define SC_NO_IDLE_VM	8u
/* May take minutes. */
#define SC_LONG		16u
/* For kernels with fault injection. */
#define SC_FAULTS	32u
/* For kernels with a BPF JIT; without, there is no program at a function. */
#define SC_BPF		64u

struct scenario {
	const char *name;
	void (*fn)(const void *arg);
	const void *arg;
	unsigned int flags;
};

struct scenario_group {
	const struct scenario *scenario;
	size_t count;
};

#define GROUP(name, array)						\
	const struct scenario_group name = { array, sizeof(array) / sizeof(*(array)) }

/* What a program has, ended by NULL. */
extern const struct scenario_group *const groups[];
/* A word on its command line: the exit status, or -1 if it means nothing. */
int run_command(const char *word);

extern const struct scenario_group plain_group, classes_group, psc_group, answers_group,
	actions_group, modes_group, vmm_group, slots_group, lifecycle_group, load_refused_group,
	ftrace_group, evidence_group, stress_group, load_order_group, refusal_group, bugs_group,
	verdicts_group, inflight_group, progress_group, prefault_group, discard_group,
	unbacked_group, history_group, noise_group, privilege_group, unload_group, bpf_group,
	totals_group, sites_group, dead_group;

/* --- outcome; all of these only note a failure, the scenario goes on --- */

extern unsigned int scenario_failures;

void note_failure(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define fail(...)	note_failure(__FILE__, __LINE__, __VA_ARGS__)
#define check(cond, ...)				\
	({						\
		bool ok_ = (cond);			\
							\
		if (!ok_)				\
			fail(__VA_ARGS__);		\
		ok_;					\
	})
/* A line of KTAP diagnostics. */
void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends the scenario at once as failed. */
void give_up(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* How many times slower than usual this host may be: RMP_SLOW in the environment. */
extern unsigned int scenario_slowness;
/* How long a guest may take for anything, including a loaded emulated host. */
#define PATIENCE_MS	(60000 * scenario_slowness)

#endif
