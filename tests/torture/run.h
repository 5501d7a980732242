/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that is led through rounds: its vCPUs run their scripts, halt, and get new
 * ones.
 */
#ifndef RUN_H
#define RUN_H

#include <semaphore.h>
#include "plan.h"
#include "vmm/vmm.h"

#define STREAM_GPA(n)	(GUEST_LOW_GPA + (n) * GUEST_SCRIPT_PAGES * GUEST_PAGE)
/* PSCs until the first round. */
#define RUN_BOOT_PSCS(n)	(GUEST_BOOT_PSCS(n) + GUEST_SCRIPT_PAGES)

/* What the VMM saw when a vCPU wrote to a port: its exits until then, and the time. */
struct out_mark {
	unsigned int n;
	uint64_t first_exits, last_exits;
	uint64_t first_us, last_us;
};

struct vcpu_run {
	struct run *run;
	pthread_t thread;
	sem_t go, done;
	int result;		/* of its last KVM_RUN, as vcpu_run_once() has it */
	bool quit;
	unsigned int next_range, conversions;
	uint64_t ranges;	/* PSCs of STEP_RANGES */
	struct out_mark mark[PLAN_OPS];	/* of each operation */
	char complaint[160];	/* what KVM did that was not planned */
};

/* Was the access told of at which this vCPU waits? */
typedef bool (*run_seen_fn)(void *arg, unsigned int vcpu, const struct told *told);

struct run {
	struct vm *vm;
	const struct plan *plan;
	sem_t held, release;
	struct vcpu_run vcpu[MODEL_VCPUS];
};

/*
 * @vmpl1: the vCPU that runs at VMPL 1, or 0. @launched: pages of the arena that are
 * launched with RETs, as far as KVM does so.
 */
struct run *run_create(unsigned int nvcpus, unsigned int vmpl1, uint64_t policy,
		       const struct step *const *launched, unsigned int nlaunched);
/* Launches the VM and lets each vCPU come to its first halt. */
bool run_boot(struct run *r);
/* False if a vCPU got stuck; its complaint says so. */
bool run_round(struct run *r, const struct plan *plan, run_seen_fn seen, void *arg);
void run_destroy(struct run *r);

#endif
