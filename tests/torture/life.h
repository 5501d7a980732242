/* SPDX-License-Identifier: GPL-2.0-only */
/* One VM from its first step to its last. */
#ifndef LIFE_H
#define LIFE_H

#include "step.h"

struct life_result {
	bool ok;
	unsigned int ops, rounds, records, pscs, guest_errors;
	unsigned int waits, settled;	/* accesses before the answer to their PSC */
	unsigned int discarded, skipped;	/* pages: by punches; not prefaulted */
	unsigned int places;	/* where the guest was */
	bool late;		/* older than the module */
	unsigned int walks, stacks;	/* records of such accesses */
	unsigned int nmis, irqs, grants;	/* NMIs, interrupts, rights for VMPL 1 */
	unsigned int partial;	/* records by KVM's attribute */
	bool ranges;		/* more PSCs than are remembered, or nearly so */
	unsigned int unknown;	/* records of what was asked for before that */
	unsigned int cut_short;	/* of launches and prefaults KVM did only a part */
	unsigned int near, soon, far;	/* accesses that had #VC before: again, again, and not */
	char why[2048];
};

/* Runs in a process of its own, which a stuck VM or a dead VMM does not outlive. */
struct life_result live(const struct steps *s);

#endif
