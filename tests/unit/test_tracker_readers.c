// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lockless readers, made deterministic: after each single store that a change
 * makes to the tree, a reader looks at many gfns.  Each must have its old or
 * its new state, and never go back.
 */
#include "test.h"

#include <linux/array_size.h>

#include <string.h>

#include <unit/alloc.h>
#include <unit/observer.h>

#include "oracle.h"

#define MAX_PROBES 128

static struct {
	const struct rmpe_tracker *t;
	unsigned int n, looks;
	struct probe {
		gfn_t gfn;
		enum rmpe_page_state old, new;
		bool changed;
	} probe[MAX_PROBES];
	/* The first that was wrong. */
	const struct probe *bad;
	enum rmpe_page_state seen;
} reader;

static void look(void)
{
	unsigned int i;

	reader.looks++;
	for (i = 0; i < reader.n && !reader.bad; i++) {
		struct probe *p = &reader.probe[i];
		enum rmpe_page_state s = rmpe_tracker_state(reader.t, p->gfn);

		if (s == p->new) {
			p->changed = true;
		} else if (s != p->old || p->changed) {
			reader.bad = p;
			reader.seen = s;
		}
	}
}

static void watch(const struct rmpe_tracker *t, const struct oracle *before,
		  const struct oracle *after)
{
	unsigned int i;
	int d;

	reader.t = t;
	reader.n = 0;
	reader.looks = 0;
	reader.bad = NULL;
	for (i = 0; i < oracle_nr_edges; i++) {
		for (d = -1; d <= 1; d++) {
			gfn_t gfn = oracle_edges[i] + d;
			struct probe *p = &reader.probe[reader.n];

			assert_true(reader.n < MAX_PROBES);
			if (gfn >= after->n)
				continue;
			*p = (struct probe){
				.gfn = gfn,
				.old = oracle_get(before, gfn),
				.new = oracle_get(after, gfn),
			};
			p->changed = p->old == p->new;
			reader.n++;
		}
	}
	unit_observer = look;
}

static void unwatch(void)
{
	unit_observer = NULL;
	if (reader.bad)
		fail_msg("gfn 0x%llx: a reader saw state %d (was %d, becomes %d)",
			 reader.bad->gfn, reader.seen, reader.bad->old,
			 reader.bad->new);
	assert_true(reader.looks);
}

struct fixture {
	struct oracle before, after;
	struct rmpe_tracker t;
};

static int set_up(void **state)
{
	static struct fixture f;

	unit_reset();
	memset(&f, 0, sizeof(f));
	oracle_init(&f.before, 0, 3 * GFNS_1G);
	oracle_init(&f.after, 0, 3 * GFNS_1G);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unit_observer = NULL;
	rmpe_tracker_free(&f->t);
	oracle_free(&f->before);
	oracle_free(&f->after);
	return unit_live_objects() != 0;
}

/* A change with a reader in it. */
static void change(struct fixture *f, gfn_t gfn, u64 npages,
		   enum rmpe_page_state state)
{
	int r;

	memcpy(f->before.state, f->after.state, f->before.n);
	oracle_set(&f->after, gfn, npages, state);
	watch(&f->t, &f->before, &f->after);
	r = rmpe_tracker_set(&f->t, gfn, npages, state);
	unwatch();
	assert_int_equal(r, 0);
}

/* A change whose reader we do not care about. */
static void prepare(struct fixture *f, gfn_t gfn, u64 npages,
		    enum rmpe_page_state state)
{
	both_set(&f->after, &f->t, gfn, npages, state);
}

static void first_page(void **state)
{
	change(*state, 512, 1, RMPE_PAGE_SHARED);
}

/* The new block must hold the range's old state before it can be seen. */
static void page_in_a_uniform_range(void **state)
{
	prepare(*state, 0, GFNS_1G, RMPE_PAGE_PRIVATE);
	change(*state, 512, 1, RMPE_PAGE_SHARED);
	change(*state, 1, 31, RMPE_PAGE_LAUNCHED);
}

/* The new states must be there before the block goes. */
static void block_gives_way_to_a_uniform_range(void **state)
{
	prepare(*state, 0, GFNS_16M, RMPE_PAGE_LAUNCHED);
	prepare(*state, 0, GFNS_16M - 1, RMPE_PAGE_SHARED);
	prepare(*state, GFNS_16M - 1, 1, RMPE_PAGE_SHARED);
	change(*state, 0, GFNS_16M, RMPE_PAGE_PRIVATE);
}

static void block_is_forgotten(void **state)
{
	prepare(*state, 0, 2 * GFNS_16M, RMPE_PAGE_PRIVATE);
	prepare(*state, 0, GFNS_16M - 1, RMPE_PAGE_SHARED);
	change(*state, 0, 2 * GFNS_16M, RMPE_PAGE_NONE);
}

static void uniform_range_in_a_block(void **state)
{
	prepare(*state, 5, 1, RMPE_PAGE_SHARED);
	change(*state, 0, GFNS_2M, RMPE_PAGE_PRIVATE);
	change(*state, GFNS_2M, 3 * GFNS_2M, RMPE_PAGE_SHARED);
	change(*state, GFNS_2M, GFNS_2M, RMPE_PAGE_NONE);
}

static void uniform_range_beside_others(void **state)
{
	prepare(*state, 0, GFNS_16M, RMPE_PAGE_LAUNCHED);
	change(*state, 2 * GFNS_2M, GFNS_2M, RMPE_PAGE_PRIVATE);
	change(*state, 3 * GFNS_2M, 5 * GFNS_2M, RMPE_PAGE_SHARED);
	change(*state, GFNS_2M, 3 * GFNS_2M, RMPE_PAGE_NONE);
}

static void root_grows(void **state)
{
	prepare(*state, 0, GFNS_1G, RMPE_PAGE_PRIVATE);
	prepare(*state, 30, 5, RMPE_PAGE_SHARED);
	change(*state, GFNS_1G, GFNS_2M, RMPE_PAGE_SHARED);
	change(*state, 3 * GFNS_1G - 1, 1, RMPE_PAGE_SHARED);
}

static void large_range_over_blocks(void **state)
{
	unsigned int i;

	for (i = 0; oracle_edges[i] < 3 * GFNS_1G; i++)
		prepare(*state, oracle_edges[i], 1, 1 + i % 3);
	change(*state, 33, 2 * GFNS_1G, RMPE_PAGE_SHARED);
	change(*state, 1, 3 * GFNS_1G - 2, RMPE_PAGE_PRIVATE);
	change(*state, 33, 2 * GFNS_1G, RMPE_PAGE_NONE);
}

/* Everything may vanish at once, but not become something else. */
static void tracker_is_freed(void **state)
{
	struct fixture *f = *state;

	prepare(f, 0, 3 * GFNS_1G, RMPE_PAGE_PRIVATE);
	prepare(f, 30, 5000, RMPE_PAGE_SHARED);
	memcpy(f->before.state, f->after.state, f->before.n);
	memset(f->after.state, RMPE_PAGE_NONE, f->after.n);
	watch(&f->t, &f->before, &f->after);
	rmpe_tracker_free(&f->t);
	unwatch();
}

/* A change that fails is not seen at all. */
static void failure_is_invisible(void **state)
{
	struct fixture *f = *state;
	unsigned int nth;
	int r = -1;

	for (nth = 1; r; nth++) {
		prepare(f, 0, GFNS_1G, RMPE_PAGE_PRIVATE);
		memcpy(f->before.state, f->after.state, f->before.n);
		oracle_set(&f->after, 5, 2 * GFNS_1G, RMPE_PAGE_SHARED);
		unit_fail_alloc(nth);
		watch(&f->t, &f->before, &f->before);
		r = rmpe_tracker_set(&f->t, 5, 2 * GFNS_1G, RMPE_PAGE_SHARED);
		unit_observer = NULL;
		if (!r)
			break;
		if (reader.looks)
			unwatch();
		rmpe_tracker_free(&f->t);
		memset(f->after.state, 0, f->after.n);
	}
	unit_fail_alloc(UNIT_NEVER);
	assert_true(nth > 2);
}

#define reader_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		reader_test(first_page),
		reader_test(page_in_a_uniform_range),
		reader_test(block_gives_way_to_a_uniform_range),
		reader_test(block_is_forgotten),
		reader_test(uniform_range_in_a_block),
		reader_test(uniform_range_beside_others),
		reader_test(root_grows),
		reader_test(large_range_over_blocks),
		reader_test(tracker_is_freed),
		reader_test(failure_is_invisible),
	};

	return cmocka_run_group_tests_name("tracker_readers", tests, NULL, NULL);
}
