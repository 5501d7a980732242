// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracker against a plain array: every range between two edges, over every
 * kind of earlier content.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>

#include <string.h>

#include "oracle.h"

#define WINDOW	(3 * GFNS_1G)

static void fill_nothing(struct oracle *o, struct rmpe_tracker *t)
{
}

static void fill_private(struct oracle *o, struct rmpe_tracker *t)
{
	both_set(o, t, 0, WINDOW, RMPE_PAGE_PRIVATE);
}

/* Single pages of all states at the edges: blocks. */
static void fill_pages(struct oracle *o, struct rmpe_tracker *t)
{
	unsigned int i;

	for (i = 0; i < oracle_nr_edges && oracle_edges[i] < WINDOW; i++)
		both_set(o, t, oracle_edges[i], 1, i % 4);
}

/* 2M ranges of all states, no block; the last GiB is not tracked. */
static void fill_ranges(struct oracle *o, struct rmpe_tracker *t)
{
	gfn_t gfn;

	for (gfn = 0; gfn < 2 * GFNS_1G; gfn += GFNS_2M)
		both_set(o, t, gfn, GFNS_2M, gfn / GFNS_2M % 4);
}

static const struct content {
	const char *name;
	void (*fill)(struct oracle *o, struct rmpe_tracker *t);
} contents[] = {
	{ "nothing", fill_nothing },
	{ "all private", fill_private },
	{ "pages of all states", fill_pages },
	{ "2M ranges of all states", fill_ranges },
};

static const char *const state_names[] = {
	[RMPE_PAGE_NONE]	= "none",
	[RMPE_PAGE_LAUNCHED]	= "launched",
	[RMPE_PAGE_PRIVATE]	= "private",
	[RMPE_PAGE_SHARED]	= "shared",
};

struct edge_case {
	const struct content *before;
	enum rmpe_page_state state;
	char name[64];
};

static void check_edges(const struct oracle *o, const struct rmpe_tracker *t)
{
	unsigned int i;

	for (i = 0; i < oracle_nr_edges; i++) {
		oracle_check_gfn(o, t, oracle_edges[i]);
		oracle_check_gfn(o, t, oracle_edges[i] + 1);
		if (oracle_edges[i])
			oracle_check_gfn(o, t, oracle_edges[i] - 1);
	}
}

static void range_between_edges(void **test_state)
{
	const struct edge_case *c = *test_state;
	struct oracle o;
	unsigned int i, j, n = 0;

	oracle_init(&o, 0, WINDOW);
	for (i = 0; i < oracle_nr_edges; i++) {
		for (j = i + 1; j < oracle_nr_edges; j++) {
			struct rmpe_tracker t = { };

			memset(o.state, 0, WINDOW);
			c->before->fill(&o, &t);
			both_set(&o, &t, oracle_edges[i],
				 oracle_edges[j] - oracle_edges[i], c->state);
			check_edges(&o, &t);
			oracle_check_runs(&o, &t);
			/* Slow, and the runs have been compared already. */
			if (n++ % 64 == 0)
				oracle_check_states(&o, &t);
			rmpe_tracker_free(&t);
		}
	}
	oracle_free(&o);
}

/* All ranges that begin and end in the first words of a block. */
static void range_in_a_block(void **test_state)
{
	struct oracle o;
	gfn_t first, gfn;
	u64 n;

	oracle_init(&o, 0, GFNS_2M);
	for (first = 0; first < 70; first++) {
		for (n = 1; n < 70; n++) {
			struct rmpe_tracker t = { };

			memset(o.state, 0, GFNS_2M);
			both_set(&o, &t, 0, GFNS_2M, RMPE_PAGE_LAUNCHED);
			both_set(&o, &t, first, n, RMPE_PAGE_SHARED);
			for (gfn = 0; gfn < 160; gfn++)
				oracle_check_gfn(&o, &t, gfn);
			rmpe_tracker_free(&t);
		}
	}
	oracle_free(&o);
}

/* Page by page or all at once: the same. */
static void pages_one_by_one(void **test_state)
{
	struct rmpe_tracker t = { };
	struct oracle o;
	gfn_t gfn;

	oracle_init(&o, 0, 4 * GFNS_2M);
	for (gfn = 0; gfn < 3 * GFNS_2M; gfn++)
		both_set(&o, &t, gfn, 1, RMPE_PAGE_PRIVATE);
	oracle_check_states(&o, &t);
	oracle_check_runs(&o, &t);
	for (gfn = 0; gfn < 3 * GFNS_2M; gfn += 2)
		both_set(&o, &t, gfn, 1, RMPE_PAGE_SHARED);
	oracle_check_states(&o, &t);
	oracle_check_runs(&o, &t);
	rmpe_tracker_free(&t);
	oracle_free(&o);
}

/* 253 entries of 2M: the largest request that a GHCB page holds. */
static void largest_psc(void **test_state)
{
	const gfn_t base = GFNS_1G - 100 * GFNS_2M;
	struct rmpe_tracker t = { };
	struct oracle o;
	unsigned int i;

	oracle_init(&o, 0, 2 * GFNS_1G);
	for (i = 0; i < 253; i++)
		both_set(&o, &t, base + i * GFNS_2M, GFNS_2M, RMPE_PAGE_PRIVATE);
	oracle_check_states(&o, &t);
	both_set(&o, &t, base, 253 * GFNS_2M, RMPE_PAGE_SHARED);
	oracle_check_states(&o, &t);
	oracle_check_runs(&o, &t);
	rmpe_tracker_free(&t);
	oracle_free(&o);
}

static void whole_guest(void **test_state)
{
	const u64 n = 2 * GFNS_1G + 5 * GFNS_2M + 7;
	struct rmpe_tracker t = { };
	struct oracle o;

	oracle_init(&o, 0, WINDOW);
	both_set(&o, &t, 0, n, RMPE_PAGE_PRIVATE);
	oracle_check_states(&o, &t);
	both_set(&o, &t, 100, 1000, RMPE_PAGE_LAUNCHED);
	both_set(&o, &t, 0, n, RMPE_PAGE_SHARED);
	oracle_check_states(&o, &t);
	both_set(&o, &t, 0, n, RMPE_PAGE_NONE);
	oracle_check_states(&o, &t);
	oracle_check_runs(&o, &t);
	rmpe_tracker_free(&t);
	oracle_free(&o);
}

static void last_gfn_there_is(void **test_state)
{
	struct rmpe_tracker t = { };
	enum rmpe_page_state state;
	struct oracle o;

	oracle_init(&o, RMPE_MAX_GFNS - 2 * GFNS_2M, 2 * GFNS_2M);
	both_set(&o, &t, RMPE_MAX_GFNS - 1, 1, RMPE_PAGE_SHARED);
	oracle_check_states(&o, &t);
	oracle_check_runs(&o, &t);
	both_set(&o, &t, RMPE_MAX_GFNS - 600, 600, RMPE_PAGE_PRIVATE);
	oracle_check_states(&o, &t);
	oracle_check_runs(&o, &t);

	assert_int_equal(rmpe_tracker_run(&t, RMPE_MAX_GFNS - 5, RMPE_MAX_GFNS, &state),
			 RMPE_MAX_GFNS);
	assert_int_equal(state, RMPE_PAGE_PRIVATE);
	assert_int_equal(rmpe_tracker_run(&t, 0, RMPE_MAX_GFNS, &state),
			 RMPE_MAX_GFNS - 600);
	assert_int_equal(state, RMPE_PAGE_NONE);
	rmpe_tracker_free(&t);
	oracle_free(&o);
}

/* Of a page in a block all is done; of one in a uniform part what takes no block. */
static void another_state_of_a_page(void **test_state)
{
	enum rmpe_page_state was, state;
	struct rmpe_tracker t = { };
	struct oracle o;
	size_t bytes;
	gfn_t gfn;

	oracle_init(&o, 0, 2 * GFNS_16M);
	both_set(&o, &t, GFNS_16M, GFNS_16M, RMPE_PAGE_PRIVATE);
	for (gfn = 0; gfn < GFNS_16M; gfn++)
		both_set(&o, &t, gfn, 1, gfn % 4);
	bytes = t.bytes;

	for (gfn = 0; gfn < GFNS_16M; gfn++) {
		was = oracle_get(&o, gfn);
		state = 1 + gfn / 4 % 3;
		assert_int_equal(rmpe_tracker_replace(&t, gfn, state), was);
		if (was != RMPE_PAGE_NONE)
			oracle_set(&o, gfn, 1, state);
	}
	assert_int_equal(rmpe_tracker_replace(&t, GFNS_16M + 5, RMPE_PAGE_PRIVATE),
			 RMPE_PAGE_PRIVATE);
	assert_int_equal(rmpe_tracker_replace(&t, GFNS_16M + 5, RMPE_PAGE_SHARED),
			 RMPE_PAGE_NONE);
	assert_int_equal(rmpe_tracker_replace(&t, 2 * GFNS_16M, RMPE_PAGE_SHARED),
			 RMPE_PAGE_NONE);
	oracle_check_states(&o, &t);
	oracle_check_runs(&o, &t);
	assert_int_equal(t.bytes, bytes);
	rmpe_tracker_free(&t);
	oracle_free(&o);
}

/* State of gfns that no guest physical address reaches: asked for, not stored. */
static void gfn_out_of_reach(void **test_state)
{
	static const gfn_t far[] = {
		GFNS_1G, RMPE_MAX_GFNS - 1, RMPE_MAX_GFNS, ~0ULL >> 12, ~0ULL,
	};
	struct rmpe_tracker t = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(far); i++)
		assert_int_equal(rmpe_tracker_state(&t, far[i]), RMPE_PAGE_NONE);
	assert_int_equal(rmpe_tracker_set(&t, 0, 1, RMPE_PAGE_SHARED), 0);
	for (i = 0; i < ARRAY_SIZE(far); i++) {
		assert_int_equal(rmpe_tracker_state(&t, far[i]), RMPE_PAGE_NONE);
		assert_int_equal(rmpe_tracker_replace(&t, far[i], RMPE_PAGE_SHARED),
				 RMPE_PAGE_NONE);
	}
	rmpe_tracker_free(&t);
}

static void run_of_an_empty_tracker(void **test_state)
{
	struct rmpe_tracker t = { };
	enum rmpe_page_state state = RMPE_PAGE_SHARED;

	assert_int_equal(rmpe_tracker_run(&t, 0, RMPE_MAX_GFNS, &state), RMPE_MAX_GFNS);
	assert_int_equal(state, RMPE_PAGE_NONE);
	state = RMPE_PAGE_SHARED;
	assert_int_equal(rmpe_tracker_run(&t, RMPE_MAX_GFNS - 1, RMPE_MAX_GFNS, &state),
			 RMPE_MAX_GFNS);
	assert_int_equal(state, RMPE_PAGE_NONE);
}

static void run_begins_anywhere(void **test_state)
{
	struct rmpe_tracker t = { };
	enum rmpe_page_state state;
	gfn_t gfn;

	assert_int_equal(rmpe_tracker_set(&t, 300, 3 * GFNS_2M, RMPE_PAGE_SHARED), 0);
	for (gfn = 300; gfn < 300 + 3 * GFNS_2M; gfn++) {
		assert_int_equal(rmpe_tracker_run(&t, gfn, RMPE_MAX_GFNS, &state),
				 300 + 3 * GFNS_2M);
		assert_int_equal(state, RMPE_PAGE_SHARED);
	}
	assert_int_equal(rmpe_tracker_run(&t, gfn, RMPE_MAX_GFNS, &state), RMPE_MAX_GFNS);
	assert_int_equal(state, RMPE_PAGE_NONE);
	rmpe_tracker_free(&t);
}

/* A run does not end where the guest's tracked part happens to. */
static void run_reaches_to_the_end_of_a_gib(void **test_state)
{
	struct rmpe_tracker t = { };
	enum rmpe_page_state state;

	assert_int_equal(rmpe_tracker_set(&t, 0, GFNS_1G, RMPE_PAGE_SHARED), 0);
	assert_int_equal(rmpe_tracker_run(&t, 5, RMPE_MAX_GFNS, &state), GFNS_1G);
	assert_int_equal(state, RMPE_PAGE_SHARED);
	assert_int_equal(rmpe_tracker_set(&t, GFNS_1G, 1, RMPE_PAGE_SHARED), 0);
	assert_int_equal(rmpe_tracker_run(&t, 5, RMPE_MAX_GFNS, &state), GFNS_1G + 1);
	assert_int_equal(state, RMPE_PAGE_SHARED);
	rmpe_tracker_free(&t);
}

static void invalid_ranges(void **test_state)
{
	static const struct {
		gfn_t gfn;
		u64 npages;
	} bad[] = {
		{ 0, 0 },
		{ 5, 0 },
		{ RMPE_MAX_GFNS, 0 },
		{ RMPE_MAX_GFNS, 1 },
		{ RMPE_MAX_GFNS - 1, 2 },
		{ 1, RMPE_MAX_GFNS },
		{ 0, RMPE_MAX_GFNS + 1 },
		{ 0, ~0ULL },
		{ ~0ULL, 1 },
		{ ~0ULL, 2 },
		{ ~0ULL, ~0ULL },
		{ 1, ~0ULL },
		{ ~0ULL - RMPE_MAX_GFNS + 2, RMPE_MAX_GFNS },
	};
	struct rmpe_tracker t = { };
	enum rmpe_page_state s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		for (s = RMPE_PAGE_NONE; s <= RMPE_PAGE_SHARED; s++)
			assert_int_equal(rmpe_tracker_set(&t, bad[i].gfn,
							  bad[i].npages, s),
					 -EINVAL);
	assert_null(t.root);
	assert_int_equal(t.bytes, 0);
}

static const struct CMUnitTest examples[] = {
	cmocka_unit_test(range_in_a_block),
	cmocka_unit_test(pages_one_by_one),
	cmocka_unit_test(largest_psc),
	cmocka_unit_test(whole_guest),
	cmocka_unit_test(last_gfn_there_is),
	cmocka_unit_test(another_state_of_a_page),
	cmocka_unit_test(gfn_out_of_reach),
	cmocka_unit_test(run_of_an_empty_tracker),
	cmocka_unit_test(run_begins_anywhere),
	cmocka_unit_test(run_reaches_to_the_end_of_a_gib),
	cmocka_unit_test(invalid_ranges),
};

#define NR_STATES	ARRAY_SIZE(state_names)
#define NR_EDGE_CASES	(ARRAY_SIZE(contents) * NR_STATES)

int main(void)
{
	struct CMUnitTest tests[NR_EDGE_CASES + ARRAY_SIZE(examples)];
	static struct edge_case cases[NR_EDGE_CASES];
	unsigned int i;

	for (i = 0; i < NR_EDGE_CASES; i++) {
		struct edge_case *c = &cases[i];

		c->before = &contents[i / NR_STATES];
		c->state = i % NR_STATES;
		snprintf(c->name, sizeof(c->name), "edges: %s, then set to %s",
			 c->before->name, state_names[c->state]);
		tests[i] = (struct CMUnitTest){
			.name = c->name,
			.test_func = range_between_edges,
			.initial_state = c,
		};
	}
	memcpy(tests + NR_EDGE_CASES, examples, sizeof(examples));
	return cmocka_run_group_tests_name("tracker_range", tests, NULL, NULL);
}
