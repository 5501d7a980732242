// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tracker costs, and what it does when it can't have it.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>

#include <unit/alloc.h>

#include "one_tracker.h"
#include "oracle.h"

/* The tracker and the allocator must count the same. */
static size_t bytes(void)
{
	assert_int_equal(t.bytes, unit_live_bytes());
	assert_int_equal(unit_uncharged_bytes(), 0);
	return t.bytes;
}

static void set(gfn_t gfn, u64 npages, enum rmpe_page_state state)
{
	assert_int_equal(rmpe_tracker_set(&t, gfn, npages, state), 0);
	bytes();
}

static void nothing_known_costs_nothing(void **state)
{
	set(0, RMPE_MAX_GFNS, RMPE_PAGE_NONE);
	set(RMPE_MAX_GFNS - 1, 1, RMPE_PAGE_NONE);
	assert_true(rmpe_tracker_is_empty(&t));
	assert_int_equal(bytes(), 0);
	assert_int_equal(unit_live_objects(), 0);
}

static void free_returns_everything(void **state)
{
	set(3, 5 * GFNS_1G, RMPE_PAGE_PRIVATE);
	set(1000, 1, RMPE_PAGE_SHARED);
	set(RMPE_MAX_GFNS - 1, 1, RMPE_PAGE_SHARED);
	assert_true(bytes() > 0);
	assert_false(rmpe_tracker_is_empty(&t));
	rmpe_tracker_free(&t);
	assert_true(rmpe_tracker_is_empty(&t));
	assert_int_equal(t.bytes, 0);
	assert_int_equal(unit_live_objects(), 0);
	assert_int_equal(rmpe_tracker_state(&t, 1000), RMPE_PAGE_NONE);

	/* Usable afterwards. */
	set(1000, 1, RMPE_PAGE_SHARED);
	assert_int_equal(rmpe_tracker_state(&t, 1000), RMPE_PAGE_SHARED);
	rmpe_tracker_free(&t);
}

static void uniform_ranges_share_their_cost(void **state)
{
	size_t one;
	gfn_t gfn;

	set(0, GFNS_2M, RMPE_PAGE_PRIVATE);
	one = bytes();
	for (gfn = 0; gfn < GFNS_1G; gfn += GFNS_2M)
		set(gfn, GFNS_2M,
		    gfn & GFNS_2M ? RMPE_PAGE_PRIVATE : RMPE_PAGE_SHARED);
	assert_int_equal(bytes(), one);
	set(0, GFNS_1G, RMPE_PAGE_SHARED);
	assert_int_equal(bytes(), one);
}

static void pages_that_agree_with_their_range_are_free(void **state)
{
	size_t before;

	set(0, 4 * GFNS_2M, RMPE_PAGE_PRIVATE);
	before = bytes();
	set(700, 1, RMPE_PAGE_PRIVATE);
	set(700, 1000, RMPE_PAGE_PRIVATE);
	set(5 * GFNS_2M + 1, 3, RMPE_PAGE_NONE);
	assert_int_equal(bytes(), before);
}

static void whole_range_frees_its_block(void **state)
{
	size_t none, first, second;

	set(0, GFNS_1G, RMPE_PAGE_PRIVATE);
	none = bytes();
	set(5, 1, RMPE_PAGE_SHARED);
	first = bytes();
	assert_true(first > none);
	set(GFNS_2M + 5, 1, RMPE_PAGE_SHARED);
	set(2 * GFNS_2M, GFNS_2M, RMPE_PAGE_SHARED);
	assert_int_equal(bytes(), first);
	set(GFNS_16M + 5, 1, RMPE_PAGE_SHARED);
	second = bytes();
	assert_int_equal(second - first, first - none);
	set(GFNS_16M, GFNS_16M, RMPE_PAGE_SHARED);
	assert_int_equal(bytes(), first);
	set(0, GFNS_1G, RMPE_PAGE_SHARED);
	assert_int_equal(bytes(), none);

	set(5, 1, RMPE_PAGE_PRIVATE);
	set(0, GFNS_1G, RMPE_PAGE_NONE);
	assert_int_equal(bytes(), none);
}

static void converting_again_costs_nothing(void **state)
{
	size_t before;
	int i;

	set(0, 16 * GFNS_1G, RMPE_PAGE_PRIVATE);
	before = bytes();
	for (i = 0; i < 10; i++) {
		set(0, 16 * GFNS_1G, RMPE_PAGE_SHARED);
		set(0, 16 * GFNS_1G, RMPE_PAGE_PRIVATE);
	}
	assert_int_equal(bytes(), before);
	/* Less than one page of memory for each GiB of guest. */
	assert_true(before < 16 * 4096);
}

/*
 * A node of 576 bytes for 64 gfns, and one for 64 of those, is what KVM's xarray
 * takes; this is the least good case.
 */
static void alternating_pages_stay_small(void **state)
{
	gfn_t gfn;

	for (gfn = 0; gfn < GFNS_1G; gfn += 2)
		assert_int_equal(rmpe_tracker_set(&t, gfn, 1, RMPE_PAGE_SHARED), 0);
	assert_true(bytes() * 36 <= GFNS_1G * 9 + GFNS_1G * 9 / 64);
}

/* The array of GiBs is the only thing that grows with the highest gfn. */
static void far_page_costs_a_pointer_per_gib(void **state)
{
	size_t near;

	set(0, 1, RMPE_PAGE_SHARED);
	near = bytes();
	rmpe_tracker_free(&t);
	set(RMPE_MAX_GFNS - 1, 1, RMPE_PAGE_SHARED);
	assert_in_range(bytes(), near,
			near + RMPE_MAX_GFNS / GFNS_1G * sizeof(void *));
}

static void forgetting_allocates_nothing_where_nothing_is(void **state)
{
	set(0, 1, RMPE_PAGE_SHARED);
	unit_fail_alloc(1);
	set(1, RMPE_MAX_GFNS - 1, RMPE_PAGE_NONE);
	set(GFNS_1G - 3, 10, RMPE_PAGE_NONE);
	assert_false(unit_alloc_failed());

	/* Nor in a hole between what is known. */
	unit_fail_alloc(UNIT_NEVER);
	set(5 * GFNS_1G, 1, RMPE_PAGE_SHARED);
	unit_fail_alloc(1);
	set(1, 5 * GFNS_1G - 1, RMPE_PAGE_NONE);
	set(GFNS_1G + 3, 2 * GFNS_1G, RMPE_PAGE_NONE);
	assert_false(unit_alloc_failed());
}

/* Changes that need memory of each kind, and what is there before. */
static const struct change {
	const char *name;
	struct {
		gfn_t gfn;
		u64 npages;
		enum rmpe_page_state state;
	} before[3], change;
} changes[] = {
	{
		.name = "no memory: first page of a guest",
		.change = { 5, 1, RMPE_PAGE_SHARED },
	}, {
		.name = "no memory: first 2M range of a guest",
		.change = { 0, GFNS_2M, RMPE_PAGE_SHARED },
	}, {
		.name = "no memory: page in a uniform range",
		.before = { { 0, GFNS_2M, RMPE_PAGE_PRIVATE } },
		.change = { 5, 1, RMPE_PAGE_SHARED },
	}, {
		.name = "no memory: forgetting a page of a uniform range",
		.before = { { 0, GFNS_2M, RMPE_PAGE_PRIVATE } },
		.change = { 5, 1, RMPE_PAGE_NONE },
	}, {
		.name = "no memory: range over the edge of a 2M range",
		.before = { { 0, GFNS_2M, RMPE_PAGE_PRIVATE },
			    { GFNS_2M, GFNS_2M, RMPE_PAGE_LAUNCHED } },
		.change = { 500, 20, RMPE_PAGE_SHARED },
	}, {
		.name = "no memory: range over the edge of a GiB",
		.before = { { GFNS_1G - 1, 2, RMPE_PAGE_PRIVATE },
			    { GFNS_1G - GFNS_2M, 1, RMPE_PAGE_LAUNCHED } },
		.change = { GFNS_1G - GFNS_16M - 3, 2 * GFNS_16M + 6,
			    RMPE_PAGE_SHARED },
	}, {
		.name = "no memory: range that makes the root grow",
		.before = { { 0, GFNS_1G, RMPE_PAGE_PRIVATE },
			    { 100, 100, RMPE_PAGE_SHARED } },
		.change = { 150, 2 * GFNS_1G, RMPE_PAGE_LAUNCHED },
	}, {
		.name = "no memory: forgetting over the edge of a GiB",
		.before = { { 0, 2 * GFNS_1G, RMPE_PAGE_PRIVATE } },
		.change = { GFNS_1G - 3, 6, RMPE_PAGE_NONE },
	},
};

static void check_unchanged(const struct oracle *o)
{
	unsigned int i;

	oracle_check_runs(o, &t);
	for (i = 0; i < oracle_nr_edges; i++)
		oracle_check_gfn(o, &t, oracle_edges[i]);
	bytes();
}

/* Fail the first allocation, the second... until none is left to fail. */
static void allocation_fails(void **state)
{
	const struct change *c = *state;
	unsigned int nth, i;
	struct oracle o;
	int r = -ENOMEM;

	for (nth = 1; r; nth++) {
		oracle_init(&o, 0, 3 * GFNS_1G);
		for (i = 0; i < ARRAY_SIZE(c->before) && c->before[i].npages; i++)
			both_set(&o, &t, c->before[i].gfn, c->before[i].npages,
				 c->before[i].state);

		unit_fail_alloc(nth);
		r = rmpe_tracker_set(&t, c->change.gfn, c->change.npages,
				     c->change.state);
		if (unit_alloc_failed()) {
			assert_int_equal(r, -ENOMEM);
			check_unchanged(&o);
		} else {
			assert_int_equal(r, 0);
		}

		/* With memory it works, whatever the failure has left. */
		unit_fail_alloc(UNIT_NEVER);
		both_set(&o, &t, c->change.gfn, c->change.npages, c->change.state);
		check_unchanged(&o);
		rmpe_tracker_free(&t);
		assert_int_equal(unit_live_objects(), 0);
		oracle_free(&o);
	}
	/* At least one allocation did fail. */
	assert_true(nth > 2);
}

static void whole_address_space_without_memory(void **state)
{
	set(5, 1, RMPE_PAGE_SHARED);
	unit_fail_alloc(100);
	assert_int_equal(rmpe_tracker_set(&t, 0, RMPE_MAX_GFNS, RMPE_PAGE_PRIVATE),
			 -ENOMEM);
	assert_int_equal(rmpe_tracker_state(&t, 0), RMPE_PAGE_NONE);
	assert_int_equal(rmpe_tracker_state(&t, 5), RMPE_PAGE_SHARED);
	assert_int_equal(rmpe_tracker_state(&t, 99 * GFNS_1G), RMPE_PAGE_NONE);
	bytes();
}

#define memory_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest examples[] = {
	memory_test(nothing_known_costs_nothing),
	memory_test(free_returns_everything),
	memory_test(uniform_ranges_share_their_cost),
	memory_test(pages_that_agree_with_their_range_are_free),
	memory_test(whole_range_frees_its_block),
	memory_test(converting_again_costs_nothing),
	memory_test(alternating_pages_stay_small),
	memory_test(far_page_costs_a_pointer_per_gib),
	memory_test(forgetting_allocates_nothing_where_nothing_is),
	memory_test(whole_address_space_without_memory),
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(examples) + ARRAY_SIZE(changes)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(examples); i++)
		tests[i] = examples[i];
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		tests[ARRAY_SIZE(examples) + i] = (struct CMUnitTest){
			.name = changes[i].name,
			.test_func = allocation_fails,
			.setup_func = set_up,
			.teardown_func = tear_down,
			.initial_state = (void *)&changes[i],
		};
	return cmocka_run_group_tests_name("tracker_memory", tests, NULL, NULL);
}
