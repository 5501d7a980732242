// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring of answered PSCs: what it holds, what it has lost, and that it does
 * not pretend otherwise.
 */
#include "test.h"

#include <linux/bits.h>
#include <linux/errno.h>

#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>

#include "psc_history.h"
#include "random.h"

#define LEN	RMPE_PSC_HISTORY_LEN

static int set_up(void **state)
{
	static struct rmpe_psc_history h;

	unit_reset();
	/* Not zeroed: init must do it. */
	memset(&h, 0x5a, sizeof(h));
	*state = &h;
	return rmpe_history_init(&h);
}

static int tear_down(void **state)
{
	rmpe_history_free(*state);
	return unit_live_objects() != 0;
}

static void add(struct rmpe_psc_history *h, gfn_t gfn, u64 npages, bool completed)
{
	struct rmpe_psc_event ev = {
		.seq = 12345,
		.when_ns = 1000 * h->seq,
		.gfn = gfn,
		.npages = npages,
		.vcpu = 3,
		.to_private = true,
		.completed = completed,
	};
	u64 last = h->seq;

	rmpe_history_add(h, &ev);
	assert_int_equal(ev.seq, last + 1);
	assert_int_equal(h->seq, last + 1);
}

static void add_elsewhere(struct rmpe_psc_history *h, unsigned int n)
{
	while (n--)
		add(h, BIT_ULL(30), 1, true);
}

static u64 last_seq(const struct rmpe_psc_history *h, gfn_t gfn)
{
	const struct rmpe_psc_event *ev = rmpe_history_last(h, gfn);

	return ev ? ev->seq : 0;
}

static void no_memory(void **state)
{
	struct rmpe_psc_history h = { .seq = 7 };

	unit_fail_alloc(1);
	assert_int_equal(rmpe_history_init(&h), -ENOMEM);
	unit_fail_alloc(UNIT_NEVER);
	assert_int_equal(unit_live_objects(), 0);
	/* What a caller that cleans up does. */
	rmpe_history_free(&h);
}

static void ring_is_charged(void **state)
{
	assert_int_equal(unit_live_bytes(), LEN * sizeof(struct rmpe_psc_event));
	assert_int_equal(unit_uncharged_bytes(), 0);
}

static void free_twice(void **state)
{
	rmpe_history_free(*state);
	assert_int_equal(unit_live_objects(), 0);
}

static void empty(void **state)
{
	const struct rmpe_psc_history *h = *state;

	assert_int_equal(h->seq, 0);
	assert_true(rmpe_history_oldest(h) > h->seq);
	assert_null(rmpe_history_get(h, 0));
	assert_null(rmpe_history_get(h, 1));
	assert_null(rmpe_history_get(h, ~0ULL));
	assert_null(rmpe_history_last(h, 0));
	assert_false(rmpe_history_changed_since(h, 0, 0));
}

static void event_is_kept_as_it_was(void **state)
{
	struct rmpe_psc_history *h = *state;
	struct rmpe_psc_event ev = {
		.when_ns = 123456789,
		.gfn = 0x1234,
		.npages = 0x56,
		.vcpu = 7,
		.to_private = true,
		.completed = true,
	};
	const struct rmpe_psc_event *kept;

	rmpe_history_add(h, &ev);
	kept = rmpe_history_get(h, 1);
	assert_non_null(kept);
	assert_ptr_not_equal(kept, &ev);
	assert_int_equal(kept->seq, 1);
	assert_int_equal(kept->when_ns, 123456789);
	assert_int_equal(kept->gfn, 0x1234);
	assert_int_equal(kept->npages, 0x56);
	assert_int_equal(kept->vcpu, 7);
	assert_true(kept->to_private);
	assert_true(kept->completed);
}

static void numbers_that_are_not_held(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 0, 1, true);
	add(h, 0, 1, true);
	assert_int_equal(rmpe_history_oldest(h), 1);
	assert_null(rmpe_history_get(h, 0));
	assert_int_equal(rmpe_history_get(h, 1)->seq, 1);
	assert_int_equal(rmpe_history_get(h, 2)->seq, 2);
	assert_null(rmpe_history_get(h, 3));
	assert_null(rmpe_history_get(h, LEN));
	assert_null(rmpe_history_get(h, LEN + 1));
}

static void ring_wraps(void **state)
{
	struct rmpe_psc_history *h = *state;
	u64 seq, oldest;

	for (seq = 1; seq <= 3 * LEN + 5; seq++) {
		add(h, seq * 10, 1, true);
		oldest = seq <= LEN ? 1 : seq - LEN + 1;
		assert_int_equal(rmpe_history_oldest(h), oldest);
		assert_null(rmpe_history_get(h, oldest - 1));
		assert_null(rmpe_history_get(h, seq + 1));
		assert_int_equal(rmpe_history_get(h, oldest)->seq, oldest);
		assert_int_equal(rmpe_history_get(h, oldest)->gfn, oldest * 10);
		assert_int_equal(rmpe_history_get(h, seq)->gfn, seq * 10);
	}
	for (; oldest <= h->seq; oldest++)
		assert_int_equal(rmpe_history_get(h, oldest)->gfn, oldest * 10);
}

static void last_psc_of_a_gfn(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 10, true);
	add(h, 105, 1, true);
	add(h, 200, 1, true);
	assert_int_equal(last_seq(h, 99), 0);
	assert_int_equal(last_seq(h, 100), 1);
	assert_int_equal(last_seq(h, 104), 1);
	assert_int_equal(last_seq(h, 105), 2);
	assert_int_equal(last_seq(h, 106), 1);
	assert_int_equal(last_seq(h, 109), 1);
	assert_int_equal(last_seq(h, 110), 0);
	assert_int_equal(last_seq(h, 200), 3);
	assert_int_equal(last_seq(h, ~0ULL), 0);
}

static void refused_psc_changed_nothing(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 1, true);
	add(h, 100, 1, false);
	assert_int_equal(last_seq(h, 100), 1);
	assert_false(rmpe_history_changed_since(h, 100, 1));
	assert_true(rmpe_history_changed_since(h, 100, 0));
}

/* The oldest event counts until it is overwritten. */
static void last_psc_is_lost(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 1, true);
	add_elsewhere(h, LEN - 1);
	assert_int_equal(last_seq(h, 100), 1);
	add_elsewhere(h, 1);
	assert_int_equal(last_seq(h, 100), 0);
}

static void changed_since(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 10, true);
	add(h, 200, 10, true);
	assert_true(rmpe_history_changed_since(h, 100, 0));
	assert_false(rmpe_history_changed_since(h, 100, 1));
	assert_false(rmpe_history_changed_since(h, 100, 2));
	assert_true(rmpe_history_changed_since(h, 209, 0));
	assert_true(rmpe_history_changed_since(h, 209, 1));
	assert_false(rmpe_history_changed_since(h, 209, 2));
	assert_false(rmpe_history_changed_since(h, 210, 0));
	assert_false(rmpe_history_changed_since(h, 99, 0));
}

/* The same state asked for again is still an answer that the guest waited for. */
static void changed_since_needs_no_other_direction(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 1, true);
	add(h, 100, 1, true);
	assert_true(rmpe_history_changed_since(h, 100, 1));
}

/* Exactly LEN events since: all there.  One more: one is missing. */
static void lost_events_may_have_changed_it(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 1, true);
	add_elsewhere(h, LEN);
	assert_false(rmpe_history_changed_since(h, 100, 1));
	add_elsewhere(h, 1);
	assert_true(rmpe_history_changed_since(h, 100, 1));
	assert_false(rmpe_history_changed_since(h, 100, 2));
	assert_false(rmpe_history_changed_since(h, 100, h->seq));
	assert_true(rmpe_history_changed_since(h, 100, 0));
}

static void largest_gfns(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, ~0ULL - 1, ~0ULL, true);
	assert_int_equal(last_seq(h, ~0ULL), 1);
	assert_int_equal(last_seq(h, ~0ULL - 2), 0);
	assert_int_equal(last_seq(h, 0), 0);
	add(h, 0, 0, true);
	assert_int_equal(last_seq(h, 0), 0);
}

/* Against a list that forgets nothing. */
static void random_events(void **state)
{
	struct rmpe_psc_history *h = *state;
	struct rmpe_psc_event *all;
	const u64 n = 4 * LEN;
	u64 seq, since, s;

	all = calloc(n + 1, sizeof(*all));
	assert_non_null(all);
	for (seq = 1; seq <= n; seq++) {
		u64 oldest = seq <= LEN ? 1 : seq - LEN + 1;
		gfn_t gfn = random_below(5000);
		bool changed = false;
		u64 last = 0;

		all[seq].gfn = random_below(5000);
		all[seq].npages = 1 + random_below(20);
		all[seq].completed = random_below(8);
		add(h, all[seq].gfn, all[seq].npages, all[seq].completed);

		since = seq - random_below(seq < 2 * LEN ? seq + 1 : 2 * LEN);
		for (s = 1; s <= seq; s++) {
			if (!all[s].completed || gfn < all[s].gfn ||
			    gfn >= all[s].gfn + all[s].npages)
				continue;
			if (s >= oldest)
				last = s;
			if (s > since)
				changed = true;
		}
		if (since + 1 < oldest)
			changed = true;
		assert_int_equal(last_seq(h, gfn), last);
		assert_int_equal(rmpe_history_changed_since(h, gfn, since), changed);
	}
	free(all);
}

#define history_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory),
		history_test(ring_is_charged),
		history_test(free_twice),
		history_test(empty),
		history_test(event_is_kept_as_it_was),
		history_test(numbers_that_are_not_held),
		history_test(ring_wraps),
		history_test(last_psc_of_a_gfn),
		history_test(refused_psc_changed_nothing),
		history_test(last_psc_is_lost),
		history_test(changed_since),
		history_test(changed_since_needs_no_other_direction),
		history_test(lost_events_may_have_changed_it),
		history_test(largest_gfns),
		history_test(random_events),
	};

	random_seed();
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
