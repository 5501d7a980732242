// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs all test cases when the module is loaded and prints KTAP to the kernel
 * log.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/string.h>

#include "selftest.h"

static const struct selftest *const suites[] = {
	rmp_tests, fault_tests, flush_tests, gif_tests, nmi_tests, psp_tests,
	dbg_tests, control_tests,
};

static bool failed;

void expect_eq(u64 got, u64 want, const char *what, const char *file, int line)
{
	if (got == want)
		return;
	pr_info("# %s:%d: %s is %#llx, expected %#llx\n", kbasename(file), line, what, got, want);
	WRITE_ONCE(failed, true);
}

static unsigned int count(void)
{
	const struct selftest *t;
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(suites); i++)
		for (t = suites[i]; t->name; t++)
			n++;
	return n;
}

static int __init selftest_init(void)
{
	const struct selftest *t;
	unsigned int i, n = 0;
	int err;

	err = rmp_table_map();
	if (err) {
		pr_err("no RMP table: is this an SNP host?\n");
		return err;
	}
	pr_info("KTAP version 1\n");
	pr_info("1..%u\n", count());
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		for (t = suites[i]; t->name; t++) {
			WRITE_ONCE(failed, false);
			t->run();
			pr_info("%s %u %s\n", READ_ONCE(failed) ? "not ok" : "ok", ++n, t->name);
		}
	}
	rmp_table_unmap();
	return 0;
}
module_init(selftest_init);

static void __exit selftest_exit(void)
{
}
module_exit(selftest_exit);

MODULE_DESCRIPTION("Self-test of the simulated SNP host");
MODULE_LICENSE("GPL");
