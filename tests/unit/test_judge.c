// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rule, docs/design.md section 2, against a table in words: each input is
 * covered by exactly one line of it.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/string.h>

#include "judge.h"

/* One input, and what to expect, in the words of the rule. */
struct words {
	const char *access, *asked, *used, *history, *attribute, *in_flight;
	const char *discarded, *vmpl;
	const char *expected, *source;
};

/* "*" matches anything, "!a" all but a, "a|b" both. */
static bool matches(const char *pattern, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	if (!strcmp(pattern, "*"))
		return true;
	if (*pattern == '!')
		return strcmp(pattern + 1, word);
	for (p = pattern; ; p = strchr(p, '|') + 1) {
		if (!strncmp(p, word, len) && (!p[len] || p[len] == '|'))
			return true;
		if (!strchr(p, '|'))
			return false;
	}
}

/* What a page should be: the last completed PSC, else the launch, else initial. */
static const struct expectation {
	const char *asked, *history, *attribute, *expected, *source;
} expectations[] = {
	{ "psc-private", "*",        "*",       "private", "psc" },
	{ "psc-shared",  "*",        "*",       "shared",  "psc" },
	{ "launched",    "*",        "*",       "private", "launch" },
	{ "nothing",     "complete", "*",       "initial", "none" },
	{ "nothing",     "partial",  "private", "private", "attribute" },
	{ "nothing",     "partial",  "shared",  "shared",  "attribute" },
};

/*
 * "used": how KVM was let resolve an access that was not as asked: not at all, so as
 * the page is accessed now, otherwise; or so, and the attribute was undone since.
 * "attribute": KVM's agrees with the access, or differs.
 * "in flight": whether a PSC of that gfn that is not answered yet asks for this access,
 * or for the other one.
 * "guest": is the guest known to be at fault, if history says what it did?
 */
static const struct rule {
	const char *access, *expected, *used, *attribute, *in_flight, *discarded, *vmpl;
	const char *class, *guest;
} rules[] = {
	/* As expected, and KVM agrees: KVM's own business. */
	{ "private", "private", "*", "agrees", "*", "no", "no", "none", "no" },
	{ "shared",  "shared",  "*", "agrees", "*", "*",  "no", "none", "no" },
	/* But the VMM has taken away what was there. */
	{ "private", "private", "*", "agrees", "*", "yes", "no", "host", "no" },
	/* As expected, and KVM's attribute was changed by the VMM alone. */
	{ "private", "private", "no", "differs", "nothing", "*", "no", "host", "no" },
	{ "shared",  "shared",  "no", "differs", "nothing", "*", "no", "host", "no" },
	/* As expected; the VMM may be about to answer a PSC. */
	{ "private", "private", "no", "differs", "!nothing", "*", "no", "in_flight", "no" },
	{ "shared",  "shared",  "no", "differs", "!nothing", "*", "no", "in_flight", "no" },
	/* As expected, and KVM's attribute is what the guest's stray access made it. */
	{ "private", "private", "!no", "differs", "*", "*", "no", "none", "no" },
	{ "shared",  "shared",  "!no", "differs", "*", "*", "no", "none", "no" },
	/* Not as expected, and told when it was resolved for the first time. */
	{ "private", "!private", "so", "*", "*", "*", "no", "none", "no" },
	{ "shared",  "!shared",  "so", "*", "*", "*", "no", "none", "no" },
	/* Not as expected, but asked for: too early. */
	{ "private", "!private", "!so", "*", "this|both", "*", "no", "in_flight", "yes" },
	{ "shared",  "!shared",  "!so", "*", "this|both", "*", "no", "in_flight", "yes" },
	/* Not as expected, and not asked for. */
	{ "private", "shared",  "!so", "*", "nothing|other", "*", "no", "implicit_private", "yes" },
	{ "shared",  "private", "!so", "*", "nothing|other", "*", "no", "implicit_shared", "yes" },
	{ "private", "initial", "!so", "*", "nothing|other", "*", "no", "first_touch", "yes" },
	{ "shared",  "initial", "!so", "*", "nothing|other", "*", "no", "initial_shared", "yes" },
	/* A fault of another kind, whatever the state. */
	{ "*", "*", "*", "*", "*", "*", "yes", "vmpl", "yes" },
};

/* One test for each rule: its name is the rule. */
static char names[ARRAY_SIZE(rules)][192];

static const enum rmpe_page_state asked_states[] = {
	RMPE_PAGE_NONE, RMPE_PAGE_LAUNCHED, RMPE_PAGE_PRIVATE, RMPE_PAGE_SHARED,
};

/* A page is not launched by being used. */
static const enum rmpe_page_state used_states[] = {
	RMPE_PAGE_NONE, RMPE_PAGE_PRIVATE, RMPE_PAGE_SHARED,
};

#define NR_FLAGS	7
#define NR_INPUTS	(ARRAY_SIZE(asked_states) * ARRAY_SIZE(used_states) << NR_FLAGS)

static struct rmpe_judge_input input(unsigned int i)
{
	const unsigned int states = i >> NR_FLAGS;

	return (struct rmpe_judge_input){
		.access_private		= i & 1,
		.vmpl			= i & 2,
		.discarded		= i & 4,
		.history_complete	= i & 8,
		.attr_private		= i & 16,
		.inflight_private	= i & 32,
		.inflight_shared	= i & 64,
		.asked			= asked_states[states % ARRAY_SIZE(asked_states)],
		.used			= used_states[states / ARRAY_SIZE(asked_states)],
	};
}

static const char *describe_use(const struct rmpe_judge_input *in)
{
	if (in->used == RMPE_PAGE_NONE)
		return "no";
	if (rmpe_state_allows(in->used, !in->access_private))
		return "otherwise";
	return in->attr_private == in->access_private ? "so" : "undone";
}

static const char *describe_in_flight(bool this, bool other)
{
	if (this)
		return other ? "both" : "this";
	return other ? "other" : "nothing";
}

static struct words describe(const struct rmpe_judge_input *in)
{
	static const char *const asked[] = {
		[RMPE_PAGE_NONE]	= "nothing",
		[RMPE_PAGE_LAUNCHED]	= "launched",
		[RMPE_PAGE_PRIVATE]	= "psc-private",
		[RMPE_PAGE_SHARED]	= "psc-shared",
	};
	const bool private = in->access_private;
	struct words w = {
		.access = private ? "private" : "shared",
		.asked = asked[in->asked],
		.used = describe_use(in),
		.history = in->history_complete ? "complete" : "partial",
		.attribute = in->attr_private == private ? "agrees" : "differs",
		.in_flight = private ?
			describe_in_flight(in->inflight_private, in->inflight_shared) :
			describe_in_flight(in->inflight_shared, in->inflight_private),
		.discarded = in->discarded ? "yes" : "no",
		.vmpl = in->vmpl ? "yes" : "no",
	};
	const char *attribute = in->attr_private ? "private" : "shared";
	unsigned int found = 0, i;

	for (i = 0; i < ARRAY_SIZE(expectations); i++) {
		const struct expectation *e = &expectations[i];

		if (matches(e->asked, w.asked) && matches(e->history, w.history) &&
		    matches(e->attribute, attribute)) {
			w.expected = e->expected;
			w.source = e->source;
			found++;
		}
	}
	assert_int_equal(found, 1);
	return w;
}

static bool applies(const struct rule *r, const struct words *w)
{
	return matches(r->access, w->access) && matches(r->expected, w->expected) &&
	       matches(r->used, w->used) && matches(r->attribute, w->attribute) &&
	       matches(r->in_flight, w->in_flight) &&
	       matches(r->discarded, w->discarded) && matches(r->vmpl, w->vmpl);
}

static void check(const struct rmpe_judge_input *in, const struct words *w,
		  const struct rule *r)
{
	static const char *const expected[] = {
		[RMPE_EXPECT_INITIAL]	= "initial",
		[RMPE_EXPECT_PRIVATE]	= "private",
		[RMPE_EXPECT_SHARED]	= "shared",
	};
	static const char *const source[] = {
		[RMPE_SOURCE_NONE]	= "none",
		[RMPE_SOURCE_PSC]	= "psc",
		[RMPE_SOURCE_LAUNCH]	= "launch",
		[RMPE_SOURCE_ATTRIBUTE]	= "attribute",
	};
	struct rmpe_verdict v = rmpe_judge(in);
	bool enforceable = !strcmp(r->guest, "yes") &&
			   strcmp(w->source, "attribute");

	if (strcmp(rmpe_class_names[v.class], r->class) ||
	    strcmp(expected[v.expected], w->expected) ||
	    strcmp(source[v.source], w->source) || v.enforceable != enforceable)
		fail_msg("access=%s asked=%s used=%s history=%s attribute=%s in_flight=%s discarded=%s vmpl=%s: class=%s expected=%s source=%s enforceable=%d, should be class=%s expected=%s source=%s enforceable=%d",
			 w->access, w->asked, w->used, w->history, w->attribute,
			 w->in_flight, w->discarded, w->vmpl,
			 rmpe_class_names[v.class], expected[v.expected],
			 source[v.source], v.enforceable, r->class, w->expected,
			 w->source, enforceable);
}

static void follows_rule(void **state)
{
	const struct rule *r = *state;
	unsigned int i, applied = 0;

	for (i = 0; i < NR_INPUTS; i++) {
		struct rmpe_judge_input in = input(i);
		struct words w = describe(&in);

		if (!applies(r, &w))
			continue;
		check(&in, &w, r);
		applied++;
	}
	assert_true(applied);
}

static void every_input_has_one_rule(void **state)
{
	unsigned int i, j;

	for (i = 0; i < NR_INPUTS; i++) {
		struct rmpe_judge_input in = input(i);
		struct words w = describe(&in);
		unsigned int applied = 0;

		for (j = 0; j < ARRAY_SIZE(rules); j++)
			applied += applies(&rules[j], &w);
		assert_int_equal(applied, 1);
	}
}

/* Each input with a property, for what must hold whatever the table says. */
#define for_each_verdict(i, in, v)					\
	for (i = 0; i < NR_INPUTS &&					\
	     (in = input(i), v = rmpe_judge(&in), true); i++)

static void host_is_never_enforceable(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i, hosts = 0;

	for_each_verdict(i, in, v) {
		if (v.class != RMPE_CLASS_HOST)
			continue;
		assert_false(v.enforceable);
		hosts++;
	}
	assert_true(hosts);
}

static void attribute_is_never_enforceable(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i, sourced = 0;

	for_each_verdict(i, in, v) {
		if (v.source != RMPE_SOURCE_ATTRIBUTE)
			continue;
		assert_false(v.enforceable);
		sourced++;
	}
	assert_true(sourced);
}

/* The short way must not let anything pass that the rule does not. */
static void short_way_agrees_with_the_rule(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i, allowed = 0;

	for_each_verdict(i, in, v) {
		bool agree = in.attr_private == in.access_private;

		if (in.vmpl || in.asked == RMPE_PAGE_NONE) {
			assert_true(in.vmpl ||
				    !rmpe_state_allows(in.asked, in.access_private));
			continue;
		}
		if (rmpe_state_allows(in.asked, in.access_private)) {
			assert_false(v.enforceable);
			/* Who takes it looks for these two first. */
			if (in.used == RMPE_PAGE_NONE && !in.discarded)
				assert_int_equal(v.class == RMPE_CLASS_NONE, agree);
			allowed++;
		} else {
			assert_int_not_equal(v.class, RMPE_CLASS_HOST);
			if (in.used == RMPE_PAGE_NONE)
				assert_int_not_equal(v.class, RMPE_CLASS_NONE);
		}
	}
	assert_true(allowed);
}

static void expected_access_is_never_enforceable(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i;

	for_each_verdict(i, in, v) {
		if (in.vmpl)
			continue;
		if (v.expected == (in.access_private ? RMPE_EXPECT_PRIVATE :
						       RMPE_EXPECT_SHARED))
			assert_false(v.enforceable);
	}
}

/*
 * What the VMM does to its attribute can't turn a guest into a culprit: at most it
 * makes what was told once be told again.
 */
static void attribute_never_makes_a_guest_error(void **state)
{
	struct rmpe_judge_input in, other;
	struct rmpe_verdict v;
	unsigned int i;

	for_each_verdict(i, in, v) {
		other = in;
		other.attr_private = !in.attr_private;
		if (v.class != RMPE_CLASS_NONE &&
		    rmpe_judge(&other).class != RMPE_CLASS_NONE)
			assert_int_equal(rmpe_judge(&other).enforceable,
					 v.enforceable);
		else if (in.used == RMPE_PAGE_NONE)
			assert_false(rmpe_judge(&other).enforceable);
	}
}

/* Nor can what it takes away, nor a PSC that waits. */
static void vmm_never_makes_a_guest_error(void **state)
{
	struct rmpe_judge_input in, other;
	struct rmpe_verdict v;
	unsigned int i;

	for_each_verdict(i, in, v) {
		other = in;
		other.discarded = false;
		assert_int_equal(rmpe_judge(&other).enforceable, v.enforceable);
		other.inflight_private = false;
		other.inflight_shared = false;
		assert_int_equal(rmpe_judge(&other).enforceable, v.enforceable);
	}
}

/* Going back to what was asked for is never an error, however it was used. */
static void going_back_is_never_an_error(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i, back = 0;

	for_each_verdict(i, in, v) {
		if (in.vmpl || in.used == RMPE_PAGE_NONE || in.discarded ||
		    !rmpe_state_allows(in.asked, in.access_private))
			continue;
		assert_int_equal(v.class, RMPE_CLASS_NONE);
		back++;
	}
	assert_true(back);
}

/* What KVM resolved, and nothing has changed since, is told once. */
static void stray_use_is_told_once(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i, told = 0;

	for_each_verdict(i, in, v) {
		if (in.vmpl || in.attr_private != in.access_private ||
		    (v.class != RMPE_CLASS_IMPLICIT_PRIVATE &&
		     v.class != RMPE_CLASS_IMPLICIT_SHARED &&
		     v.class != RMPE_CLASS_FIRST_TOUCH &&
		     v.class != RMPE_CLASS_INITIAL_SHARED))
			continue;
		in.used = in.access_private ? RMPE_PAGE_PRIVATE : RMPE_PAGE_SHARED;
		assert_int_equal(rmpe_judge(&in).class, RMPE_CLASS_NONE);
		told++;
	}
	assert_true(told);
}

static void only_private_pages_are_taken_away(void **state)
{
	struct rmpe_judge_input in, other;
	struct rmpe_verdict v;
	unsigned int i, taken = 0;

	for_each_verdict(i, in, v) {
		other = in;
		other.discarded = !in.discarded;
		if (rmpe_judge(&other).class == v.class)
			continue;
		assert_true(in.access_private && in.attr_private && !in.vmpl);
		assert_int_equal(v.expected, RMPE_EXPECT_PRIVATE);
		assert_int_equal(v.class, in.discarded ? RMPE_CLASS_HOST :
							 RMPE_CLASS_NONE);
		taken++;
	}
	assert_true(taken);
}

/* The classes that no verdict has: they are not about what a page should be. */
static void classes_of_other_origin(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i;

	for_each_verdict(i, in, v)
		assert_true(v.class < RMPE_CLASS_UNBACKED);
}

static void no_class_is_never_enforceable(void **state)
{
	struct rmpe_judge_input in;
	struct rmpe_verdict v;
	unsigned int i;

	for_each_verdict(i, in, v)
		if (v.class == RMPE_CLASS_NONE)
			assert_false(v.enforceable);
}

static enum rmpe_page_state other_state(enum rmpe_page_state state)
{
	switch (state) {
	case RMPE_PAGE_PRIVATE:
		return RMPE_PAGE_SHARED;
	case RMPE_PAGE_SHARED:
		return RMPE_PAGE_PRIVATE;
	default:
		return state;
	}
}

/* Private and shared are treated alike, but for what a launched page is. */
static void rule_is_symmetric(void **state)
{
	static const enum rmpe_class mirror[] = {
		[RMPE_CLASS_NONE]		= RMPE_CLASS_NONE,
		[RMPE_CLASS_IMPLICIT_PRIVATE]	= RMPE_CLASS_IMPLICIT_SHARED,
		[RMPE_CLASS_IMPLICIT_SHARED]	= RMPE_CLASS_IMPLICIT_PRIVATE,
		[RMPE_CLASS_FIRST_TOUCH]	= RMPE_CLASS_INITIAL_SHARED,
		[RMPE_CLASS_INITIAL_SHARED]	= RMPE_CLASS_FIRST_TOUCH,
		[RMPE_CLASS_IN_FLIGHT]		= RMPE_CLASS_IN_FLIGHT,
		[RMPE_CLASS_VMPL]		= RMPE_CLASS_VMPL,
		[RMPE_CLASS_HOST]		= RMPE_CLASS_HOST,
	};
	struct rmpe_judge_input in, other;
	struct rmpe_verdict v;
	unsigned int i;

	for_each_verdict(i, in, v) {
		/* Only what is private can be taken away. */
		if (in.asked == RMPE_PAGE_LAUNCHED || in.discarded)
			continue;
		other = in;
		other.access_private = !in.access_private;
		other.attr_private = !in.attr_private;
		other.inflight_private = in.inflight_shared;
		other.inflight_shared = in.inflight_private;
		other.asked = other_state(in.asked);
		other.used = other_state(in.used);
		assert_int_equal(rmpe_judge(&other).class, mirror[v.class]);
		assert_int_equal(rmpe_judge(&other).enforceable, v.enforceable);
	}
}

/* The rule once more, by example.  All: a VM seen from its creation. */
static enum rmpe_class class_of(struct rmpe_judge_input in)
{
	in.history_complete = true;
	return rmpe_judge(&in).class;
}

static void kernel_uses_memory_that_it_validated(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_PRIVATE,
		.attr_private = true,
		.access_private = true,
	}), RMPE_CLASS_NONE);
}

static void guest_forgets_psc_before_dma_buffer(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_PRIVATE,
		.attr_private = true,
		.access_private = false,
	}), RMPE_CLASS_IMPLICIT_SHARED);
}

static void guest_writes_plain_text_to_launched_page(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_LAUNCHED,
		.attr_private = true,
		.access_private = false,
	}), RMPE_CLASS_IMPLICIT_SHARED);
}

static void guest_takes_back_page_without_asking(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_SHARED,
		.attr_private = false,
		.access_private = true,
	}), RMPE_CLASS_IMPLICIT_PRIVATE);
}

/* QEMU marks all memory private at the start: policy, not state. */
static void private_attribute_does_not_excuse_first_touch(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_NONE,
		.attr_private = true,
		.access_private = true,
	}), RMPE_CLASS_FIRST_TOUCH);
}

/* OVMF's GHCB page. */
static void firmware_shares_page_that_was_never_asked_for(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_NONE,
		.attr_private = true,
		.access_private = false,
	}), RMPE_CLASS_INITIAL_SHARED);
}

static void vmm_flips_page_by_itself(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_PRIVATE,
		.attr_private = false,
		.access_private = true,
	}), RMPE_CLASS_HOST);
}

/* Used as shared, told and resolved; then as what it is, and as shared again. */
static void launched_page_is_shared_for_a_while(void **state)
{
	struct rmpe_judge_input in = {
		.asked = RMPE_PAGE_LAUNCHED,
		.attr_private = true,
	};

	assert_int_equal(class_of(in), RMPE_CLASS_IMPLICIT_SHARED);
	in.used = RMPE_PAGE_SHARED;
	in.attr_private = false;
	assert_int_equal(class_of(in), RMPE_CLASS_NONE);
	in.access_private = true;
	assert_int_equal(class_of(in), RMPE_CLASS_NONE);
	in.used = RMPE_PAGE_NONE;
	in.attr_private = true;
	in.access_private = false;
	assert_int_equal(class_of(in), RMPE_CLASS_IMPLICIT_SHARED);
}

/* Of a page that was never asked for neither state is right: each change is told. */
static void initial_page_goes_to_and_fro(void **state)
{
	struct rmpe_judge_input in = { .access_private = true };

	assert_int_equal(class_of(in), RMPE_CLASS_FIRST_TOUCH);
	in.used = RMPE_PAGE_PRIVATE;
	in.attr_private = true;
	assert_int_equal(class_of(in), RMPE_CLASS_NONE);
	in.access_private = false;
	assert_int_equal(class_of(in), RMPE_CLASS_INITIAL_SHARED);
	in.used = RMPE_PAGE_SHARED;
	in.attr_private = false;
	assert_int_equal(class_of(in), RMPE_CLASS_NONE);
	in.access_private = true;
	assert_int_equal(class_of(in), RMPE_CLASS_FIRST_TOUCH);
}

/* The stray access was accepted, and the VMM has taken that back: told again. */
static void vmm_converts_a_stray_page(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_PRIVATE,
		.used = RMPE_PAGE_SHARED,
		.attr_private = true,
		.access_private = false,
	}), RMPE_CLASS_IMPLICIT_SHARED);
}

static void vmm_takes_a_page_away(void **state)
{
	struct rmpe_judge_input in = {
		.asked = RMPE_PAGE_LAUNCHED,
		.attr_private = true,
		.access_private = true,
		.discarded = true,
	};

	assert_int_equal(class_of(in), RMPE_CLASS_HOST);
	assert_false(rmpe_judge(&in).enforceable);
	/* A page that was taken away is still the guest's to ask for. */
	in.access_private = false;
	assert_int_equal(class_of(in), RMPE_CLASS_IMPLICIT_SHARED);
}

static void vcpu_does_not_wait_for_another_ones_psc(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_SHARED,
		.access_private = true,
		.inflight_private = true,
	}), RMPE_CLASS_IN_FLIGHT);
}

static void psc_to_the_other_state_is_no_excuse(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_SHARED,
		.access_private = true,
		.inflight_shared = true,
	}), RMPE_CLASS_IMPLICIT_PRIVATE);
}

static void vm_older_than_the_module_follows_the_attribute(void **state)
{
	struct rmpe_judge_input in = {
		.asked = RMPE_PAGE_NONE,
		.history_complete = false,
		.attr_private = true,
		.access_private = true,
	};

	assert_int_equal(rmpe_judge(&in).class, RMPE_CLASS_NONE);
	in.access_private = false;
	assert_int_equal(rmpe_judge(&in).class, RMPE_CLASS_IMPLICIT_SHARED);
	assert_false(rmpe_judge(&in).enforceable);
}

static void psc_seen_makes_up_for_partial_history(void **state)
{
	struct rmpe_judge_input in = {
		.asked = RMPE_PAGE_PRIVATE,
		.history_complete = false,
		.attr_private = true,
		.access_private = false,
	};

	assert_int_equal(rmpe_judge(&in).class, RMPE_CLASS_IMPLICIT_SHARED);
	assert_true(rmpe_judge(&in).enforceable);
}

static void vmpl_is_told_apart_from_page_state(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.asked = RMPE_PAGE_PRIVATE,
		.attr_private = true,
		.access_private = true,
		.vmpl = true,
	}), RMPE_CLASS_VMPL);
}

static const struct CMUnitTest examples[] = {
	cmocka_unit_test(every_input_has_one_rule),
	cmocka_unit_test(host_is_never_enforceable),
	cmocka_unit_test(short_way_agrees_with_the_rule),
	cmocka_unit_test(attribute_is_never_enforceable),
	cmocka_unit_test(expected_access_is_never_enforceable),
	cmocka_unit_test(attribute_never_makes_a_guest_error),
	cmocka_unit_test(vmm_never_makes_a_guest_error),
	cmocka_unit_test(no_class_is_never_enforceable),
	cmocka_unit_test(going_back_is_never_an_error),
	cmocka_unit_test(stray_use_is_told_once),
	cmocka_unit_test(only_private_pages_are_taken_away),
	cmocka_unit_test(classes_of_other_origin),
	cmocka_unit_test(rule_is_symmetric),
	cmocka_unit_test(kernel_uses_memory_that_it_validated),
	cmocka_unit_test(guest_forgets_psc_before_dma_buffer),
	cmocka_unit_test(guest_writes_plain_text_to_launched_page),
	cmocka_unit_test(guest_takes_back_page_without_asking),
	cmocka_unit_test(private_attribute_does_not_excuse_first_touch),
	cmocka_unit_test(firmware_shares_page_that_was_never_asked_for),
	cmocka_unit_test(vmm_flips_page_by_itself),
	cmocka_unit_test(launched_page_is_shared_for_a_while),
	cmocka_unit_test(initial_page_goes_to_and_fro),
	cmocka_unit_test(vmm_converts_a_stray_page),
	cmocka_unit_test(vmm_takes_a_page_away),
	cmocka_unit_test(vcpu_does_not_wait_for_another_ones_psc),
	cmocka_unit_test(psc_to_the_other_state_is_no_excuse),
	cmocka_unit_test(vm_older_than_the_module_follows_the_attribute),
	cmocka_unit_test(psc_seen_makes_up_for_partial_history),
	cmocka_unit_test(vmpl_is_told_apart_from_page_state),
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rules) + ARRAY_SIZE(examples)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];

		snprintf(names[i], sizeof(names[i]),
			 "rule: %s access, expected %s, used %s, attribute %s, in flight %s, discarded %s, vmpl %s: %s",
			 r->access, r->expected, r->used, r->attribute,
			 r->in_flight, r->discarded, r->vmpl, r->class);
		tests[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = follows_rule,
			.initial_state = (void *)r,
		};
	}
	memcpy(tests + ARRAY_SIZE(rules), examples, sizeof(examples));
	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
