// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sites of PSCs, against one entry for each gfn of a window; and each is held exactly as
 * often as it is there.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include <string.h>

#include <unit/alloc.h>

#include "random.h"
#include "site.h"
#include "site_map.h"

#define MAX_GFN		(BIT_ULL(52) - 1)

static struct mutex lock;
static struct rmpe_site_map m;

static int set_up(void **state)
{
	unit_reset();
	/* Not zeroed: init must do it. */
	memset(&m, 0x5a, sizeof(m));
	rmpe_site_map_init(&m, &lock);
	lock.held = true;
	return 0;
}

static int tear_down(void **state)
{
	unit_fail_alloc(UNIT_NEVER);
	rmpe_site_map_free(&m);
	lock.held = false;
	return unit_live_objects() != 0;
}

/* One that can be told from others by its vCPU, held by nobody but the map. */
static void set(gfn_t gfn, u64 npages, int vcpu)
{
	struct rmpe_site *site = rmpe_site_alloc();

	assert_non_null(site);
	site->vcpu = vcpu;
	rmpe_site_map_set(&m, gfn, npages, site);
}

static void forget(gfn_t gfn, u64 npages)
{
	rmpe_site_map_set(&m, gfn, npages, NULL);
}

/* Whose PSC was the last one; -1: that is not known. */
static int last_vcpu(gfn_t gfn)
{
	struct rmpe_site *site = rmpe_site_map_find(&m, gfn);
	int vcpu = site ? site->vcpu : -1;

	rmpe_site_put(site);
	return vcpu;
}

static void assert_range(gfn_t gfn, u64 npages, int vcpu)
{
	assert_int_equal(last_vcpu(gfn), vcpu);
	assert_int_equal(last_vcpu(gfn + npages - 1), vcpu);
}

static void empty(void **state)
{
	assert_int_equal(m.nr, 0);
	assert_int_equal(last_vcpu(0), -1);
	assert_int_equal(last_vcpu(~0ULL), -1);
	forget(0, ~0ULL);
	assert_int_equal(m.nr, 0);
	assert_int_equal(unit_live_objects(), 0);
}

static void site_is_found(void **state)
{
	set(100, 10, 1);
	assert_range(100, 10, 1);
	assert_int_equal(last_vcpu(99), -1);
	assert_int_equal(last_vcpu(110), -1);
	set(110, 1, 2);
	assert_range(100, 10, 1);
	assert_range(110, 1, 2);
	assert_int_equal(m.nr, 2);
	assert_int_equal(unit_uncharged_bytes(), 0);
}

/* It is the finder's for as long as he likes. */
static void found_site_is_held(void **state)
{
	struct rmpe_site *site;

	set(100, 10, 1);
	site = rmpe_site_map_find(&m, 105);
	rmpe_site_map_free(&m);
	assert_int_equal(unit_live_objects(), 1);
	assert_int_equal(site->vcpu, 1);
	rmpe_site_put(site);
	assert_int_equal(unit_live_objects(), 0);
}

static void later_one_counts(void **state)
{
	set(100, 10, 1);
	set(100, 10, 2);
	assert_range(100, 10, 2);
	assert_int_equal(m.nr, 1);
	set(90, 30, 3);
	assert_range(90, 30, 3);
	assert_int_equal(m.nr, 1);
	/* A PSC of which it is not known counts as well. */
	forget(95, 3);
	assert_range(90, 5, 3);
	assert_range(95, 3, -1);
	assert_range(98, 22, 3);
	assert_int_equal(m.nr, 2);
}

static void later_one_leaves_a_part(void **state)
{
	set(100, 10, 1);
	set(105, 10, 2);
	assert_range(100, 5, 1);
	assert_range(105, 10, 2);
	set(95, 7, 3);
	assert_range(95, 7, 3);
	assert_range(102, 3, 1);
	assert_int_equal(m.nr, 3);
}

/* The same site twice: it stays until both parts are gone. */
static void later_one_cuts_in_two(void **state)
{
	struct rmpe_site *site;

	set(100, 10, 1);
	site = rmpe_site_map_find(&m, 100);
	set(103, 2, 2);
	assert_range(100, 3, 1);
	assert_range(103, 2, 2);
	assert_range(105, 5, 1);
	assert_int_equal(m.nr, 3);
	assert_int_equal(site->users.refs, 3);
	forget(100, 3);
	assert_int_equal(site->users.refs, 2);
	assert_range(105, 5, 1);
	/* A part of the part. */
	set(107, 1, 3);
	assert_int_equal(site->users.refs, 3);
	set(0, 1000, 4);
	assert_int_equal(site->users.refs, 1);
	assert_int_equal(m.nr, 1);
	rmpe_site_put(site);
}

static void without_pages_it_means_nothing(void **state)
{
	set(7, 1, 1);
	set(7, 0, 2);
	set(0, 0, 2);
	forget(7, 0);
	assert_range(7, 1, 1);
	assert_int_equal(m.nr, 1);
}

/* A guest's range may wrap; there is no memory where it goes on. */
static void range_that_wraps(void **state)
{
	set(5, 1, 9);
	set(~0ULL, 2, 1);
	set(~0ULL - 1, 3, 1);
	set(10, ~0ULL, 1);
	set(2, ~0ULL, 1);
	forget(~0ULL, 7);
	forget(3, ~0ULL);
	assert_range(5, 1, 9);
	assert_int_equal(m.nr, 1);
}

static void largest_gfns(void **state)
{
	set(~0ULL, 1, 1);
	assert_int_equal(last_vcpu(~0ULL), 1);
	assert_int_equal(last_vcpu(~0ULL - 1), -1);
	set(0, BIT_ULL(52), 2);
	assert_range(0, BIT_ULL(52), 2);
	set(MAX_GFN, 1, 3);
	assert_range(0, BIT_ULL(52) - 1, 2);
	assert_int_equal(last_vcpu(MAX_GFN), 3);
	assert_int_equal(last_vcpu(MAX_GFN + 1), -1);
	set(0, ~0ULL, 4);
	assert_range(0, ~0ULL, 4);
	assert_int_equal(last_vcpu(~0ULL), 1);
	assert_int_equal(m.nr, 2);
}

/* Of a kilobyte each, a guest must not have the host keep any number. */
static void too_many(void **state)
{
	gfn_t gfn;

	for (gfn = 0; gfn < RMPE_MAX_SITES; gfn++)
		set(2 * gfn, 1, 1);
	assert_int_equal(m.nr, RMPE_MAX_SITES);
	assert_int_equal(last_vcpu(0), 1);
	set(1, 1, 2);
	assert_int_equal(m.nr, 1);
	assert_int_equal(last_vcpu(0), -1);
	assert_int_equal(last_vcpu(1), 2);
}

static void cut_into_too_many(void **state)
{
	gfn_t gfn;
	unsigned int i;

	set(0, 10 * RMPE_MAX_SITES, 1);
	for (gfn = 1; gfn < 10 * RMPE_MAX_SITES; gfn += 2) {
		set(gfn, 1, 2);
		assert_in_range(m.nr, 1, RMPE_MAX_SITES + 1);
	}
	/* Holes make pieces, too. */
	set(0, 10 * RMPE_MAX_SITES, 1);
	for (i = 0, gfn = 1; i < 2 * RMPE_MAX_SITES; i++, gfn += 2) {
		forget(gfn, 1);
		assert_int_equal(last_vcpu(gfn), -1);
		assert_in_range(m.nr, 0, RMPE_MAX_SITES + 1);
	}
}

static void without_memory(void **state)
{
	struct rmpe_site *site = rmpe_site_alloc();

	set(100, 10, 1);
	unit_fail_alloc(1);
	rmpe_site_map_set(&m, 200, 1, site);
	assert_true(unit_alloc_failed());
	assert_int_equal(m.nr, 0);
	assert_int_equal(last_vcpu(105), -1);
	assert_int_equal(last_vcpu(200), -1);
	assert_int_equal(unit_live_objects(), 0);
	/* It goes on. */
	set(100, 10, 1);
	assert_range(100, 10, 1);
	/* What can't be forgotten must not be told: none is. */
	unit_fail_alloc(1);
	forget(100, 1);
	assert_true(unit_alloc_failed());
	assert_int_equal(m.nr, 0);
	assert_int_equal(last_vcpu(105), -1);
}

/* With request_sites=off a PSC costs nothing. */
static void empty_map_forgets_without_memory(void **state)
{
	unit_fail_alloc(1);
	forget(100, 1);
	assert_false(unit_alloc_failed());
}

#define WINDOW	64

/* Whose PSC was the last of each gfn of the window; 0: not known. */
static struct {
	gfn_t base;
	unsigned int last[WINDOW];
} oracle;

static void check_window(void)
{
	unsigned int i, nr = 0;
	size_t sites = 0;
	bool seen[WINDOW] = { };

	for (i = 0; i < WINDOW; i++) {
		const unsigned int should = oracle.last[i];
		unsigned int at;
		int is = last_vcpu(oracle.base + i);

		if (is != (should ? (int)should : -1))
			fail_msg("gfn 0x%llx: %d, not %u", oracle.base + i, is, should);
		if (!should || (i && oracle.last[i - 1] == should))
			continue;
		nr++;
		/* The first of its parts? */
		for (at = 0; oracle.last[at] != should; at++)
			;
		sites += !seen[at];
		seen[at] = true;
	}
	assert_int_equal(m.nr, nr);
	/* The tree itself is one object, or none. */
	assert_in_range(unit_live_objects() - sites, 0, 1);
}

static void random_ranges(gfn_t base, bool fail)
{
	unsigned int i, failures = 0, twice = 0;

	memset(&oracle, 0, sizeof(oracle));
	oracle.base = base;
	for (i = 1; i < 20000; i++) {
		unsigned int first = random_below(WINDOW), before = m.nr;
		u64 n = 1 + random_below(random_below(4) ? min(8u, WINDOW - first) :
							   WINDOW - first);
		bool known = random_below(3), failed = false;
		struct rmpe_site *site = known ? rmpe_site_alloc() : NULL;

		if (site)
			site->vcpu = i;
		if (fail && !random_below(20))
			unit_fail_alloc(1);
		rmpe_site_map_set(&m, base + first, n, site);
		failed = unit_alloc_failed();
		unit_fail_alloc(UNIT_NEVER);
		if (failed) {
			memset(oracle.last, 0, sizeof(oracle.last));
			failures++;
		} else {
			for (; n; n--, first++)
				oracle.last[first] = known ? i : 0;
		}
		twice += m.nr > before + 1;
		check_window();
	}
	assert_int_equal(!!failures, fail);
	assert_true(twice);
}

static void random_ranges_from_0(void **state)
{
	random_ranges(0, false);
}

static void random_ranges_at_the_end(void **state)
{
	random_ranges(MAX_GFN - WINDOW + 1, false);
}

static void random_ranges_without_memory(void **state)
{
	random_ranges(BIT_ULL(40) - WINDOW / 2, true);
}

#define map_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		map_test(empty),
		map_test(site_is_found),
		map_test(found_site_is_held),
		map_test(later_one_counts),
		map_test(later_one_leaves_a_part),
		map_test(later_one_cuts_in_two),
		map_test(without_pages_it_means_nothing),
		map_test(range_that_wraps),
		map_test(largest_gfns),
		map_test(too_many),
		map_test(cut_into_too_many),
		map_test(without_memory),
		map_test(empty_map_forgets_without_memory),
		map_test(random_ranges_from_0),
		map_test(random_ranges_at_the_end),
		map_test(random_ranges_without_memory),
	};

	random_seed();
	return cmocka_run_group_tests_name("site_map", tests, NULL, NULL);
}
