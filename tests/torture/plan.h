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

/* Set when an access at VMPL 1 may be permitted. */
#define PLAN_FLAG	1
/* Where there is no memory, so that a PSC to shared is all that there is to it. */
#define PLAN_RANGES_GPA	(1ull << 32)
#define PLAN_RANGES_STRIDE	(2 * GUEST_PAGE)
#define PLAN_OPS	(GUEST_MAX_OPS - 1)
#define PLAN_RANGES	80	/* PSCs of a vCPU in a round */
#define PLAN_RECORDS	(MODEL_TOLD * (PLAN_OPS + 1) + MODEL_PASSED)

/* A PSC as KVM forwards it to the VMM. */
struct range {
	uint64_t gfn, pages;
	bool to_private;
	enum answer answer;
	unsigned int part;
	bool hold, early;
	/* what comes of it */
	bool done, redundant;
};

struct plan_op {
	const struct step *step;
	struct outcome outcome;
	uint64_t value;		/* written */
	bool refused;		/* PSC */
	unsigned int entries;	/* NAE */
	unsigned int nmis, irqs;	/* STEP_NMI, events on a stack: what the VMM injects */
	unsigned int delay;	/* a write to a port: ms that the VMM takes */
};

struct plan_record {
	struct told told;
	const struct step *step;	/* of the access */
	unsigned int op;
};

struct vcpu_plan {
	uint64_t nmis, irqs;	/* that it will have had */
	unsigned int nops, nranges, nrecords, conversions;
	bool waits;		/* at the last operation, for the answer to the held PSC */
	unsigned int wait_record;	/* which says so */
	bool ends;		/* terminated at the last operation */
	bool stopped;		/* its last access, by #VC */
	struct plan_op op[PLAN_OPS];
	struct range range[PLAN_RANGES];
	struct plan_record record[PLAN_RECORDS];	/* in the order in which they come */
};

struct plan {
	unsigned int nvcpus;
	int holder;		/* the vCPU whose first PSC is held, or -1 */
	unsigned int steps;	/* that are run */
	uint64_t ranges;	/* PSCs of STEP_RANGES: they are all that there is then */
	int grantee;		/* the vCPU that waits for vCPU 0 to permit its access, or -1 */
	unsigned int settled;	/* records that come with the answer to the held PSC */
	struct vcpu_plan vcpu[MODEL_VCPUS];
	uint8_t owner[ARENA_PAGES];	/* vCPU + 1 */
};

/* What the VMM says to a PSC that it refuses: one of the two that KVM lets pass. */
uint64_t plan_refusal(const struct range *r);

/*
 * Plans the guests' steps [first, last) on the model, which is then as it will
 * be after the round, and writes the vCPUs' scripts.
 */
void plan_round(struct plan *plan, struct model *m, struct vm *vm,
		const struct step *first, const struct step *last);

#endif
