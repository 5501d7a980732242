// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits as users know them: whoever changes one has to change what says so. Other tests
 * use the names.
 */
#include "test.h"

#include <linux/bits.h>
#include <linux/sched.h>

#include "ended.h"
#include "hook.h"
#include "psc_history.h"
#include "psc_map.h"
#include "psc_tracker.h"
#include "record.h"
#include "site.h"
#include "site_map.h"
#include "vm.h"

/* docs/ABI/debugfs-rmp_enforce */
static void what_is_kept(void **state)
{
	assert_int_equal(RMPE_NR_ENDED, 64);
	assert_int_equal(RMPE_PSC_HISTORY_LEN, 2048);
	assert_int_equal(RMPE_NR_RECORDS, 32);
	assert_int_equal(RMPE_SITE_WORDS, 64);
}

/* docs/design.md, docs/performance.md */
static void memory(void **state)
{
	assert_int_equal(RMPE_MAX_RANGES, 32768);
	assert_int_equal(RMPE_MAX_GFNS, BIT_ULL(40));
	assert_int_equal(RMPE_MAX_SITES, 4096);
}

/* printk() has 1024 bytes for a line, and takes some for the prefix; none to waste. */
static void line_of_the_log(void **state)
{
	assert_int_equal(RMPE_RECORD_LEN, 944);
}

/* As the kernel's, whose copy it is. */
static void names(void **state)
{
	assert_int_equal(sizeof(((struct rmpe_vm *)NULL)->comm), TASK_COMM_LEN);
	assert_int_equal(sizeof(((struct rmpe_record *)NULL)->comm), TASK_COMM_LEN);
}

/* rmp_enforce.c has as many. */
static void hooks(void **state)
{
	assert_int_equal(RMPE_MAX_HOOKS, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept),
		cmocka_unit_test(memory),
		cmocka_unit_test(line_of_the_log),
		cmocka_unit_test(names),
		cmocka_unit_test(hooks),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
