// SPDX-License-Identifier: GPL-2.0-only
/* The table of docs/design.md, section 2, row by row. */
#include "model.h"

static enum expected what_was_asked(enum state asked)
{
	if (asked == STATE_SHARED)
		return EXPECT_SHARED;
	if (asked == STATE_NONE)
		return EXPECT_INITIAL;
	return EXPECT_PRIVATE;		/* by a PSC, or launched */
}

/* The access is what was asked for. */
static enum access_class right_access(const struct situation *s)
{
	/* KVM's attribute agrees; but the page may be another one than it was */
	if (s->attr_private == s->private)
		return s->private && s->discarded ? CLASS_HOST : CLASS_NONE;
	/* it follows from the guest's own stray access, and that was told */
	if (s->used != STATE_NONE)
		return CLASS_NONE;
	return s->to_private_inflight || s->to_shared_inflight ? CLASS_IN_FLIGHT : CLASS_HOST;
}

static enum access_class stray_access(const struct situation *s, enum expected expected)
{
	/* what KVM has been let resolve already */
	if (s->used == (s->private ? STATE_PRIVATE : STATE_SHARED) &&
	    s->attr_private == s->private)
		return CLASS_NONE;
	/* a PSC to that state waits for its answer */
	if (s->private ? s->to_private_inflight : s->to_shared_inflight)
		return CLASS_IN_FLIGHT;
	if (s->private)
		return expected == EXPECT_SHARED ? CLASS_IMPLICIT_PRIVATE : CLASS_FIRST_TOUCH;
	return expected == EXPECT_PRIVATE ? CLASS_IMPLICIT_SHARED : CLASS_INITIAL_SHARED;
}

/* In a VM older than the module KVM's attribute is taken for it, until a PSC was seen. */
static enum expected expected_of(const struct situation *s)
{
	if (s->older)
		return s->attr_private ? EXPECT_PRIVATE : EXPECT_SHARED;
	return what_was_asked(s->asked);
}

struct verdict model_verdict_vmpl(const struct situation *s)
{
	return (struct verdict){ .class = CLASS_VMPL, .expected = expected_of(s),
				 .guest_error = true, .never = s->older };
}

struct verdict model_verdict(const struct situation *s)
{
	struct verdict v = { .expected = expected_of(s), .never = s->older };

	v.guest_error = v.expected != (s->private ? EXPECT_PRIVATE : EXPECT_SHARED);
	v.class = v.guest_error ? stray_access(s, v.expected) : right_access(s);
	return v;
}
