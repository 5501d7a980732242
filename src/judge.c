// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rule of docs/design.md, section 2, and nothing else.
 *
 * The RMP bit of the error code is no input: an implicit change on a page that
 * the nested page table does not map yet faults without it, and a mere size
 * mismatch faults with it.
 */
#include "judge.h"

static void expect(const struct rmpe_judge_input *in, struct rmpe_verdict *v)
{
	switch (in->asked) {
	case RMPE_PAGE_PRIVATE:
		v->expected = RMPE_EXPECT_PRIVATE;
		v->source = RMPE_SOURCE_PSC;
		return;
	case RMPE_PAGE_SHARED:
		v->expected = RMPE_EXPECT_SHARED;
		v->source = RMPE_SOURCE_PSC;
		return;
	case RMPE_PAGE_LAUNCHED:
		v->expected = RMPE_EXPECT_PRIVATE;
		v->source = RMPE_SOURCE_LAUNCH;
		return;
	case RMPE_PAGE_NONE:
		break;
	}

	if (in->history_complete) {
		v->expected = RMPE_EXPECT_INITIAL;
		v->source = RMPE_SOURCE_NONE;
	} else {
		v->expected = in->attr_private ? RMPE_EXPECT_PRIVATE :
						 RMPE_EXPECT_SHARED;
		v->source = RMPE_SOURCE_ATTRIBUTE;
	}
}

/* The guest uses the page as what it should be. */
static bool as_expected(const struct rmpe_judge_input *in,
			enum rmpe_expected expected)
{
	return expected == (in->access_private ? RMPE_EXPECT_PRIVATE :
						 RMPE_EXPECT_SHARED);
}

static enum rmpe_class classify_expected(const struct rmpe_judge_input *in)
{
	if (in->attr_private == in->access_private)
		return in->access_private && in->discarded ? RMPE_CLASS_HOST :
							     RMPE_CLASS_NONE;
	/* The attribute is as the guest's own stray access has made it. */
	if (in->used != RMPE_PAGE_NONE)
		return RMPE_CLASS_NONE;
	/* A VMM may convert before it answers; that is no misdeed. */
	return in->inflight_private || in->inflight_shared ?
		RMPE_CLASS_IN_FLIGHT : RMPE_CLASS_HOST;
}

/* The same stray access again, of which all was said when KVM resolved it. */
static bool is_known(const struct rmpe_judge_input *in)
{
	return rmpe_state_allows(in->used, in->access_private) &&
	       in->attr_private == in->access_private;
}

static enum rmpe_class classify(const struct rmpe_judge_input *in,
				enum rmpe_expected expected)
{
	bool inflight_this = in->access_private ? in->inflight_private :
						  in->inflight_shared;

	if (in->vmpl)
		return RMPE_CLASS_VMPL;
	if (as_expected(in, expected))
		return classify_expected(in);
	if (is_known(in))
		return RMPE_CLASS_NONE;
	if (inflight_this)
		return RMPE_CLASS_IN_FLIGHT;
	if (in->access_private)
		return expected == RMPE_EXPECT_INITIAL ?
			RMPE_CLASS_FIRST_TOUCH : RMPE_CLASS_IMPLICIT_PRIVATE;
	return expected == RMPE_EXPECT_INITIAL ?
		RMPE_CLASS_INITIAL_SHARED : RMPE_CLASS_IMPLICIT_SHARED;
}

/**
 * rmpe_judge() - the class of one access
 * @in: what is known
 *
 * Context: any.
 * Return: the verdict.
 */
struct rmpe_verdict rmpe_judge(const struct rmpe_judge_input *in)
{
	struct rmpe_verdict v = { };

	expect(in, &v);
	v.class = classify(in, v.expected);
	v.enforceable = v.class != RMPE_CLASS_NONE &&
			v.source != RMPE_SOURCE_ATTRIBUTE &&
			(v.class == RMPE_CLASS_VMPL ||
			 !as_expected(in, v.expected));
	return v;
}
