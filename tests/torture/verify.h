/* SPDX-License-Identifier: GPL-2.0-only */
/* Comparing what happened in a round with what the model said. */
#ifndef VERIFY_H
#define VERIFY_H

#include "again.h"
#include "observe.h"
#include "run.h"

/* What the model can't know beforehand. */
struct extras {
	uint64_t class[NR_CLASSES];	/* records that need not have been */
	uint64_t enforced;
	uint64_t repeated;		/* that need not have been, and were not */
	uint64_t npf;			/* at the end of the round before */
	uint64_t again[NR_AGAIN];	/* accesses that had #VC before */
};

/* False at the first difference; @why says which. */
bool verify_round(const struct plan *plan, struct run *run, struct observer *o,
		  struct extras *extras, char *why, size_t size);
/* The same without the module: of guest and VMM alone. */
bool verify_guests(const struct plan *plan, struct run *run, char *why, size_t size);
/* What the VM has come to before its first round. */
struct boot {
	uint64_t pscs, launch_pages, npf;
	uint64_t untouched;	/* pages of the guest's own that may still fault */
};

/* counters.c: counters, modes and states in sysfs. */
bool verify_counters(const struct model *m, const struct observer *o,
		     struct extras *extras, const struct boot *boot, char *why, size_t size);

#endif
