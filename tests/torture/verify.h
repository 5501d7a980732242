/* SPDX-License-Identifier: GPL-2.0-only */
/* Comparing what happened in a round with what the model said. */
#ifndef VERIFY_H
#define VERIFY_H

#include "observe.h"
#include "run.h"

/* What the model can't know beforehand. */
struct extras {
	uint64_t class[NR_CLASSES];	/* records that need not have been */
	uint64_t enforced;
};

/* False at the first difference; @why says which. */
bool verify_round(const struct plan *plan, struct run *run, struct observer *o,
		  struct extras *extras, char *why, size_t size);
/* Counters, and once in a while page states. */
bool verify_counters(const struct model *m, const struct observer *o,
		     const struct extras *extras, uint64_t boot_pscs, char *why, size_t size);

#endif
