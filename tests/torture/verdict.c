// SPDX-License-Identifier: GPL-2.0-only
/* The table of docs/design.md, section 2, row by row. */
#include "model.h"

static enum expected what_was_said(enum said said)
{
	if (said == SAID_SHARED)
		return EXPECT_SHARED;
	if (said == SAID_NOTHING)
		return EXPECT_INITIAL;
	return EXPECT_PRIVATE;		/* by a PSC, or launched */
}

struct verdict model_verdict(const struct situation *s)
{
	struct verdict v = { CLASS_NONE, what_was_said(s->said), false };
	bool asked = s->private ? s->to_private_inflight : s->to_shared_inflight;
	bool right = v.expected == (s->private ? EXPECT_PRIVATE : EXPECT_SHARED);

	v.guest_error = !right;
	/* equals the expected state, and KVM's attribute agrees */
	if (right && s->attr_private == s->private)
		return v;
	/* equals the expected state, KVM's attribute does not */
	if (right) {
		v.class = s->to_private_inflight || s->to_shared_inflight ?
			  CLASS_IN_FLIGHT : CLASS_HOST;
		return v;
	}
	/* differs, and a PSC to that state waits for its answer */
	if (asked)
		v.class = CLASS_IN_FLIGHT;
	else if (s->private)
		v.class = v.expected == EXPECT_SHARED ? CLASS_IMPLICIT_PRIVATE :
							CLASS_FIRST_TOUCH;
	else
		v.class = v.expected == EXPECT_PRIVATE ? CLASS_IMPLICIT_SHARED :
							 CLASS_INITIAL_SHARED;
	return v;
}
