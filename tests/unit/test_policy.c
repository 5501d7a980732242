// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keywords, and what global and per-VM settings add up to.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>

#include <string.h>

#include "policy.h"

struct keyword {
	const char *word;
	int value;
};

static const struct keyword modes[] = {
	{ "inherit", RMPE_MODE_INHERIT },
	{ "off", RMPE_MODE_OFF },
	{ "lenient", RMPE_MODE_LENIENT },
	{ "strict", RMPE_MODE_STRICT },
	{ }
};

static const struct keyword actions[] = {
	{ "inherit", RMPE_ACTION_INHERIT },
	{ "vc", RMPE_ACTION_VC },
	{ "terminate", RMPE_ACTION_TERMINATE },
	{ }
};

static const struct keyword policies[] = {
	{ "inherit", RMPE_POLICY_INHERIT },
	{ "enforce", RMPE_POLICY_ENFORCE },
	{ "report", RMPE_POLICY_REPORT },
	{ }
};

static const struct keyword switches[] = {
	{ "inherit", RMPE_SWITCH_INHERIT },
	{ "off", RMPE_SWITCH_OFF },
	{ "on", RMPE_SWITCH_ON },
	{ }
};

/* The classes that have a policy. */
static const struct keyword classes[] = {
	{ "implicit_private", RMPE_CLASS_IMPLICIT_PRIVATE },
	{ "implicit_shared", RMPE_CLASS_IMPLICIT_SHARED },
	{ "first_touch", RMPE_CLASS_FIRST_TOUCH },
	{ "initial_shared", RMPE_CLASS_INITIAL_SHARED },
	{ "in_flight", RMPE_CLASS_IN_FLIGHT },
	{ "vmpl", RMPE_CLASS_VMPL },
	{ }
};

static void keywords(int (*parse)(const char *word, bool may_inherit),
		     const struct keyword *k)
{
	char word[32];
	size_t len;

	for (; k->word; k++) {
		bool inherit = !strcmp(k->word, "inherit");
		int global = inherit ? -EINVAL : k->value;

		assert_int_equal(parse(k->word, true), k->value);
		assert_int_equal(parse(k->word, false), global);

		/* As echo writes it. */
		snprintf(word, sizeof(word), "%s\n", k->word);
		assert_int_equal(parse(word, true), k->value);
		assert_int_equal(parse(word, false), global);

		snprintf(word, sizeof(word), "%s\n\n", k->word);
		assert_int_equal(parse(word, true), -EINVAL);
		snprintf(word, sizeof(word), "%s ", k->word);
		assert_int_equal(parse(word, true), -EINVAL);
		snprintf(word, sizeof(word), " %s", k->word);
		assert_int_equal(parse(word, true), -EINVAL);
		snprintf(word, sizeof(word), "%sx", k->word);
		assert_int_equal(parse(word, true), -EINVAL);
		snprintf(word, sizeof(word), "%s", k->word);
		word[0] -= 'a' - 'A';
		assert_int_equal(parse(word, true), -EINVAL);

		/* No prefix is enough, the empty one included. */
		for (len = 0; len < strlen(k->word); len++) {
			snprintf(word, sizeof(word), "%.*s", (int)len, k->word);
			assert_int_equal(parse(word, true), -EINVAL);
			assert_int_equal(parse(word, false), -EINVAL);
		}
	}
	assert_int_equal(parse("\n", true), -EINVAL);
	assert_int_equal(parse("0", true), -EINVAL);
	assert_int_equal(parse("1", false), -EINVAL);
}

static void mode_keywords(void **state)
{
	keywords(rmpe_parse_mode, modes);
}

static void action_keywords(void **state)
{
	keywords(rmpe_parse_action, actions);
}

static void policy_keywords(void **state)
{
	keywords(rmpe_parse_policy, policies);
}

static void switch_keywords(void **state)
{
	keywords(rmpe_parse_switch, switches);
}

static void words_of_other_settings(void **state)
{
	assert_int_equal(rmpe_parse_switch("strict", true), -EINVAL);
	assert_int_equal(rmpe_parse_switch("report", true), -EINVAL);
	assert_int_equal(rmpe_parse_mode("on", true), -EINVAL);
	assert_int_equal(rmpe_parse_mode("vc", true), -EINVAL);
	assert_int_equal(rmpe_parse_mode("enforce", true), -EINVAL);
	assert_int_equal(rmpe_parse_action("strict", true), -EINVAL);
	assert_int_equal(rmpe_parse_action("report", true), -EINVAL);
	assert_int_equal(rmpe_parse_policy("terminate", true), -EINVAL);
	assert_int_equal(rmpe_parse_policy("off", true), -EINVAL);
}

static void names_are_the_keywords(void **state)
{
	const struct keyword *k;

	for (k = modes; k->word; k++)
		assert_string_equal(rmpe_mode_names[k->value], k->word);
	for (k = actions; k->word; k++)
		assert_string_equal(rmpe_action_names[k->value], k->word);
	for (k = policies; k->word; k++)
		assert_string_equal(rmpe_policy_names[k->value], k->word);
	for (k = switches; k->word; k++)
		assert_string_equal(rmpe_switch_names[k->value], k->word);
	for (k = classes; k->word; k++)
		assert_string_equal(rmpe_class_names[k->value], k->word);
	assert_string_equal(rmpe_class_names[RMPE_CLASS_NONE], "none");
	assert_string_equal(rmpe_class_names[RMPE_CLASS_HOST], "host");
	assert_string_equal(rmpe_class_names[RMPE_CLASS_UNBACKED], "unbacked");
	assert_string_equal(rmpe_class_names[RMPE_CLASS_NO_PROGRESS], "no_progress");
}

/* VMMs see these numbers. */
static void class_numbers_are_abi(void **state)
{
	assert_int_equal(RMPE_CLASS_IMPLICIT_PRIVATE, 1);
	assert_int_equal(RMPE_CLASS_IMPLICIT_SHARED, 2);
	assert_int_equal(RMPE_CLASS_FIRST_TOUCH, 3);
	assert_int_equal(RMPE_CLASS_INITIAL_SHARED, 4);
	assert_int_equal(RMPE_CLASS_IN_FLIGHT, 5);
	assert_int_equal(RMPE_CLASS_VMPL, 6);
	assert_int_equal(RMPE_CLASS_HOST, 7);
	assert_int_equal(RMPE_CLASS_UNBACKED, 8);
	assert_int_equal(RMPE_CLASS_NO_PROGRESS, 9);
	assert_int_equal(RMPE_NR_CLASSES, 10);
}

static void defaults(void **state)
{
	const struct rmpe_settings vm = { };

	assert_int_equal(rmpe_effective_mode(&vm), RMPE_MODE_LENIENT);
	assert_int_equal(rmpe_effective_action(&vm), RMPE_ACTION_VC);
	assert_true(rmpe_effective_sites(&vm));
	assert_false(rmpe_effective_request_sites(&vm));
	assert_int_equal(rmpe_effective_policy(&vm, RMPE_CLASS_IMPLICIT_PRIVATE),
			 RMPE_POLICY_ENFORCE);
	assert_int_equal(rmpe_effective_policy(&vm, RMPE_CLASS_IMPLICIT_SHARED),
			 RMPE_POLICY_ENFORCE);
	assert_int_equal(rmpe_effective_policy(&vm, RMPE_CLASS_FIRST_TOUCH),
			 RMPE_POLICY_ENFORCE);
	assert_int_equal(rmpe_effective_policy(&vm, RMPE_CLASS_INITIAL_SHARED),
			 RMPE_POLICY_REPORT);
	assert_int_equal(rmpe_effective_policy(&vm, RMPE_CLASS_IN_FLIGHT),
			 RMPE_POLICY_REPORT);
	assert_int_equal(rmpe_effective_policy(&vm, RMPE_CLASS_VMPL),
			 RMPE_POLICY_REPORT);
}

/* Takes a list that is understood. */
static void parse(const char *list, struct rmpe_settings *settings)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", list);
	assert_int_equal(rmpe_parse_policy_list(copy, settings), 0);
}

/* One that is not, for which the user is shown @bad. */
static void refuse(const char *list, const char *bad)
{
	struct rmpe_settings settings, before;
	char copy[256];

	memset(&settings, 0x77, sizeof(settings));
	before = settings;
	snprintf(copy, sizeof(copy), "%s", list);
	assert_int_equal(rmpe_parse_policy_list(copy, &settings), -EINVAL);
	assert_string_equal(copy, bad);
	assert_memory_equal(&settings, &before, sizeof(settings));
}

static void list_with_each_class_and_policy(void **state)
{
	const struct keyword *c, *p;
	char list[64];

	for (c = classes; c->word; c++) {
		for (p = policies + 1; p->word; p++) {
			struct rmpe_settings s = {
				.mode = 9, .action = 8, .sites = 7, .request_sites = 6,
			};
			struct rmpe_settings should = s;

			snprintf(list, sizeof(list), "%s=%s", c->word, p->word);
			parse(list, &s);
			should.policy[c->value] = p->value;
			assert_memory_equal(&s, &should, sizeof(s));
		}
	}
}

static void list_of_several(void **state)
{
	struct rmpe_settings s = { };

	parse("first_touch=report,implicit_shared=enforce,vmpl=enforce\n", &s);
	assert_int_equal(s.policy[RMPE_CLASS_FIRST_TOUCH], RMPE_POLICY_REPORT);
	assert_int_equal(s.policy[RMPE_CLASS_IMPLICIT_SHARED], RMPE_POLICY_ENFORCE);
	assert_int_equal(s.policy[RMPE_CLASS_VMPL], RMPE_POLICY_ENFORCE);
	assert_int_equal(s.policy[RMPE_CLASS_IMPLICIT_PRIVATE], RMPE_POLICY_INHERIT);
	assert_int_equal(s.policy[RMPE_CLASS_INITIAL_SHARED], RMPE_POLICY_INHERIT);
	assert_int_equal(s.policy[RMPE_CLASS_IN_FLIGHT], RMPE_POLICY_INHERIT);
	assert_int_equal(s.policy[RMPE_CLASS_NONE], RMPE_POLICY_INHERIT);
}

static void list_that_says_it_twice(void **state)
{
	struct rmpe_settings s = { };

	parse("vmpl=enforce,vmpl=report", &s);
	assert_int_equal(s.policy[RMPE_CLASS_VMPL], RMPE_POLICY_REPORT);
}

static void lists_that_are_refused(void **state)
{
	refuse("", "");
	refuse("vmpl", "vmpl");
	refuse("vmpl=", "vmpl=");
	refuse("=report", "=report");
	refuse("=", "=");
	refuse("vmpl=reports", "vmpl=reports");
	refuse("vmpl=inherit", "vmpl=inherit");
	refuse("vmpl==report", "vmpl==report");
	refuse("vmpl=report=report", "vmpl=report=report");
	refuse("vmp=report", "vmp=report");
	refuse("VMPL=report", "VMPL=report");
	refuse("vmpl =report", "vmpl =report");
	refuse("vmpl=report,", "");
	refuse(",vmpl=report", "");
	/* These have no policy. */
	refuse("none=report", "none=report");
	refuse("host=enforce", "host=enforce");
	refuse("host=report", "host=report");
	refuse("unbacked=enforce", "unbacked=enforce");
	refuse("unbacked=report", "unbacked=report");
	refuse("no_progress=enforce", "no_progress=enforce");
	refuse("no_progress=report", "no_progress=report");
}

/* What was right before and after it does not matter. */
static void lists_with_one_bad_part(void **state)
{
	refuse("vmpl=enforce,first_touch=stop,in_flight=enforce",
	       "first_touch=stop");
	refuse("vmpl=enforce,first=report", "first=report");
	refuse("nonsense,vmpl=enforce", "nonsense");
}

static int save_global(void **state)
{
	static struct rmpe_settings saved;

	saved = rmpe_global;
	*state = &saved;
	return 0;
}

static int restore_global(void **state)
{
	rmpe_global = *(struct rmpe_settings *)*state;
	return 0;
}

/* Rows: global; columns: the VM's own. */
static void effective_mode(void **state)
{
	static const u8 should[4][4] = {
		[RMPE_MODE_OFF] = {
			RMPE_MODE_OFF, RMPE_MODE_OFF,
			RMPE_MODE_OFF, RMPE_MODE_OFF,
		},
		[RMPE_MODE_LENIENT] = {
			RMPE_MODE_LENIENT, RMPE_MODE_OFF,
			RMPE_MODE_LENIENT, RMPE_MODE_STRICT,
		},
		[RMPE_MODE_STRICT] = {
			RMPE_MODE_STRICT, RMPE_MODE_OFF,
			RMPE_MODE_LENIENT, RMPE_MODE_STRICT,
		},
	};
	struct rmpe_settings vm = { };
	int global, own;

	for (global = RMPE_MODE_OFF; global <= RMPE_MODE_STRICT; global++) {
		for (own = RMPE_MODE_INHERIT; own <= RMPE_MODE_STRICT; own++) {
			rmpe_global.mode = global;
			vm.mode = own;
			assert_int_equal(rmpe_effective_mode(&vm),
					 should[global][own]);
		}
	}
}

static void effective_action(void **state)
{
	struct rmpe_settings vm = { };
	int global, own;

	for (global = RMPE_ACTION_VC; global <= RMPE_ACTION_TERMINATE; global++) {
		rmpe_global.action = global;
		vm.action = RMPE_ACTION_INHERIT;
		assert_int_equal(rmpe_effective_action(&vm), global);
		for (own = RMPE_ACTION_VC; own <= RMPE_ACTION_TERMINATE; own++) {
			vm.action = own;
			assert_int_equal(rmpe_effective_action(&vm), own);
		}
	}
}

/* Rows: global; columns: the VM's own.  A global "off" is the last word. */
static void effective_sites(void **state)
{
	static const bool should[3][3] = {
		[RMPE_SWITCH_OFF] = { false, false, false },
		[RMPE_SWITCH_ON] = { true, false, true },
	};
	struct rmpe_settings vm = { };
	int global, own;

	for (global = RMPE_SWITCH_OFF; global <= RMPE_SWITCH_ON; global++) {
		for (own = RMPE_SWITCH_INHERIT; own <= RMPE_SWITCH_ON; own++) {
			rmpe_global.sites = global;
			vm.sites = own;
			assert_int_equal(rmpe_effective_sites(&vm), should[global][own]);
		}
	}
}

/* A VM's own wins, of this one; and without the others' sites there are none of PSCs. */
static void effective_request_sites(void **state)
{
	static const bool should[3][3] = {
		[RMPE_SWITCH_OFF] = { false, false, true },
		[RMPE_SWITCH_ON] = { true, false, true },
	};
	struct rmpe_settings vm = { };
	int i;

	/* All there are: 2 x 3 of each setting, and two modes. */
	for (i = 0; i < 72; i++) {
		const int global = RMPE_SWITCH_OFF + i % 2, own = i / 2 % 3;
		const bool off = i >= 36;

		rmpe_global.request_sites = global;
		rmpe_global.sites = RMPE_SWITCH_OFF + i / 6 % 2;
		rmpe_global.mode = off ? RMPE_MODE_OFF : RMPE_MODE_LENIENT;
		vm.request_sites = own;
		vm.sites = i / 12 % 3;
		assert_int_equal(rmpe_effective_request_sites(&vm),
				 should[global][own] && rmpe_effective_sites(&vm) && !off);
	}
}

/* With mode=off nobody is told of it. */
static void no_request_sites_with_mode_off(void **state)
{
	struct rmpe_settings vm = { .request_sites = RMPE_SWITCH_ON };

	rmpe_global.request_sites = RMPE_SWITCH_ON;
	assert_true(rmpe_effective_request_sites(&vm));
	vm.mode = RMPE_MODE_OFF;
	assert_false(rmpe_effective_request_sites(&vm));
	vm.mode = RMPE_MODE_STRICT;
	assert_true(rmpe_effective_request_sites(&vm));
	rmpe_global.mode = RMPE_MODE_OFF;
	assert_false(rmpe_effective_request_sites(&vm));
}

/* Each class by itself, the others saying the opposite. */
static void effective_policy(void **state)
{
	const struct keyword *c;
	int global, own;

	for (c = classes; c->word; c++) {
		for (global = RMPE_POLICY_ENFORCE; global <= RMPE_POLICY_REPORT; global++) {
			const int other = RMPE_POLICY_ENFORCE + RMPE_POLICY_REPORT - global;
			struct rmpe_settings vm = { };

			memset(rmpe_global.policy, other, sizeof(rmpe_global.policy));
			rmpe_global.policy[c->value] = global;
			assert_int_equal(rmpe_effective_policy(&vm, c->value), global);

			for (own = RMPE_POLICY_ENFORCE; own <= RMPE_POLICY_REPORT; own++) {
				vm.policy[c->value] = own;
				assert_int_equal(rmpe_effective_policy(&vm, c->value),
						 own);
			}
		}
	}
}

/* Whatever stands in memory where they would have a policy. */
static void classes_without_policy_are_never_enforced(void **state)
{
	struct rmpe_settings vm;
	int class;

	memset(&vm, RMPE_POLICY_ENFORCE, sizeof(vm));
	memset(rmpe_global.policy, RMPE_POLICY_ENFORCE, sizeof(rmpe_global.policy));
	assert_int_equal(rmpe_effective_policy(&vm, RMPE_CLASS_NONE),
			 RMPE_POLICY_REPORT);
	for (class = RMPE_CLASS_HOST; class <= RMPE_NR_CLASSES; class++)
		assert_int_equal(rmpe_effective_policy(&vm, class),
				 RMPE_POLICY_REPORT);
}

#define global_test(f) \
	cmocka_unit_test_setup_teardown(f, save_global, restore_global)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mode_keywords),
		cmocka_unit_test(action_keywords),
		cmocka_unit_test(policy_keywords),
		cmocka_unit_test(switch_keywords),
		cmocka_unit_test(words_of_other_settings),
		cmocka_unit_test(names_are_the_keywords),
		cmocka_unit_test(class_numbers_are_abi),
		cmocka_unit_test(defaults),
		cmocka_unit_test(list_with_each_class_and_policy),
		cmocka_unit_test(list_of_several),
		cmocka_unit_test(list_that_says_it_twice),
		cmocka_unit_test(lists_that_are_refused),
		cmocka_unit_test(lists_with_one_bad_part),
		global_test(effective_mode),
		global_test(effective_action),
		global_test(effective_sites),
		global_test(effective_request_sites),
		global_test(no_request_sites_with_mode_off),
		global_test(effective_policy),
		global_test(classes_without_policy_are_never_enforced),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
