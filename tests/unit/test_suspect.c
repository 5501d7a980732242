// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is it the same fault again?
 */
#include "test.h"

#include <linux/jiffies.h>
#include <linux/mutex.h>

#include <string.h>

#include <unit/alloc.h>

#include "random.h"
#include "suspect.h"

/* gfns */
enum { A = 0x100, B, C, D, E, ELSEWHERE };

static struct mutex lock;
static struct rmpe_psc_history history;
static struct rmpe_suspects suspects;
static u64 exits, psc_requests;

static int set_up(void **state)
{
	int r;

	unit_reset();
	/* One more wraps. */
	jiffies = -1UL;
	suspects = (struct rmpe_suspects){ };
	exits = 1000;
	psc_requests = 7;
	r = rmpe_history_init(&history, &lock);
	lock.held = true;
	return r;
}

static int tear_down(void **state)
{
	rmpe_history_free(&history);
	lock.held = false;
	return unit_live_objects() != 0;
}

/* A fault, so many exits after the last one. */
static struct rmpe_suspect *fault_after(u64 n, gfn_t gfn, bool private, bool *again)
{
	struct rmpe_suspect *s;

	exits += n;
	s = rmpe_suspect_seen(&suspects, gfn, private, exits, psc_requests, &history,
			      again);
	assert_true(s >= suspects.entry && s < suspects.entry + RMPE_NR_SUSPECTS);
	assert_true(s->active);
	assert_int_equal(s->gfn, gfn);
	assert_int_equal(s->private, private);
	assert_int_equal(s->exits, exits);
	assert_int_equal(s->when, jiffies);
	return s;
}

/* Is one that comes so many exits after the last one the same again? */
static bool again_after(u64 n, gfn_t gfn)
{
	bool again;

	fault_after(n, gfn, true, &again);
	return again;
}

static bool is_again(gfn_t gfn)
{
	return again_after(1, gfn);
}

static struct rmpe_suspect *suspect(gfn_t gfn)
{
	bool again;

	return fault_after(1, gfn, true, &again);
}

/* KVM has resolved it. */
static void forget(gfn_t gfn, bool private)
{
	struct rmpe_suspect *s = rmpe_suspect_find(&suspects, gfn, private);

	if (s)
		s->active = false;
}

static void psc(gfn_t gfn, bool completed)
{
	struct rmpe_psc_kept *ev = rmpe_history_add(&history);

	ev->gfn = gfn;
	ev->npages = 1;
	ev->completed = completed;
}

static void first_and_second(void **state)
{
	struct rmpe_suspect *s;
	bool again = true;

	psc(ELSEWHERE, true);
	s = fault_after(1, A, true, &again);
	assert_false(again);
	assert_int_equal(s->told, RMPE_CLASS_NONE);
	assert_int_equal(s->injected, 0);
	assert_int_equal(s->record.seq, 0);
	assert_int_equal(s->psc_seq, 1);
	assert_int_equal(s->psc_requests, 7);

	/* What was put down there stays. */
	s->told = RMPE_CLASS_FIRST_TOUCH;
	s->injected = 3;
	s->record = (struct rmpe_told){ .place = 5, .seq = 55 };
	psc(ELSEWHERE, true);
	psc_requests++;
	assert_ptr_equal(fault_after(1, A, true, &again), s);
	assert_true(again);
	assert_int_equal(s->told, RMPE_CLASS_FIRST_TOUCH);
	assert_int_equal(s->injected, 3);
	assert_int_equal(s->record.place, 5);
	assert_int_equal(s->record.seq, 55);
	assert_int_equal(s->psc_seq, 1);
	assert_int_equal(s->psc_requests, 7);
}

/* A new one in the same place begins from nothing. */
static void begins_anew(void **state)
{
	struct rmpe_suspect *s = suspect(A);
	bool again;

	s->told = RMPE_CLASS_FIRST_TOUCH;
	s->record = (struct rmpe_told){ .place = 5, .seq = 55 };
	psc(ELSEWHERE, true);
	psc_requests = 20;
	assert_ptr_equal(fault_after(65, A, true, &again), s);
	assert_false(again);
	assert_int_equal(s->told, RMPE_CLASS_NONE);
	assert_int_equal(s->injected, 0);
	assert_int_equal(s->record.place, 0);
	assert_int_equal(s->record.seq, 0);
	assert_int_equal(s->psc_seq, 1);
	assert_int_equal(s->psc_requests, 20);
	assert_true(is_again(A));
}

static void gfn_0(void **state)
{
	assert_false(is_again(0));
	assert_true(is_again(0));
	assert_false(is_again(1));
}

static void other_access(void **state)
{
	bool again;

	fault_after(1, A, true, &again);
	fault_after(1, A, false, &again);
	assert_false(again);
	fault_after(1, A, true, &again);
	assert_true(again);
	fault_after(1, A, false, &again);
	assert_true(again);
}

static void near_by_exits(void **state)
{
	assert_false(again_after(1, A));
	assert_true(again_after(0, A));
	assert_true(again_after(64, A));
	/* From the last one, not from the first. */
	assert_true(again_after(64, A));
	assert_true(again_after(64, A));
	assert_false(again_after(65, A));
	assert_true(again_after(64, A));
	assert_false(again_after(1000000, A));
}

/* A count of exits may wrap. */
static void exits_wrap(void **state)
{
	exits = ~0ULL - 10;
	assert_false(is_again(A));
	assert_true(again_after(64, A));
	exits = ~0ULL - 10;
	assert_false(is_again(B));
	assert_false(again_after(65, B));
}

/* Time alone does not make it another one: a vCPU may be stopped for long. */
static void time_does_not_count_against_it(void **state)
{
	assert_false(is_again(A));
	jiffies += 1000000UL * HZ;
	assert_true(again_after(64, A));
}

static void near_by_time_without_vc(void **state)
{
	assert_false(is_again(A));
	assert_false(again_after(65, A));
}

/* Who handles #VC may make any number of exits, for a second. */
static void near_by_time_after_vc(void **state)
{
	suspect(A)->injected = 1;
	jiffies += HZ - 1;
	assert_true(again_after(1000000, A));
	/* From the last one. */
	jiffies += HZ - 1;
	assert_true(again_after(1000000, A));
	jiffies += HZ;
	assert_false(again_after(65, A));
	/* It is another one now, which has had no #VC. */
	assert_false(again_after(65, A));
}

static void a_second_after_vc_but_near(void **state)
{
	suspect(A)->injected = 1;
	jiffies += HZ;
	assert_true(again_after(64, A));
	jiffies += 1000000UL * HZ;
	assert_true(again_after(64, A));
}

static void two_in_turn(void **state)
{
	unsigned int i;

	assert_false(is_again(A));
	assert_false(is_again(B));
	for (i = 0; i < 100; i++) {
		assert_true(is_again(A));
		assert_true(is_again(B));
	}
}

static void four_in_turn(void **state)
{
	unsigned int i;
	gfn_t gfn;

	for (i = 0; i < 100; i++)
		for (gfn = A; gfn <= D; gfn++)
			assert_int_equal(is_again(gfn), i > 0);
}

static void five_in_turn(void **state)
{
	unsigned int i;
	gfn_t gfn;

	for (i = 0; i < 100; i++)
		for (gfn = A; gfn <= E; gfn++)
			assert_false(is_again(gfn));
}

static void least_recent_goes(void **state)
{
	is_again(A);
	is_again(B);
	is_again(C);
	is_again(D);
	assert_true(is_again(A));
	assert_false(is_again(E));	/* B goes */
	assert_true(is_again(C));
	assert_true(is_again(D));
	assert_true(is_again(A));
	assert_true(is_again(E));
	assert_false(is_again(B));	/* C goes */
	assert_true(is_again(D));
	assert_false(is_again(C));	/* A goes */
	assert_true(is_again(E));
	assert_true(is_again(B));
	assert_true(is_again(D));
	assert_false(is_again(A));
}

/* One that is another one now stays in its place; no other has to go. */
static void new_one_at_the_same_gfn_takes_its_own_place(void **state)
{
	is_again(B);
	is_again(C);
	is_again(D);
	is_again(A);
	psc(A, true);
	assert_false(is_again(A));
	assert_true(is_again(B));
	assert_true(is_again(C));
	assert_true(is_again(D));
	assert_true(is_again(A));
}

static void psc_completed_in_between(void **state)
{
	assert_false(is_again(A));
	psc(A, true);
	assert_false(is_again(A));
	/* That was before this one. */
	assert_true(is_again(A));
	assert_true(is_again(A));
}

static void psc_refused_in_between(void **state)
{
	assert_false(is_again(A));
	psc(A, false);
	assert_true(is_again(A));
}

static void psc_of_another_gfn_in_between(void **state)
{
	assert_false(is_again(A));
	psc(B, true);
	assert_true(is_again(A));
}

static void psc_after_vc(void **state)
{
	suspect(A)->injected = 16;
	psc(A, true);
	assert_false(is_again(A));
	assert_int_equal(suspect(A)->injected, 0);
}

/* One of those since that are not known any more may have been of the gfn. */
static void many_pscs_in_between(void **state)
{
	unsigned int i;

	assert_false(is_again(A));
	for (i = 0; i < RMPE_PSC_HISTORY_LEN; i++)
		psc(ELSEWHERE, true);
	assert_true(is_again(A));
	psc(ELSEWHERE, true);
	assert_false(is_again(A));
	assert_true(is_again(A));
}

static void forget_one(void **state)
{
	is_again(A);
	is_again(B);
	forget(A, true);
	assert_true(is_again(B));
	assert_false(is_again(A));
	assert_true(is_again(A));
}

static void find_changes_nothing(void **state)
{
	struct rmpe_suspect *s, before;

	assert_null(rmpe_suspect_find(&suspects, A, true));
	assert_null(rmpe_suspect_find(&suspects, 0, false));
	s = suspect(A);
	is_again(B);
	before = *s;
	jiffies += HZ;
	assert_ptr_equal(rmpe_suspect_find(&suspects, A, true), s);
	assert_memory_equal(s, &before, sizeof(before));
	assert_null(rmpe_suspect_find(&suspects, A, false));
	assert_null(rmpe_suspect_find(&suspects, C, true));
	/* It does not count as seen: A is still the one that goes. */
	is_again(C);
	is_again(D);
	is_again(E);
	assert_null(rmpe_suspect_find(&suspects, A, true));
}

static void forget_what_is_not_there(void **state)
{
	forget(A, true);
	forget(0, false);
	is_again(A);
	forget(A, false);
	forget(B, true);
	assert_true(is_again(A));
}

/* The place of one that was forgotten is taken before any other. */
static void free_place_is_taken_first(void **state)
{
	gfn_t gone;

	for (gone = A; gone <= D; gone++) {
		gfn_t gfn;

		suspects = (struct rmpe_suspects){ };
		for (gfn = A; gfn <= D; gfn++)
			is_again(gfn);
		forget(gone, true);
		assert_false(is_again(E));
		for (gfn = A; gfn <= E; gfn++)
			if (gfn != gone)
				assert_true(is_again(gfn));
	}
}

/* What is known of each access, in a list that is sorted by when it was seen. */
struct known {
	gfn_t gfn;
	bool private;
	bool injected;
	u64 psc_seq;
	u64 exits;
	unsigned long when;
};

static struct {
	struct known known[RMPE_NR_SUSPECTS];
	unsigned int n;
	u64 last_psc[6];	/* the last completed one of each gfn from A on */
} list;

static struct known *in_list(gfn_t gfn, bool private)
{
	unsigned int i;

	for (i = 0; i < list.n; i++)
		if (list.known[i].gfn == gfn && list.known[i].private == private)
			return &list.known[i];
	return NULL;
}

static void remove_from_list(struct known *k)
{
	memmove(k, k + 1, (&list.known[--list.n] - k) * sizeof(*k));
}

static bool list_seen(gfn_t gfn, bool private)
{
	struct known *k = in_list(gfn, private);
	struct known new = { .gfn = gfn, .private = private, .psc_seq = history.seq };
	bool again = k && list.last_psc[gfn - A] <= k->psc_seq &&
		     (exits - k->exits <= 64 ||
		      (k->injected && jiffies - k->when < HZ));

	if (again)
		new = *k;
	if (k)
		remove_from_list(k);
	else if (list.n == RMPE_NR_SUSPECTS)
		remove_from_list(&list.known[0]);
	new.exits = exits;
	new.when = jiffies;
	list.known[list.n++] = new;
	return again;
}

static void random_faults(void **state)
{
	unsigned int i, same = 0, other = 0, pscs = 0;

	list.n = 0;
	memset(list.last_psc, 0, sizeof(list.last_psc));
	for (i = 0; i < 100000; i++) {
		gfn_t gfn = A + random_below(6);
		bool private = random_below(2), again;
		struct rmpe_suspect *s;
		struct known *k;

		if (!random_below(100) && pscs < RMPE_PSC_HISTORY_LEN) {
			bool completed = random_below(2);

			psc(gfn, completed);
			pscs++;
			if (completed)
				list.last_psc[gfn - A] = history.seq;
			continue;
		}
		if (!random_below(10)) {
			forget(gfn, private);
			k = in_list(gfn, private);
			if (k)
				remove_from_list(k);
			continue;
		}
		jiffies += random_below(4) ? 0 : random_below(2 * HZ);
		s = fault_after(random_below(8) ? random_below(10) : random_below(130),
				gfn, private, &again);
		if (list_seen(gfn, private) != again)
			fail_msg("fault %u at 0x%llx is taken for %s one", i, gfn,
				 again ? "the same" : "another");
		same += again;
		other += !again;
		k = &list.known[list.n - 1];
		assert_int_equal(s->injected, k->injected);
		assert_int_equal(s->psc_seq, k->psc_seq);
		if (!random_below(4))
			s->injected = k->injected = true;
	}
	assert_true(same > 1000 && other > 1000);
}

#define suspect_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		suspect_test(first_and_second),
		suspect_test(begins_anew),
		suspect_test(gfn_0),
		suspect_test(other_access),
		suspect_test(near_by_exits),
		suspect_test(exits_wrap),
		suspect_test(time_does_not_count_against_it),
		suspect_test(near_by_time_without_vc),
		suspect_test(near_by_time_after_vc),
		suspect_test(a_second_after_vc_but_near),
		suspect_test(two_in_turn),
		suspect_test(four_in_turn),
		suspect_test(five_in_turn),
		suspect_test(least_recent_goes),
		suspect_test(new_one_at_the_same_gfn_takes_its_own_place),
		suspect_test(psc_completed_in_between),
		suspect_test(psc_refused_in_between),
		suspect_test(psc_of_another_gfn_in_between),
		suspect_test(psc_after_vc),
		suspect_test(many_pscs_in_between),
		suspect_test(forget_one),
		suspect_test(find_changes_nothing),
		suspect_test(forget_what_is_not_there),
		suspect_test(free_place_is_taken_first),
		suspect_test(random_faults),
	};

	random_seed();
	return cmocka_run_group_tests_name("suspect", tests, NULL, NULL);
}
