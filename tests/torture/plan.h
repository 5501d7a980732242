/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A round, planned: which of its steps are run, what each comes to, and what
 * the VMM answers to each PSC.
 */
#ifndef PLAN_H
#define PLAN_H

#include "model.h"
#include "step.h"
#include "vmm/vmm.h"

#define PLAN_OPS	(GUEST_MAX_OPS - 1)
#define PLAN_RANGES	80	/* PSCs of a vCPU in a round */

/* A PSC as KVM forwards it to the VMM. */
struct range {
	uint64_t gfn, pages;
	bool to_private;
	enum answer answer;
	unsigned int part;
	bool hold, early;
};

struct plan_op {
	const struct step *step;
	struct outcome outcome;
	bool refused;		/* PSC */
	unsigned int entries;	/* NAE */
};

struct vcpu_plan {
	unsigned int nops, nranges, conversions;
	bool ends;		/* terminated at the last operation */
	struct plan_op op[PLAN_OPS];
	struct range range[PLAN_RANGES];
};

struct plan {
	unsigned int nvcpus;
	int holder;		/* the vCPU whose first PSC is held, or -1 */
	unsigned int steps;	/* that are run */
	struct vcpu_plan vcpu[MODEL_VCPUS];
	uint8_t owner[ARENA_PAGES];	/* vCPU + 1 */
};

/*
 * Plans the guests' steps [first, last) on the model, which is then as it will
 * be after the round, and writes the vCPUs' scripts.
 */
void plan_round(struct plan *plan, struct model *m, struct vm *vm,
		const struct step *first, const struct step *last);

#endif
