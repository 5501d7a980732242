// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a vCPU gets nowhere: 1000 faults at one gfn, in 2 seconds at the least, and
 * two of three of its exits.
 */
#include "test.h"

#include <linux/jiffies.h>
#include <linux/kvm_host.h>

#include <unit/alloc.h>

#include "progress.h"
#include "vm.h"

#define GFN	0x100
/* It is looked at now and then, and it may take that long until it is. */
#define OFTEN	512

static struct rmpe_vcpu v, other_v;
static struct rmpe_vcpu *vcpus[4] = { NULL, &other_v, &v };
static struct rmpe_vm vm = { .vcpus = vcpus };
static struct kvm_vcpu vcpu = { .vcpu_idx = 2 };

static int set_up(void **state)
{
	/* It wraps before 2 seconds are over. */
	jiffies = -1UL * HZ;
	v = (struct rmpe_vcpu){ };
	other_v = (struct rmpe_vcpu){ };
	vcpu.stat.exits = 1000000;
	return 0;
}

/*
 * Faults at a gfn, each with some exits, evenly in so many jiffies: how often it is
 * told that there is no progress.
 */
static unsigned int faults(unsigned int n, gfn_t gfn, unsigned int exits_in_12,
			   unsigned long duration)
{
	const unsigned long start = jiffies;
	const u64 exits = vcpu.stat.exits;
	unsigned int told = 0, i;

	for (i = 1; i <= n; i++) {
		vcpu.stat.exits = exits + (u64)i * exits_in_12 / 12;
		jiffies = start + duration * i / n;
		told += rmpe_no_progress(&vm, &vcpu, gfn);
	}
	return told;
}

static void without_end(void **state)
{
	assert_int_equal(faults(100000, GFN, 12, 10 * HZ), 1);
	/* Of that, enough is said. */
	assert_int_equal(faults(100000, GFN, 12, 10 * HZ), 0);
}

static void at_gfn_0(void **state)
{
	assert_int_equal(faults(100000, 0, 12, 10 * HZ), 1);
}

static void fewer_than_1000_faults(void **state)
{
	assert_int_equal(faults(1000, GFN, 12, 100 * HZ), 0);
	assert_int_equal(faults(OFTEN, GFN, 12, 100 * HZ), 1);
}

static void less_than_2_seconds(void **state)
{
	assert_int_equal(faults(100000, GFN, 12, 2 * HZ), 0);
	assert_int_equal(faults(OFTEN, GFN, 12, 4), 1);
}

static void no_time_at_all(void **state)
{
	assert_int_equal(faults(1000000, GFN, 12, 0), 0);
}

/* Two of three exits are enough, a little less is not. */
static void does_other_things_too(void **state)
{
	assert_int_equal(faults(1000000, GFN, 19, 100 * HZ), 0);
	assert_int_equal(faults(1000000, GFN + 1, 18, 100 * HZ), 1);
}

/* What it did before does not count for it. */
static void was_busy_before(void **state)
{
	assert_int_equal(faults(100000, GFN, 120, 10 * HZ), 0);
	assert_int_equal(faults(100000, GFN, 12, 10 * HZ), 1);
}

static void two_gfns_in_turn(void **state)
{
	unsigned int i;

	for (i = 0; i < 100000; i++) {
		assert_int_equal(faults(1, GFN, 12, 1), 0);
		assert_int_equal(faults(1, GFN + 1, 12, 0), 0);
	}
}

/* One record for each time. */
static void again_after_something_else(void **state)
{
	assert_int_equal(faults(100000, GFN, 12, 10 * HZ), 1);
	assert_int_equal(faults(1, GFN + 1, 12, 1), 0);
	assert_int_equal(faults(100000, GFN, 12, 10 * HZ), 1);
	assert_int_equal(faults(100000, GFN + 1, 12, 10 * HZ), 1);
}

/* The time between two episodes is part of neither. */
static void pause_in_between(void **state)
{
	assert_int_equal(faults(100, GFN, 12, 1), 0);
	jiffies += 1000 * HZ;
	faults(1, GFN + 1, 12, 1);
	assert_int_equal(faults(100000, GFN, 12, HZ), 0);
}

static void vcpus_are_apart(void **state)
{
	struct kvm_vcpu other = { .vcpu_idx = 1 };
	unsigned int i, told = 0, other_told = 0;

	for (i = 0; i < 100000; i++) {
		jiffies++;
		vcpu.stat.exits++;
		told += rmpe_no_progress(&vm, &vcpu, GFN);
		/* It does as much, and comes along twice. */
		other.stat.exits++;
		other_told += rmpe_no_progress(&vm, &other, GFN + i / 2);
	}
	assert_int_equal(told, 1);
	assert_int_equal(other_told, 0);
}

/* Without memory for what is known of it. */
static void vcpu_that_is_not_followed(void **state)
{
	struct kvm_vcpu unknown = { .vcpu_idx = 0 };
	unsigned int i;

	for (i = 0; i < 100000; i++) {
		jiffies++;
		unknown.stat.exits++;
		assert_false(rmpe_no_progress(&vm, &unknown, GFN));
	}
}

#define progress_test(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		progress_test(without_end),
		progress_test(at_gfn_0),
		progress_test(fewer_than_1000_faults),
		progress_test(less_than_2_seconds),
		progress_test(no_time_at_all),
		progress_test(does_other_things_too),
		progress_test(was_busy_before),
		progress_test(two_gfns_in_turn),
		progress_test(again_after_something_else),
		progress_test(pause_in_between),
		progress_test(vcpus_are_apart),
		progress_test(vcpu_that_is_not_followed),
	};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
