// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last VMs that have ended: a ring that outlives them.
 */
#include "test.h"

#include <string.h>

#include "ended.h"
#include "fake_host.h"

#define LEN	RMPE_NR_ENDED

/* The ring lasts as long as the program. */
static u64 nr;

u64 rmpe_vm_npf_judged(const struct rmpe_vm *vm)
{
	return vm->id + 7000;
}

static void end(void)
{
	struct rmpe_vm vm = {
		.id = ++nr + 100,
		.pid = nr + 500,
		.comm = "fifteen-letters",
		.terminated = nr % 3 == 0,
		.history_state = nr % 2 ? RMPE_HISTORY_PARTIAL : RMPE_HISTORY_LOST,
		.psc_requests = { .counter = nr + 9000 },
		.counters = {
			.launch_pages = nr + 10,
			.enforced = nr + 20,
			.class[RMPE_NR_CLASSES - 1] = nr + 30,
		},
	};

	host.now_ns = nr * 1000;
	rmpe_ended_add(&vm);
}

static void expect(const struct rmpe_ended *e, u64 n)
{
	assert_int_equal(e->nr, n);
	assert_int_equal(e->id, n + 100);
	assert_int_equal(e->pid, n + 500);
	assert_string_equal(e->comm, "fifteen-letters");
	assert_int_equal(e->when_ns, n * 1000);
	assert_int_equal(e->terminated, n % 3 == 0);
	assert_int_equal(e->history, n % 2 ? RMPE_HISTORY_PARTIAL : RMPE_HISTORY_LOST);
	assert_int_equal(e->psc_requests, n + 9000);
	assert_int_equal(e->npf_judged, n + 7100);
	assert_int_equal(e->counters.launch_pages, n + 10);
	assert_int_equal(e->counters.enforced, n + 20);
	assert_int_equal(e->counters.class[RMPE_NR_CLASSES - 1], n + 30);
}

static void none(void **state)
{
	struct rmpe_ended e;

	assert_false(rmpe_ended_next(0, &e));
	assert_false(rmpe_ended_next(~0ULL - 1, &e));
}

/* Read from the beginning after each, from before the ring is full to after. */
static void oldest_first(void **state)
{
	for (unsigned int i = 0; i < 3 * LEN; i++) {
		struct rmpe_ended e = { };
		u64 n;

		end();
		n = nr > LEN ? nr - LEN + 1 : 1;
		while (rmpe_ended_next(e.nr, &e))
			expect(&e, n++);
		assert_int_equal(n, nr + 1);
	}
}

/* A reader that was slow goes on with the oldest that there is. */
static void a_slow_reader(void **state)
{
	struct rmpe_ended e;
	const u64 seen = nr - 1;

	assert_true(rmpe_ended_next(seen, &e));
	expect(&e, nr);
	assert_false(rmpe_ended_next(nr, &e));
	for (unsigned int i = 0; i < LEN - 1; i++)
		end();
	assert_true(rmpe_ended_next(seen, &e));
	expect(&e, seen + 1);
	end();
	assert_true(rmpe_ended_next(seen, &e));
	expect(&e, seen + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none),
		cmocka_unit_test(oldest_first),
		cmocka_unit_test(a_slow_reader),
	};

	return cmocka_run_group_tests_name("ended", tests, NULL, NULL);
}
