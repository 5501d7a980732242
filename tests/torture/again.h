/* SPDX-License-Identifier: GPL-2.0-only */
/* Is an access that was stopped before the same one once more, or another one? */
#ifndef AGAIN_H
#define AGAIN_H

#include "run.h"

enum again {
	AGAIN_PERHAPS,		/* nobody knows */
	AGAIN_NEAR,		/* it is: few exits lie between the two */
	AGAIN_SOON,		/* it is: #VC was injected a moment ago */
	AGAIN_NOT,		/* many exits and a long time lie between them */
	NR_AGAIN
};

/* Of a record that the round was to have, .told.perhaps. */
enum again again_of(const struct vcpu_plan *v, const struct vcpu_run *run,
		    const struct plan_record *r);

#endif
