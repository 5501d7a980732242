// SPDX-License-Identifier: GPL-2.0-only
/*
 * The answered PSCs: the ring of the last ones, what is known of those that have
 * dropped out of it, and that it does not pretend otherwise.
 */
#include "test.h"

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>

#include "psc_history.h"
#include "random.h"

#define LEN	RMPE_PSC_HISTORY_LEN
#define MS	BIT_ULL(20)	/* what times are kept to out of the ring, in ns */

static struct mutex lock;

static int set_up(void **state)
{
	static struct rmpe_psc_history h;
	int r;

	unit_reset();
	/* Not zeroed: init must do it. */
	memset(&h, 0x5a, sizeof(h));
	*state = &h;
	r = rmpe_history_init(&h, &lock);
	lock.held = true;
	return r;
}

static int tear_down(void **state)
{
	rmpe_history_free(*state);
	lock.held = false;
	return unit_live_objects() != 0;
}

/* As who asks for the place of a new event does. */
static void fill(struct rmpe_psc_kept *place, const struct rmpe_psc_event *ev)
{
	*place = (struct rmpe_psc_kept){
		.when_ns = ev->when_ns,
		.gfn = ev->gfn,
		.npages = ev->npages,
		.vcpu = ev->vcpu,
		.ret = ev->ret,
		.to_private = ev->to_private,
		.completed = ev->completed,
		.redundant = ev->redundant,
	};
}

static bool is_held(const struct rmpe_psc_history *h, u64 seq)
{
	struct rmpe_psc_event ev;

	return rmpe_history_get(h, seq, &ev);
}

static struct rmpe_psc_event get(const struct rmpe_psc_history *h, u64 seq)
{
	struct rmpe_psc_event ev;

	assert_true(rmpe_history_get(h, seq, &ev));
	assert_int_equal(ev.seq, seq);
	return ev;
}

static void add_event(struct rmpe_psc_history *h, struct rmpe_psc_event ev)
{
	u64 last = h->seq;

	fill(rmpe_history_add(h), &ev);
	assert_int_equal(h->seq, last + 1);
	get(h, h->seq);
}

static void add(struct rmpe_psc_history *h, gfn_t gfn, u64 npages, bool completed)
{
	add_event(h, (struct rmpe_psc_event){
		.when_ns = 1000 * h->seq,
		.gfn = gfn,
		.npages = npages,
		.vcpu = 3,
		.ret = completed ? 0 : 22,
		.to_private = true,
		.completed = completed,
	});
}

static void add_elsewhere(struct rmpe_psc_history *h, unsigned int n)
{
	while (n--)
		add(h, BIT_ULL(30), 1, true);
}

#define NONE ~0ULL	/* a number that no event has; one that is older has 0 */

static u64 last_seq(struct rmpe_psc_history *h, gfn_t gfn)
{
	struct rmpe_psc_event ev;

	return rmpe_history_last(h, gfn, &ev) ? ev.seq : NONE;
}

static u64 refused_seq(struct rmpe_psc_history *h, gfn_t gfn)
{
	struct rmpe_psc_event ev;

	return rmpe_history_last_refused(h, gfn, &ev) ? ev.seq : NONE;
}

static void no_memory(void **state)
{
	struct rmpe_psc_history h = { .seq = 7 };

	unit_fail_alloc(1);
	assert_int_equal(rmpe_history_init(&h, &lock), -ENOMEM);
	unit_fail_alloc(UNIT_NEVER);
	assert_int_equal(unit_live_objects(), 0);
	/* What a caller that cleans up does. */
	lock.held = true;
	rmpe_history_free(&h);
	lock.held = false;
}

static void ring_is_charged(void **state)
{
	assert_int_equal(unit_live_bytes(), LEN * sizeof(struct rmpe_psc_kept));
	assert_int_equal(unit_uncharged_bytes(), 0);
}

static void free_twice(void **state)
{
	rmpe_history_free(*state);
	assert_int_equal(unit_live_objects(), 0);
}

static void empty(void **state)
{
	struct rmpe_psc_history *h = *state;

	assert_int_equal(h->seq, 0);
	assert_true(rmpe_history_oldest(h) > h->seq);
	assert_false(is_held(h, 0));
	assert_false(is_held(h, 1));
	assert_false(is_held(h, ~0ULL));
	assert_int_equal(last_seq(h, 0), NONE);
	assert_int_equal(refused_seq(h, 0), NONE);
	assert_false(rmpe_history_changed_since(h, 0, 0));
}

/* The largest values that there are, too. */
static void event_is_kept(void **state)
{
	struct rmpe_psc_history *h = *state;
	const struct rmpe_psc_event is = {
		.when_ns = 123456789,
		.gfn = BIT_ULL(52) - 1,
		.npages = ~0ULL,
		.vcpu = 16383,
		.ret = ~0U,
		.to_private = true,
		.completed = true,
		.redundant = true,
	};
	struct rmpe_psc_event kept;

	fill(rmpe_history_add(h), &is);
	kept = get(h, 1);
	assert_int_equal(kept.when_ns, is.when_ns);
	assert_int_equal(kept.gfn, is.gfn);
	assert_int_equal(kept.npages, is.npages);
	assert_int_equal(kept.vcpu, is.vcpu);
	assert_int_equal(kept.ret, is.ret);
	assert_true(kept.to_private);
	assert_true(kept.completed);
	assert_true(kept.redundant);
	/* What a VM costs before it does anything. */
	assert_int_equal(sizeof(*h->ring), 32);
}

static void numbers_that_are_not_held(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 0, 1, true);
	add(h, 0, 1, true);
	assert_int_equal(rmpe_history_oldest(h), 1);
	assert_false(is_held(h, 0));
	get(h, 1);
	get(h, 2);
	assert_false(is_held(h, 3));
	assert_false(is_held(h, LEN));
	assert_false(is_held(h, LEN + 1));
}

static void ring_wraps(void **state)
{
	struct rmpe_psc_history *h = *state;
	u64 seq, oldest;

	for (seq = 1; seq <= 3 * LEN + 5; seq++) {
		add(h, seq * 10, 1, true);
		oldest = seq <= LEN ? 1 : seq - LEN + 1;
		assert_int_equal(rmpe_history_oldest(h), oldest);
		assert_false(is_held(h, oldest - 1));
		assert_false(is_held(h, seq + 1));
	get(h, oldest);
		assert_int_equal(get(h, oldest).gfn, oldest * 10);
		assert_int_equal(get(h, seq).gfn, seq * 10);
	}
	for (; oldest <= h->seq; oldest++)
		assert_int_equal(get(h, oldest).gfn, oldest * 10);
}

static void last_psc_of_a_gfn(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 10, true);
	add(h, 105, 1, true);
	add(h, 200, 1, true);
	assert_int_equal(last_seq(h, 99), NONE);
	assert_int_equal(last_seq(h, 100), 1);
	assert_int_equal(last_seq(h, 104), 1);
	assert_int_equal(last_seq(h, 105), 2);
	assert_int_equal(last_seq(h, 106), 1);
	assert_int_equal(last_seq(h, 109), 1);
	assert_int_equal(last_seq(h, 110), NONE);
	assert_int_equal(last_seq(h, 200), 3);
	assert_int_equal(last_seq(h, ~0ULL), NONE);
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

/* As far as the ring goes, it is known in full; then what matters of it. */
static void last_psc_drops_out(void **state)
{
	struct rmpe_psc_history *h = *state;
	struct rmpe_psc_event ev;

	add_event(h, (struct rmpe_psc_event){
		.when_ns = 7 * MS + 5, .gfn = 100, .npages = 10, .vcpu = 9,
		.to_private = true, .completed = true, .redundant = true,
	});
	add_elsewhere(h, LEN - 1);
	assert_true(rmpe_history_last(h, 104, &ev));
	assert_int_equal(ev.seq, 1);
	assert_int_equal(ev.when_ns, 7 * MS + 5);
	assert_true(rmpe_map_is_empty(&h->completed));
	add_elsewhere(h, 1);

	memset(&ev, 0x5a, sizeof(ev));
	assert_true(rmpe_history_last(h, 104, &ev));
	assert_int_equal(ev.seq, 0);
	assert_int_equal(ev.when_ns, 7 * MS);
	assert_int_equal(ev.gfn, 100);
	assert_int_equal(ev.npages, 10);
	assert_int_equal(ev.vcpu, 9);
	assert_int_equal(ev.ret, 0);
	assert_true(ev.to_private);
	assert_true(ev.completed);
	assert_int_equal(last_seq(h, 99), NONE);
	assert_int_equal(last_seq(h, 110), NONE);
	assert_int_equal(refused_seq(h, 104), NONE);
}

/* Of its range, what no later one has changed. */
static void older_psc_has_what_is_left_of_it(void **state)
{
	struct rmpe_psc_history *h = *state;
	struct rmpe_psc_event ev;

	add(h, 100, 100, true);
	add(h, 150, 1, true);
	add_elsewhere(h, LEN);
	assert_true(rmpe_history_last(h, 199, &ev));
	assert_int_equal(ev.gfn, 151);
	assert_int_equal(ev.npages, 49);
	/* Those in the ring count, too, but for refused ones. */
	add(h, 160, 1, true);
	add(h, 180, 5, true);
	add(h, 170, 1, false);
	assert_int_equal(last_seq(h, 160), h->seq - 2);
	assert_true(rmpe_history_last(h, 179, &ev));
	assert_int_equal(ev.seq, 0);
	assert_int_equal(ev.gfn, 161);
	assert_int_equal(ev.npages, 19);
	add_elsewhere(h, LEN);
	assert_int_equal(last_seq(h, 160), 0);
	assert_true(rmpe_history_last(h, 199, &ev));
	assert_int_equal(ev.gfn, 185);
	assert_int_equal(ev.npages, 15);
}

static void refused_is_told_until_one_completes(void **state)
{
	struct rmpe_psc_history *h = *state;
	struct rmpe_psc_event ev;

	assert_int_equal(refused_seq(h, 100), NONE);
	add(h, 100, 10, true);
	assert_int_equal(refused_seq(h, 100), NONE);
	add_event(h, (struct rmpe_psc_event){
		.when_ns = 12345, .gfn = 105, .npages = 2, .vcpu = 4, .ret = 0xabcdef,
	});
	add(h, 106, 1, false);
	assert_int_equal(refused_seq(h, 104), NONE);
	assert_int_equal(refused_seq(h, 106), 3);
	assert_true(rmpe_history_last_refused(h, 105, &ev));
	assert_int_equal(ev.seq, 2);
	assert_int_equal(ev.when_ns, 12345);
	assert_int_equal(ev.gfn, 105);
	assert_int_equal(ev.npages, 2);
	assert_int_equal(ev.vcpu, 4);
	assert_int_equal(ev.ret, 0xabcdef);
	assert_false(ev.to_private);
	assert_false(ev.completed);
	/* The last completed one is what it was. */
	assert_int_equal(last_seq(h, 106), 1);

	add(h, 106, 1, true);
	assert_int_equal(refused_seq(h, 106), NONE);
	assert_int_equal(refused_seq(h, 105), 2);
	add(h, 106, 1, false);
	assert_int_equal(refused_seq(h, 106), 5);
}

/* Completed and refused, in this order or the other, both in the ring or not. */
static void refused_drops_out(void **state)
{
	struct rmpe_psc_history *h = *state;
	struct rmpe_psc_event ev;

	add(h, 100, 1, false);
	add(h, 100, 1, true);
	add(h, 200, 1, true);
	add_event(h, (struct rmpe_psc_event){
		.when_ns = 9 * MS + 1, .gfn = 200, .npages = 2, .vcpu = 4, .ret = 256,
		.to_private = true,
	});
	/* The refused one of each is out of the ring; of the first only that. */
	add_elsewhere(h, LEN - 3);
	assert_int_equal(last_seq(h, 100), 2);
	assert_int_equal(refused_seq(h, 100), NONE);
	assert_int_equal(last_seq(h, 200), 3);
	assert_int_equal(refused_seq(h, 200), 4);
	add_elsewhere(h, 1);
	assert_int_equal(refused_seq(h, 100), NONE);
	add_elsewhere(h, 1);
	assert_int_equal(last_seq(h, 200), 0);
	assert_int_equal(refused_seq(h, 200), 4);
	add_elsewhere(h, 1);
	assert_int_equal(last_seq(h, 100), 0);
	assert_int_equal(refused_seq(h, 100), NONE);
	assert_int_equal(last_seq(h, 200), 0);
	assert_true(rmpe_history_last_refused(h, 200, &ev));
	assert_int_equal(ev.seq, 0);
	assert_int_equal(ev.when_ns, 9 * MS);
	assert_int_equal(ev.npages, 2);
	assert_int_equal(ev.vcpu, 4);
	assert_int_equal(ev.ret, 255);
	assert_true(ev.to_private);
	assert_false(ev.completed);

	/* A completed one takes it back, in the ring and out of it. */
	add(h, 200, 1, true);
	assert_int_equal(refused_seq(h, 200), NONE);
	assert_int_equal(refused_seq(h, 201), 0);
	add_elsewhere(h, LEN);
	assert_int_equal(refused_seq(h, 200), NONE);
	assert_int_equal(refused_seq(h, 201), 0);
}

static void refused_after_an_older_completed_one(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 1, true);
	add_elsewhere(h, LEN);
	add(h, 100, 1, false);
	assert_int_equal(last_seq(h, 100), 0);
	assert_int_equal(refused_seq(h, 100), h->seq);
}

/* However long ago. */
static void ten_thousand_later(void **state)
{
	struct rmpe_psc_history *h = *state;
	struct rmpe_psc_event ev;

	add(h, 100, 10, true);
	add(h, 105, 1, false);
	add_elsewhere(h, 10000);
	assert_true(rmpe_history_last(h, 105, &ev));
	assert_int_equal(ev.seq, 0);
	assert_int_equal(ev.gfn, 100);
	assert_int_equal(ev.npages, 10);
	assert_int_equal(refused_seq(h, 105), 0);
	assert_int_equal(refused_seq(h, 104), NONE);
	assert_int_equal(last_seq(h, 110), NONE);
	assert_false(h->completed.lost);
	assert_false(h->refused.lost);
}

/* More distinct ranges than are kept: they are unknown, and that is known. */
static void too_many_ranges(void **state)
{
	struct rmpe_psc_history *h = *state;
	u64 i;

	for (i = 0; i < LEN + RMPE_MAX_RANGES; i++)
		add(h, 2 * i, 1, true);
	assert_false(h->completed.lost);
	assert_int_equal(last_seq(h, 0), 0);
	add(h, 2 * i, 1, true);
	assert_true(h->completed.lost);
	assert_int_equal(last_seq(h, 0), NONE);
	/* The ring has its own, and the map begins anew. */
	assert_int_equal(last_seq(h, 2 * i), h->seq);
	add_elsewhere(h, 1);
	assert_int_equal(last_seq(h, 2 * (i - LEN + 1)), 0);
	assert_false(h->refused.lost);
}

static void no_memory_for_older_ones(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 1, true);
	add(h, 200, 1, false);
	add_elsewhere(h, LEN - 2);
	unit_fail_alloc(1);
	add_elsewhere(h, 1);
	assert_true(unit_alloc_failed());
	assert_true(h->completed.lost);
	assert_int_equal(last_seq(h, 100), NONE);
	unit_fail_alloc(1);
	add_elsewhere(h, 1);
	assert_true(unit_alloc_failed());
	assert_true(h->refused.lost);
	assert_int_equal(refused_seq(h, 200), NONE);
	assert_int_equal(last_seq(h, BIT_ULL(30)), h->seq);
}

static void memory_for_older_ones_is_charged(void **state)
{
	struct rmpe_psc_history *h = *state;

	add(h, 100, 1, true);
	add(h, 200, 1, false);
	add_elsewhere(h, LEN);
	assert_true(unit_live_bytes() > LEN * sizeof(struct rmpe_psc_kept));
	assert_int_equal(unit_uncharged_bytes(), 0);
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

	add(h, ~0ULL - 1, 2, true);
	assert_int_equal(last_seq(h, ~0ULL), 1);
	assert_int_equal(last_seq(h, ~0ULL - 2), NONE);
	assert_int_equal(last_seq(h, 0), NONE);
	add(h, 0, 0, true);
	assert_int_equal(last_seq(h, 0), NONE);
	add_elsewhere(h, LEN);
	assert_int_equal(last_seq(h, ~0ULL), 0);
	assert_int_equal(last_seq(h, ~0ULL - 2), NONE);
	assert_int_equal(last_seq(h, 0), NONE);
}

/* A list that forgets nothing. */
static struct {
	const struct rmpe_psc_event *all;
	u64 n;
} list;

static bool has(u64 seq, gfn_t gfn)
{
	const struct rmpe_psc_event *ev = &list.all[seq];

	return gfn >= ev->gfn && gfn - ev->gfn < ev->npages;
}

/* The last one of @gfn with number above @after, or 0. */
static u64 list_last(gfn_t gfn, bool completed, u64 after)
{
	u64 seq;

	for (seq = list.n; seq > after; seq--)
		if (list.all[seq].completed == completed && has(seq, gfn))
			return seq;
	return 0;
}

/* Is this completed one the last of @gfn? */
static bool is_left(u64 seq, gfn_t gfn)
{
	return has(seq, gfn) && list_last(gfn, true, seq - 1) == seq;
}

static void check_event(const struct rmpe_psc_event *is, u64 seq, gfn_t gfn)
{
	const struct rmpe_psc_event *should = &list.all[seq];
	const u64 oldest = list.n <= LEN ? 1 : list.n - LEN + 1;
	gfn_t first = gfn, end = gfn + 1;

	assert_int_equal(is->vcpu, should->vcpu);
	assert_int_equal(is->to_private, should->to_private);
	assert_int_equal(is->completed, should->completed);
	if (seq >= oldest) {
		assert_int_equal(is->seq, seq);
		assert_int_equal(is->when_ns, should->when_ns);
		assert_int_equal(is->gfn, should->gfn);
		assert_int_equal(is->npages, should->npages);
		assert_int_equal(is->ret, should->ret);
		assert_int_equal(is->redundant, should->redundant);
		return;
	}
	assert_int_equal(is->seq, 0);
	assert_true(should->when_ns - is->when_ns < MS);
	assert_int_equal(is->ret, min(should->ret, 255u));
	/* How far a refused one went is of no interest. */
	if (!should->completed)
		return;
	while (first && is_left(seq, first - 1))
		first--;
	while (is_left(seq, end))
		end++;
	assert_int_equal(is->gfn, first);
	assert_int_equal(is->npages, end - first);
}

static void check_gfn(struct rmpe_psc_history *h, gfn_t gfn, u64 since)
{
	const u64 oldest = list.n <= LEN ? 1 : list.n - LEN + 1;
	u64 completed = list_last(gfn, true, 0);
	u64 refused = list_last(gfn, false, completed);
	struct rmpe_psc_event ev;

	assert_int_equal(rmpe_history_last(h, gfn, &ev), !!completed);
	if (completed)
		check_event(&ev, completed, gfn);
	assert_int_equal(rmpe_history_last_refused(h, gfn, &ev), !!refused);
	if (refused)
		check_event(&ev, refused, gfn);
	/* What the ring has lost may have changed it. */
	assert_int_equal(rmpe_history_changed_since(h, gfn, since),
			 completed > since || since + 1 < oldest);
}

#define GFNS 3000

static void random_events(void **state)
{
	struct rmpe_psc_history *h = *state;
	const u64 n = 12000;
	struct rmpe_psc_event *all = calloc(n + 1, sizeof(*all));
	u64 seq;

	assert_non_null(all);
	list.all = all;
	for (seq = 1; seq <= n; seq++) {
		all[seq] = (struct rmpe_psc_event){
			.when_ns = random_below(BIT_ULL(60)),
			.gfn = random_below(GFNS),
			.npages = 1 + random_below(random_below(50) ? 20 : 500),
			.vcpu = random_below(16384),
			.to_private = random_below(2),
			.completed = random_below(4),
		};
		if (all[seq].completed)
			all[seq].redundant = random_below(2);
		else
			all[seq].ret = 1 + random_below(500);
		add_event(h, all[seq]);
		list.n = seq;
		check_gfn(h, random_below(GFNS + 50),
			  seq - random_below(min(seq + 1, 2ULL * LEN)));
		if (seq % 1000 == 0)
			for (gfn_t gfn = 0; gfn < GFNS + 600; gfn++)
				check_gfn(h, gfn, seq);
	}
	assert_false(h->completed.lost);
	assert_false(h->refused.lost);
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
		history_test(event_is_kept),
		history_test(numbers_that_are_not_held),
		history_test(ring_wraps),
		history_test(last_psc_of_a_gfn),
		history_test(refused_psc_changed_nothing),
		history_test(last_psc_drops_out),
		history_test(older_psc_has_what_is_left_of_it),
		history_test(refused_is_told_until_one_completes),
		history_test(refused_drops_out),
		history_test(refused_after_an_older_completed_one),
		history_test(ten_thousand_later),
		history_test(too_many_ranges),
		history_test(no_memory_for_older_ones),
		history_test(memory_for_older_ones_is_charged),
		history_test(changed_since),
		history_test(changed_since_needs_no_other_direction),
		history_test(lost_events_may_have_changed_it),
		history_test(largest_gfns),
		history_test(random_events),
	};

	random_seed();
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
