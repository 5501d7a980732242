// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rule, docs/design.md section 2, against a table in words: each of the
 * 256 inputs is covered by exactly one line of it.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/string.h>

#include "judge.h"

#define NR_INPUTS 256

/* One input, and what to expect, in the words of the rule. */
struct words {
	const char *access, *state, *history, *attribute, *in_flight, *vmpl;
	const char *expected, *source;
};

/* "*" matches anything, "a|b" matches both. */
static bool matches(const char *pattern, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	if (!strcmp(pattern, "*"))
		return true;
	for (p = pattern; ; p = strchr(p, '|') + 1) {
		if (!strncmp(p, word, len) && (!p[len] || p[len] == '|'))
			return true;
		if (!strchr(p, '|'))
			return false;
	}
}

/* What a page should be: the last completed PSC, else the launch, else initial. */
static const struct expectation {
	const char *state, *history, *attribute, *expected, *source;
} expectations[] = {
	{ "psc-private", "*",        "*",       "private", "psc" },
	{ "psc-shared",  "*",        "*",       "shared",  "psc" },
	{ "launched",    "*",        "*",       "private", "launch" },
	{ "nothing",     "complete", "*",       "initial", "none" },
	{ "nothing",     "partial",  "private", "private", "attribute" },
	{ "nothing",     "partial",  "shared",  "shared",  "attribute" },
};

/*
 * "in flight": to what a PSC of that gfn that is not answered yet asks for.
 * "guest": is the guest known to be at fault, if history says what it did?
 */
static const struct rule {
	const char *access, *expected, *attribute, *in_flight, *vmpl;
	const char *class, *guest;
} rules[] = {
	/* As expected, and KVM agrees: KVM's own business. */
	{ "private", "private", "private", "*",                   "no", "none",             "no" },
	{ "shared",  "shared",  "shared",  "*",                   "no", "none",             "no" },
	/* As expected, and KVM's attribute was changed by the VMM alone. */
	{ "private", "private", "shared",  "nothing",             "no", "host",             "no" },
	{ "shared",  "shared",  "private", "nothing",             "no", "host",             "no" },
	/* As expected; the VMM may be about to answer a PSC. */
	{ "private", "private", "shared",  "private|shared|both", "no", "in_flight",        "no" },
	{ "shared",  "shared",  "private", "private|shared|both", "no", "in_flight",        "no" },
	/* Not as expected, but asked for: too early. */
	{ "private", "shared",  "*",       "private|both",        "no", "in_flight",        "yes" },
	{ "private", "initial", "*",       "private|both",        "no", "in_flight",        "yes" },
	{ "shared",  "private", "*",       "shared|both",         "no", "in_flight",        "yes" },
	{ "shared",  "initial", "*",       "shared|both",         "no", "in_flight",        "yes" },
	/* Not as expected, and not asked for. */
	{ "private", "shared",  "*",       "nothing|shared",      "no", "implicit_private", "yes" },
	{ "shared",  "private", "*",       "nothing|private",     "no", "implicit_shared",  "yes" },
	{ "private", "initial", "*",       "nothing|shared",      "no", "first_touch",      "yes" },
	{ "shared",  "initial", "*",       "nothing|private",     "no", "initial_shared",   "yes" },
	/* A fault of another kind, whatever the state. */
	{ "*",       "*",       "*",       "*",                   "yes", "vmpl",            "yes" },
};

/* One test for each rule: its name is the rule. */
static char names[ARRAY_SIZE(rules)][128];

static struct rmpe_judge_input input(unsigned int i)
{
	return (struct rmpe_judge_input){
		.access_private		= i & 1,
		.vmpl			= i & 2,
		.state			= i >> 2 & 3,
		.history_complete	= i & 16,
		.attr_private		= i & 32,
		.inflight_private	= i & 64,
		.inflight_shared	= i & 128,
	};
}

static struct words describe(const struct rmpe_judge_input *in)
{
	static const char *const states[] = {
		[RMPE_PAGE_NONE]	= "nothing",
		[RMPE_PAGE_LAUNCHED]	= "launched",
		[RMPE_PAGE_PRIVATE]	= "psc-private",
		[RMPE_PAGE_SHARED]	= "psc-shared",
	};
	static const char *const in_flight[] = {
		"nothing", "private", "shared", "both",
	};
	struct words w = {
		.access = in->access_private ? "private" : "shared",
		.state = states[in->state],
		.history = in->history_complete ? "complete" : "partial",
		.attribute = in->attr_private ? "private" : "shared",
		.in_flight = in_flight[in->inflight_private +
				       2 * in->inflight_shared],
		.vmpl = in->vmpl ? "yes" : "no",
	};
	unsigned int found = 0, i;

	for (i = 0; i < ARRAY_SIZE(expectations); i++) {
		const struct expectation *e = &expectations[i];

		if (matches(e->state, w.state) && matches(e->history, w.history) &&
		    matches(e->attribute, w.attribute)) {
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
	       matches(r->attribute, w->attribute) &&
	       matches(r->in_flight, w->in_flight) && matches(r->vmpl, w->vmpl);
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
		fail_msg("access=%s state=%s history=%s attribute=%s in_flight=%s vmpl=%s: class=%s expected=%s source=%s enforceable=%d, should be class=%s expected=%s source=%s enforceable=%d",
			 w->access, w->state, w->history, w->attribute,
			 w->in_flight, w->vmpl, rmpe_class_names[v.class],
			 expected[v.expected], source[v.source], v.enforceable,
			 r->class, w->expected, w->source, enforceable);
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

		if (in.vmpl || in.state == RMPE_PAGE_NONE) {
			assert_true(in.vmpl ||
				    !rmpe_state_allows(in.state, in.access_private));
			continue;
		}
		if (rmpe_state_allows(in.state, in.access_private)) {
			assert_int_equal(v.class == RMPE_CLASS_NONE, agree);
			assert_false(v.enforceable);
			allowed++;
		} else {
			assert_int_not_equal(v.class, RMPE_CLASS_NONE);
			assert_int_not_equal(v.class, RMPE_CLASS_HOST);
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

/* What the VMM does to its attribute can't turn a guest into a culprit. */
static void attribute_never_makes_a_guest_error(void **state)
{
	struct rmpe_judge_input in, other;
	struct rmpe_verdict v;
	unsigned int i;

	for_each_verdict(i, in, v) {
		other = in;
		other.attr_private = !in.attr_private;
		assert_int_equal(rmpe_judge(&other).enforceable, v.enforceable);
	}
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
		if (in.state == RMPE_PAGE_LAUNCHED)
			continue;
		other = in;
		other.access_private = !in.access_private;
		other.attr_private = !in.attr_private;
		other.inflight_private = in.inflight_shared;
		other.inflight_shared = in.inflight_private;
		if (in.state == RMPE_PAGE_PRIVATE)
			other.state = RMPE_PAGE_SHARED;
		else if (in.state == RMPE_PAGE_SHARED)
			other.state = RMPE_PAGE_PRIVATE;
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
		.state = RMPE_PAGE_PRIVATE,
		.attr_private = true,
		.access_private = true,
	}), RMPE_CLASS_NONE);
}

static void guest_forgets_psc_before_dma_buffer(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_PRIVATE,
		.attr_private = true,
		.access_private = false,
	}), RMPE_CLASS_IMPLICIT_SHARED);
}

static void guest_writes_plain_text_to_launched_page(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_LAUNCHED,
		.attr_private = true,
		.access_private = false,
	}), RMPE_CLASS_IMPLICIT_SHARED);
}

static void guest_takes_back_page_without_asking(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_SHARED,
		.attr_private = false,
		.access_private = true,
	}), RMPE_CLASS_IMPLICIT_PRIVATE);
}

/* QEMU marks all memory private at the start: policy, not state. */
static void private_attribute_does_not_excuse_first_touch(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_NONE,
		.attr_private = true,
		.access_private = true,
	}), RMPE_CLASS_FIRST_TOUCH);
}

/* OVMF's GHCB page. */
static void firmware_shares_page_that_was_never_asked_for(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_NONE,
		.attr_private = true,
		.access_private = false,
	}), RMPE_CLASS_INITIAL_SHARED);
}

static void vmm_flips_page_behind_the_guest(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_PRIVATE,
		.attr_private = false,
		.access_private = true,
	}), RMPE_CLASS_HOST);
}

static void vcpu_does_not_wait_for_another_ones_psc(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_SHARED,
		.access_private = true,
		.inflight_private = true,
	}), RMPE_CLASS_IN_FLIGHT);
}

static void psc_to_the_other_state_is_no_excuse(void **state)
{
	assert_int_equal(class_of((struct rmpe_judge_input){
		.state = RMPE_PAGE_SHARED,
		.access_private = true,
		.inflight_shared = true,
	}), RMPE_CLASS_IMPLICIT_PRIVATE);
}

static void vm_older_than_the_module_follows_the_attribute(void **state)
{
	struct rmpe_judge_input in = {
		.state = RMPE_PAGE_NONE,
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
		.state = RMPE_PAGE_PRIVATE,
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
		.state = RMPE_PAGE_PRIVATE,
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
	cmocka_unit_test(no_class_is_never_enforceable),
	cmocka_unit_test(rule_is_symmetric),
	cmocka_unit_test(kernel_uses_memory_that_it_validated),
	cmocka_unit_test(guest_forgets_psc_before_dma_buffer),
	cmocka_unit_test(guest_writes_plain_text_to_launched_page),
	cmocka_unit_test(guest_takes_back_page_without_asking),
	cmocka_unit_test(private_attribute_does_not_excuse_first_touch),
	cmocka_unit_test(firmware_shares_page_that_was_never_asked_for),
	cmocka_unit_test(vmm_flips_page_behind_the_guest),
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
			 "rule: %s access, expected %s, attribute %s, in flight %s, vmpl %s: %s",
			 r->access, r->expected, r->attribute, r->in_flight,
			 r->vmpl, r->class);
		tests[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = follows_rule,
			.initial_state = (void *)r,
		};
	}
	memcpy(tests + ARRAY_SIZE(rules), examples, sizeof(examples));
	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
