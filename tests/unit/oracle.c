// SPDX-License-Identifier: GPL-2.0-only
#include "oracle.h"

#include <linux/array_size.h>
#include <linux/minmax.h>

#include <stdlib.h>
#include <string.h>

#include "test.h"

const gfn_t oracle_edges[] = {
	0, 1, 31, 32, 33,
	GFNS_2M - 1, GFNS_2M, GFNS_2M + 1,
	2 * GFNS_2M - 1, 2 * GFNS_2M,
	GFNS_16M - 1, GFNS_16M, GFNS_16M + 1,
	GFNS_1G - GFNS_2M - 1, GFNS_1G - GFNS_2M, GFNS_1G - GFNS_2M + 1,
	GFNS_1G - 1, GFNS_1G, GFNS_1G + 1,
	GFNS_1G + GFNS_2M - 1, GFNS_1G + GFNS_2M, GFNS_1G + GFNS_2M + 1,
	2 * GFNS_1G - 1, 2 * GFNS_1G, 2 * GFNS_1G + 1,
	3 * GFNS_1G - 1, 3 * GFNS_1G,
};

const unsigned int oracle_nr_edges = ARRAY_SIZE(oracle_edges);

void oracle_init(struct oracle *o, gfn_t base, u64 n)
{
	*o = (struct oracle){ .base = base, .n = n, .state = calloc(1, n) };
	assert_non_null(o->state);
}

void oracle_free(struct oracle *o)
{
	free(o->state);
}

void oracle_set(struct oracle *o, gfn_t gfn, u64 npages,
		enum rmpe_page_state state)
{
	assert_true(gfn >= o->base && gfn - o->base <= o->n - npages);
	memset(o->state + (gfn - o->base), state, npages);
}

enum rmpe_page_state oracle_get(const struct oracle *o, gfn_t gfn)
{
	return gfn >= o->base && gfn - o->base < o->n ?
		o->state[gfn - o->base] : RMPE_PAGE_NONE;
}

void both_set(struct oracle *o, struct rmpe_tracker *t, gfn_t gfn, u64 npages,
	      enum rmpe_page_state state)
{
	oracle_set(o, gfn, npages, state);
	assert_int_equal(rmpe_tracker_set(t, gfn, npages, state), 0);
}

void both_replace(struct oracle *o, struct rmpe_tracker *t, gfn_t gfn,
		  enum rmpe_page_state state)
{
	enum rmpe_page_state was = rmpe_tracker_replace(t, gfn, state);

	if (was == RMPE_PAGE_NONE)
		return;
	assert_int_equal(was, oracle_get(o, gfn));
	oracle_set(o, gfn, 1, state);
}

void oracle_check_gfn(const struct oracle *o, const struct rmpe_tracker *t,
		      gfn_t gfn)
{
	enum rmpe_page_state is = rmpe_tracker_state(t, gfn);
	enum rmpe_page_state should = oracle_get(o, gfn);

	if (is != should)
		fail_msg("gfn 0x%llx: state %d, should be %d", gfn, is, should);
}

void oracle_check_states(const struct oracle *o, const struct rmpe_tracker *t)
{
	gfn_t gfn;

	for (gfn = o->base; gfn < o->base + o->n; gfn++)
		oracle_check_gfn(o, t, gfn);
}

/* The first index from @i on that has another state. */
static u64 run_end(const struct oracle *o, u64 i)
{
	const u8 state = o->state[i];
	u64 word, same;

	memset(&same, state, sizeof(same));
	while (i < o->n && o->state[i] == state) {
		i++;
		while (i % sizeof(word) == 0 && i + sizeof(word) <= o->n) {
			memcpy(&word, o->state + i, sizeof(word));
			if (word != same)
				break;
			i += sizeof(word);
		}
	}
	return i;
}

void oracle_check_runs(const struct oracle *o, const struct rmpe_tracker *t)
{
	const gfn_t end = o->base + o->n;
	gfn_t gfn = o->base;

	while (gfn < end) {
		gfn_t should = o->base + run_end(o, gfn - o->base), is;
		gfn_t middle = gfn + (should - gfn + 1) / 2;
		enum rmpe_page_state state;

		is = rmpe_tracker_run(t, gfn, RMPE_MAX_GFNS, &state);
		/* Untracked memory may go on after the window. */
		if (state == RMPE_PAGE_NONE)
			is = min(is, end);
		if (is != should || state != oracle_get(o, gfn))
			fail_msg("run from 0x%llx: to 0x%llx, state %d; should be to 0x%llx, %d",
				 gfn, is, state, should, oracle_get(o, gfn));
		assert_int_equal(rmpe_tracker_run(t, gfn, middle, &state), middle);
		gfn = should;
	}
}
