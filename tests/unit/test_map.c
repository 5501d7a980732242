// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last event of each gfn, against one entry for each gfn of a window.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include <string.h>

#include <unit/alloc.h>

#include "psc_map.h"
#include "random.h"

#define MS		BIT_ULL(20)	/* what times are kept to, in ns */
#define MAX_RET		255u
#define MAX_VCPU	16383		/* KVM_MAX_VCPU_IDS with the most vCPUs */
#define MAX_GFN		(BIT_ULL(52) - 1)

static struct mutex lock;
static struct rmpe_psc_map m;

static int set_up(void **state)
{
	unit_reset();
	/* Not zeroed: init must do it. */
	memset(&m, 0x5a, sizeof(m));
	rmpe_map_init(&m, &lock);
	lock.held = true;
	return 0;
}

static int tear_down(void **state)
{
	rmpe_map_free(&m);
	lock.held = false;
	return unit_live_objects() != 0;
}

static void add_event(struct rmpe_map_event ev)
{
	rmpe_map_add(&m, &ev);
}

/* One that can be told from others by who asked. */
static void add(gfn_t gfn, u64 npages, int vcpu)
{
	add_event((struct rmpe_map_event){
		.gfn = gfn, .npages = npages, .vcpu = vcpu,
	});
}

static int last_vcpu(gfn_t gfn)
{
	struct rmpe_map_event ev;

	return rmpe_map_last(&m, gfn, &ev) ? ev.vcpu : -1;
}

static void assert_last(gfn_t gfn, int vcpu, gfn_t first, u64 npages)
{
	struct rmpe_map_event ev;

	assert_true(rmpe_map_last(&m, gfn, &ev));
	assert_int_equal(ev.vcpu, vcpu);
	assert_int_equal(ev.gfn, first);
	assert_int_equal(ev.npages, npages);
}

/* What is there, range by range, as debugfs lists it. */
static unsigned int nr_listed(void)
{
	struct rmpe_map_event ev;
	unsigned int n = 0;
	gfn_t next = 0;

	while (rmpe_map_next(&m, next, &ev)) {
		assert_true(ev.gfn >= next && ev.npages);
		next = ev.gfn + ev.npages;
		n++;
		if (!next)
			break;
	}
	return n;
}

static void assert_nr(unsigned int nr)
{
	assert_int_equal(m.nr, nr);
	assert_int_equal(nr_listed(), nr);
	assert_int_equal(rmpe_map_is_empty(&m), !nr);
}

static void empty(void **state)
{
	struct rmpe_map_event ev;

	assert_nr(0);
	assert_false(m.lost);
	assert_false(rmpe_map_last(&m, 0, &ev));
	assert_false(rmpe_map_next(&m, 0, &ev));
	assert_false(rmpe_map_last(&m, ~0ULL, &ev));
	assert_false(rmpe_map_next(&m, ~0ULL, &ev));
	rmpe_map_forget(&m, 0, ~0ULL);
	assert_nr(0);
	assert_int_equal(unit_live_objects(), 0);
}

static void event_is_kept(void **state)
{
	static const struct rmpe_map_event events[] = {
		{ .gfn = 7, .npages = 1 },
		{ .gfn = 7, .npages = 3, .to_private = true },
		{ .gfn = 7, .npages = 3, .vcpu = 1, .ret = 2, .when_ns = 3 * MS },
		{ .gfn = 7, .npages = 9, .vcpu = MAX_VCPU },
		{ .gfn = 7, .npages = 9, .ret = MAX_RET },
		{ .gfn = 7, .npages = 9, .when_ns = (BIT_ULL(40) - 1) * MS },
		{ .gfn = MAX_GFN, .npages = 1, .vcpu = MAX_VCPU, .ret = MAX_RET,
		  .when_ns = (BIT_ULL(40) - 1) * MS, .to_private = true },
		{ .gfn = 0, .npages = ~0ULL, .vcpu = 0x2aaa, .ret = 0x55,
		  .when_ns = 0xaaaaaaaaaaULL * MS },
	};
	const struct rmpe_map_event *e;

	for (e = events; e < events + ARRAY_SIZE(events); e++) {
		struct rmpe_map_event ev;

		memset(&ev, 0x5a, sizeof(ev));
		rmpe_map_free(&m);
		rmpe_map_add(&m, e);
		assert_nr(1);
		assert_true(rmpe_map_last(&m, e->gfn + e->npages - 1, &ev));
		assert_int_equal(ev.when_ns, e->when_ns);
		assert_int_equal(ev.gfn, e->gfn);
		assert_int_equal(ev.npages, e->npages);
		assert_int_equal(ev.vcpu, e->vcpu);
		assert_int_equal(ev.ret, e->ret);
		assert_int_equal(ev.to_private, e->to_private);
	}
}

/* The time is a millisecond too early at the most, never too late. */
static void times_are_kept_to_a_millisecond(void **state)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		const u64 when = random_below(BIT_ULL(60));
		struct rmpe_map_event ev;

		add_event((struct rmpe_map_event){
			.when_ns = when, .gfn = 1, .npages = 1,
			.vcpu = MAX_VCPU, .ret = MAX_RET, .to_private = true,
		});
		assert_true(rmpe_map_last(&m, 1, &ev));
		assert_true(ev.when_ns <= when && when - ev.when_ns < MS);
		assert_int_equal(ev.vcpu, MAX_VCPU);
		assert_int_equal(ev.ret, MAX_RET);
		assert_true(ev.to_private);
	}
}

static void large_answers_are_one(void **state)
{
	static const unsigned int answers[] = {
		MAX_RET + 1, 0x10000, 0x80000000u, ~0u,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		struct rmpe_map_event ev;

		add_event((struct rmpe_map_event){
			.gfn = 1, .npages = 1, .ret = answers[i],
		});
		assert_true(rmpe_map_last(&m, 1, &ev));
		assert_int_equal(ev.ret, MAX_RET);
		assert_int_equal(ev.vcpu, 0);
		assert_int_equal(ev.when_ns, 0);
	}
}

static void without_pages_it_means_nothing(void **state)
{
	add(7, 0, 1);
	add(0, 0, 1);
	add(~0ULL, 0, 1);
	assert_nr(0);
	add(7, 1, 1);
	add(7, 0, 2);
	rmpe_map_forget(&m, 7, 0);
	assert_last(7, 1, 7, 1);
}

/* A guest's range may wrap; there is no memory where it goes on. */
static void range_that_wraps(void **state)
{
	add(5, 1, 9);
	add(~0ULL, 2, 1);
	add(~0ULL - 1, 3, 1);
	add(10, ~0ULL, 1);
	add(2, ~0ULL, 1);
	assert_last(5, 9, 5, 1);
	rmpe_map_forget(&m, ~0ULL, 7);
	rmpe_map_forget(&m, 3, ~0ULL);
	assert_nr(1);
	assert_false(m.lost);
}

static void largest_gfns(void **state)
{
	struct rmpe_map_event ev;

	add(~0ULL, 1, 1);
	assert_last(~0ULL, 1, ~0ULL, 1);
	assert_int_equal(last_vcpu(~0ULL - 1), -1);
	add(~0ULL - 9, 10, 2);
	assert_last(~0ULL, 2, ~0ULL - 9, 10);
	rmpe_map_forget(&m, ~0ULL, 1);
	assert_int_equal(last_vcpu(~0ULL), -1);
	assert_last(~0ULL - 1, 2, ~0ULL - 9, 9);
	assert_false(rmpe_map_next(&m, ~0ULL, &ev));
	assert_nr(1);

	add(0, BIT_ULL(52), 3);
	assert_last(0, 3, 0, BIT_ULL(52));
	assert_last(MAX_GFN, 3, 0, BIT_ULL(52));
	assert_int_equal(last_vcpu(MAX_GFN + 1), -1);
	add(MAX_GFN, 1, 4);
	assert_last(MAX_GFN, 4, MAX_GFN, 1);
	assert_last(0, 3, 0, BIT_ULL(52) - 1);
	assert_nr(3);
	rmpe_map_forget(&m, 1, ~0ULL - 1);
	assert_last(0, 3, 0, 1);
	assert_nr(1);
}

static void later_one_counts(void **state)
{
	add(100, 10, 1);
	add(100, 10, 2);
	assert_last(105, 2, 100, 10);
	assert_nr(1);
	add(90, 30, 3);
	assert_last(105, 3, 90, 30);
	assert_nr(1);
}

static void later_one_leaves_a_part(void **state)
{
	add(100, 10, 1);
	add(105, 10, 2);
	assert_last(104, 1, 100, 5);
	assert_last(105, 2, 105, 10);
	assert_nr(2);
	add(95, 7, 3);
	assert_last(102, 1, 102, 3);
	assert_last(101, 3, 95, 7);
	assert_nr(3);
	assert_int_equal(last_vcpu(94), -1);
	assert_int_equal(last_vcpu(115), -1);
}

static void later_one_cuts_in_two(void **state)
{
	add(100, 10, 1);
	add(103, 2, 2);
	assert_last(102, 1, 100, 3);
	assert_last(103, 2, 103, 2);
	assert_last(109, 1, 105, 5);
	assert_nr(3);
	add(99, 12, 3);
	assert_nr(1);
}

static void neighbours_stay_apart(void **state)
{
	add(100, 10, 1);
	add(110, 10, 1);
	assert_last(109, 1, 100, 10);
	assert_last(110, 1, 110, 10);
	assert_nr(2);
}

static void many_at_once(void **state)
{
	gfn_t gfn;

	for (gfn = 0; gfn < 1000; gfn++)
		add(3 * gfn, 2, 1);
	assert_nr(1000);
	add(1, 2998, 2);
	assert_last(0, 1, 0, 1);
	assert_last(1, 2, 1, 2998);
	assert_nr(2);
}

static void forget_part(void **state)
{
	add(100, 10, 1);
	rmpe_map_forget(&m, 100, 1);
	assert_last(101, 1, 101, 9);
	rmpe_map_forget(&m, 109, 100);
	assert_last(101, 1, 101, 8);
	rmpe_map_forget(&m, 105, 1);
	assert_last(104, 1, 101, 4);
	assert_last(106, 1, 106, 3);
	assert_int_equal(last_vcpu(105), -1);
	assert_nr(2);
	rmpe_map_forget(&m, 105, 1);
	assert_nr(2);
	rmpe_map_forget(&m, 104, 3);
	assert_nr(2);
	rmpe_map_forget(&m, 0, 1000);
	assert_nr(0);
	assert_false(m.lost);
}

static void next_is_at_or_above(void **state)
{
	struct rmpe_map_event ev;

	add(100, 10, 1);
	add(200, 10, 2);
	assert_true(rmpe_map_next(&m, 0, &ev));
	assert_int_equal(ev.gfn, 100);
	assert_true(rmpe_map_next(&m, 109, &ev));
	assert_int_equal(ev.gfn, 100);
	assert_true(rmpe_map_next(&m, 110, &ev));
	assert_int_equal(ev.gfn, 200);
	assert_int_equal(ev.npages, 10);
	assert_false(rmpe_map_next(&m, 210, &ev));
}

static void free_and_go_on(void **state)
{
	add(100, 10, 1);
	rmpe_map_free(&m);
	assert_nr(0);
	assert_int_equal(unit_live_objects(), 0);
	rmpe_map_free(&m);
	add(100, 10, 2);
	assert_last(100, 2, 100, 10);
	assert_nr(1);
	assert_false(m.lost);
}

static void memory_is_charged(void **state)
{
	gfn_t gfn;

	for (gfn = 0; gfn < 1000; gfn++)
		add(2 * gfn, 1, 1);
	assert_true(unit_live_bytes() > 0);
	assert_int_equal(unit_uncharged_bytes(), 0);
}

/* Every other gfn of a window, so that the next may be one too many. */
static void fill(unsigned int n)
{
	gfn_t gfn;

	for (gfn = 0; gfn < n; gfn++)
		add(10 + 2 * gfn, 1, 1);
	assert_int_equal(m.nr, n);
	assert_false(m.lost);
}

static void assert_begun_anew(void)
{
	assert_nr(0);
	assert_true(m.lost);
	assert_int_equal(unit_live_objects(), 0);
	/* It goes on, and does not forget that something is missing. */
	add(1, 1, 7);
	assert_last(1, 7, 1, 1);
	assert_nr(1);
	assert_true(m.lost);
	rmpe_map_forget(&m, 0, 100);
	assert_nr(0);
	assert_true(m.lost);
}

static void one_range_too_many(void **state)
{
	fill(RMPE_MAX_RANGES);
	assert_int_equal(nr_listed(), RMPE_MAX_RANGES);
	add(0, 1, 2);
	assert_begun_anew();
}

static void one_that_cuts_too_many(void **state)
{
	fill(RMPE_MAX_RANGES - 2);
	add(MAX_GFN - 10, 11, 2);
	assert_nr(RMPE_MAX_RANGES - 1);
	/* Two more. */
	add(MAX_GFN - 5, 1, 3);
	assert_begun_anew();
}

static void forgetting_cuts_too_many(void **state)
{
	fill(RMPE_MAX_RANGES - 1);
	add(MAX_GFN - 10, 11, 2);
	assert_nr(RMPE_MAX_RANGES);
	rmpe_map_forget(&m, MAX_GFN - 10, 1);
	assert_nr(RMPE_MAX_RANGES);
	rmpe_map_forget(&m, MAX_GFN - 5, 1);
	assert_begun_anew();
}

/* As many as can be may change for ever. */
static void full_map_is_no_limit_of_time(void **state)
{
	unsigned int i;

	fill(RMPE_MAX_RANGES);
	for (i = 0; i < 5000; i++)
		add(10 + 2 * random_below(RMPE_MAX_RANGES), 1, 2);
	assert_int_equal(m.nr, RMPE_MAX_RANGES);
	add(10, 4, 3);
	assert_int_equal(m.nr, RMPE_MAX_RANGES - 1);
	add(0, 1, 4);
	assert_nr(RMPE_MAX_RANGES);
	assert_false(m.lost);
	assert_last(10, 3, 10, 4);
	assert_last(0, 4, 0, 1);
}

static void no_memory(void **state)
{
	unit_fail_alloc(1);
	add(100, 10, 1);
	assert_true(unit_alloc_failed());
	assert_begun_anew();
}

static void no_memory_later(void **state)
{
	fill(300);
	unit_fail_alloc(1);
	add(11, 1, 2);
	assert_true(unit_alloc_failed());
	assert_begun_anew();
}

/* Better nothing than an event that is none any more. */
static void no_memory_to_forget(void **state)
{
	fill(300);
	unit_fail_alloc(1);
	rmpe_map_forget(&m, 20, 100);
	assert_true(unit_alloc_failed());
	assert_begun_anew();
}

/* There is nothing to be forgotten: it takes no memory. */
static void empty_map_forgets_without_memory(void **state)
{
	unit_fail_alloc(1);
	rmpe_map_forget(&m, 20, 100);
	assert_false(unit_alloc_failed());
	unit_fail_alloc(UNIT_NEVER);
	assert_false(m.lost);
}

/* One entry for each gfn of a window: which event was the last, from 1. */
#define WINDOW 200

static struct {
	gfn_t base;
	unsigned int last[WINDOW];
	struct rmpe_map_event event[20001];
	unsigned int nr_events;
} oracle;

static void oracle_set(gfn_t gfn, u64 npages, unsigned int event)
{
	gfn_t g;

	for (g = gfn; g < gfn + npages; g++)
		oracle.last[g - oracle.base] = event;
}

/* The end of the run of gfns from @i on that have the same last event. */
static unsigned int oracle_run(unsigned int i)
{
	const unsigned int event = oracle.last[i];

	while (i < WINDOW && oracle.last[i] == event)
		i++;
	return i;
}

static void check_window(void)
{
	unsigned int i, end, nr = 0;

	for (i = 0; i < WINDOW; i = end) {
		const unsigned int event = oracle.last[i];
		const struct rmpe_map_event *should = &oracle.event[event];
		struct rmpe_map_event is;
		gfn_t gfn;

		end = oracle_run(i);
		nr += event != 0;
		for (gfn = oracle.base + i; gfn < oracle.base + end; gfn++) {
			bool found = rmpe_map_last(&m, gfn, &is);

			if (found != !!event)
				fail_msg("gfn 0x%llx: %s", gfn,
					 found ? "an event" : "no event");
			if (!found)
				continue;
			assert_int_equal(is.gfn, oracle.base + i);
			assert_int_equal(is.npages, end - i);
			assert_int_equal(is.when_ns, should->when_ns / MS * MS);
			assert_int_equal(is.vcpu, should->vcpu);
			assert_int_equal(is.ret, min(should->ret, MAX_RET));
			assert_int_equal(is.to_private, should->to_private);
		}
	}
	assert_nr(nr);
}

static void random_ranges(gfn_t base, bool fail)
{
	unsigned int i, failures = 0, cuts = 0;

	memset(&oracle, 0, sizeof(oracle));
	oracle.base = base;
	for (i = 1; i < 20000; i++) {
		gfn_t first = random_below(WINDOW);
		u64 n = 1 + random_below(random_below(4) ? min(8ULL, WINDOW - first) :
							   WINDOW - first);
		struct rmpe_map_event *ev = &oracle.event[i];
		unsigned int before = m.nr;

		*ev = (struct rmpe_map_event){
			.gfn = base + first,
			.npages = n,
			.when_ns = random_below(BIT_ULL(60)),
			.vcpu = random_below(MAX_VCPU + 1),
			.ret = random_below(3) ? 0 : random_below(2 * MAX_RET),
			.to_private = random_below(2),
		};
		if (fail && !random_below(50))
			unit_fail_alloc(1);
		if (random_below(3)) {
			rmpe_map_add(&m, ev);
			oracle_set(ev->gfn, n, i);
		} else {
			rmpe_map_forget(&m, ev->gfn, n);
			oracle_set(ev->gfn, n, 0);
		}
		cuts += m.nr > before;
		if (unit_alloc_failed()) {
			assert_true(m.lost);
			memset(oracle.last, 0, sizeof(oracle.last));
			failures++;
		}
		unit_fail_alloc(UNIT_NEVER);
		check_window();
	}
	assert_int_equal(!!failures, fail);
	assert_int_equal(m.lost, fail);
	assert_true(cuts);
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
		map_test(event_is_kept),
		map_test(times_are_kept_to_a_millisecond),
		map_test(large_answers_are_one),
		map_test(without_pages_it_means_nothing),
		map_test(range_that_wraps),
		map_test(largest_gfns),
		map_test(later_one_counts),
		map_test(later_one_leaves_a_part),
		map_test(later_one_cuts_in_two),
		map_test(neighbours_stay_apart),
		map_test(many_at_once),
		map_test(forget_part),
		map_test(next_is_at_or_above),
		map_test(free_and_go_on),
		map_test(memory_is_charged),
		map_test(one_range_too_many),
		map_test(one_that_cuts_too_many),
		map_test(forgetting_cuts_too_many),
		map_test(full_map_is_no_limit_of_time),
		map_test(no_memory),
		map_test(no_memory_later),
		map_test(no_memory_to_forget),
		map_test(empty_map_forgets_without_memory),
		map_test(random_ranges_from_0),
		map_test(random_ranges_at_the_end),
		map_test(random_ranges_without_memory),
	};

	random_seed();
	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
