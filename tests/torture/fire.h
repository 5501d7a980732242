/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fire: the module under VMMs that come, go and die, under hostile guests and
 * VMMs, and without memory. It has the runner and the helpers of tests/e2e.
 */
#ifndef FIRE_H
#define FIRE_H

#include "e2e/guard.h"
#include "e2e/module.h"
#include "vmm/clock.h"

extern const struct scenario_group cycle_group, settings_group, words_group, memory_group,
	hostile_guest_group, hostile_vmm_group, crowd_group, fault_group, fault_start_group;

/* fire.c */
/* Where each run goes another way; printed, so that it can be repeated. */
unsigned int fire_random(unsigned int below);
/* Ends a process, if there is one, and waits until it is gone. */
void fire_kill(pid_t pid);
/* VMs that the module has a folder for. */
unsigned int fire_vms(void);
/* How long to go on with what has no end of its own; less on a slow kernel. */
double fire_seconds(double usual);
/*
 * From now on nothing that the kernel says without memory, stack traces and all, goes
 * to the console, where it looks like a complaint; the runner looks closer.
 */
void fire_quiet_console(void);
/* Unloads the module, however long its last VM takes to go; false after @limit_s. */
bool fire_unload(double limit_s);
bool fire_load(const char *args);

/*
 * A vCPU that uses pages as shared and private in turn, @times times, asking never;
 * more than one, since with the same #VC again and again a guest is ended.
 */
#define FIRE_PAGES	16u
#define FIRE_FOR_EVER	(~0u)
void fire_add_violations(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int times);
/* Its operations, where a script begins with it. */
enum { FIRE_AS_SHARED, FIRE_AS_PRIVATE };
/* One page, and asking each time. */
void fire_add_conversions(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int times);
/* Says "done" and does nothing: a million PSCs cost the test no conversion. */
uint64_t fire_claim(struct vcpu *v, const struct psc *psc);

/* fire_cost.c */
/* Kernel memory that nobody can reclaim, in KiB, when all that is deferred is done. */
uint64_t fire_kernel_kib(void);
/*
 * It is what it was @before, but for what @n repetitions may leave in caches, @each_kib
 * by each.
 */
void fire_expect_flat(uint64_t before, unsigned int n, double each_kib);
/* Lines of the kernel log that begin so, since the last call. */
unsigned int fire_log_lines(const char *prefix);
/*
 * What goes on between the two costs the host no more than @max_kib of kernel memory
 * (what its VMs have by then and keep is counted, what they gave back is not), and no
 * more lines in its log than the module allows @vms VMs.  In one line it is printed,
 * with the time, which has no bound here.
 */
void fire_cost_begin(void);
void fire_cost_end(unsigned int vms, long max_kib);
/* A VM's share: KVM's tables, threads, the tracker, what is kept of violations. */
#define FIRE_VM_KIB	256

#endif
