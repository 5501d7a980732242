/* SPDX-License-Identifier: GPL-2.0-only */
/* One record against what the model said of it. */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include "observe.h"

extern const char *const class_names[NR_CLASSES];
extern const char *const expected_names[];
extern const char *const action_names[];
extern const char *const mode_names[];

/* Records, and requests in them, of which it was known where in the guest they were. */
unsigned int evidence_places(void);
/* The name of a key that is not as it should be, or NULL. */
const char *evidence_wrong(const struct observer *o, const struct record *r,
			   const struct told *told);

#endif
