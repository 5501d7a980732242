// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long random runs of the tracker against a plain array.
 */
#include "test.h"

#include <linux/minmax.h>

#include <string.h>

#include <unit/alloc.h>

#include "one_tracker.h"
#include "oracle.h"
#include "random.h"

#define WINDOW	(2 * GFNS_1G + 3 * GFNS_2M)

/* Ranges as guests ask for them: pages, 2M ranges, odd pieces, most of it. */
static void random_range(const struct oracle *o, gfn_t *gfn, u64 *npages)
{
	u64 first = random_below(o->n), n;

	switch (random_below(8)) {
	case 0: case 1: case 2:
		n = 1;
		break;
	case 3: case 4:
		first &= ~(GFNS_2M - 1);
		n = GFNS_2M * (1 + random_below(16));
		break;
	case 5: case 6:
		n = 1 + random_below(4 * GFNS_2M);
		break;
	default:
		n = 1 + random_below(o->n);
	}
	*gfn = o->base + first;
	*npages = min(n, o->n - first);
}

/*
 * Single pages would spread over the whole window and never meet: keep most of
 * the work in a part of it, and move on from time to time.
 */
static struct oracle focus(const struct oracle *o)
{
	const u64 n = 6 * GFNS_2M;
	u64 at = random_below((o->n - n) / GFNS_2M) * GFNS_2M;

	if (random_below(2))
		at = GFNS_1G - 3 * GFNS_2M;
	return (struct oracle){ .base = o->base + at, .n = n };
}

static void random_run(gfn_t base, unsigned int steps)
{
	struct oracle o, part;
	unsigned int i;
	gfn_t gfn;
	u64 n;

	oracle_init(&o, base, WINDOW);
	part = focus(&o);
	for (i = 1; i <= steps; i++) {
		random_range(random_below(16) ? &part : &o, &gfn, &n);
		if (n == 1 && random_below(2))
			both_replace(&o, &t, gfn, 1 + random_below(3));
		else
			both_set(&o, &t, gfn, n, random_below(4));

		oracle_check_gfn(&o, &t, gfn);
		oracle_check_gfn(&o, &t, gfn + n - 1);
		oracle_check_gfn(&o, &t, gfn + n);
		if (gfn > base)
			oracle_check_gfn(&o, &t, gfn - 1);
		assert_int_equal(t.bytes, unit_live_bytes());

		if (i % 256 == 0) {
			oracle_check_runs(&o, &t);
			part = focus(&o);
		}
		if (i % 4096 == 0)
			oracle_check_states(&o, &t);
		if (i % 8192 == 0) {
			rmpe_tracker_free(&t);
			memset(o.state, 0, o.n);
		}
	}
	oracle_check_states(&o, &t);
	oracle_free(&o);
}

static void low_memory(void **state)
{
	random_run(0, 60000);
}

static void high_memory(void **state)
{
	random_run(37 * GFNS_1G, 30000);
}

static void end_of_the_address_space(void **state)
{
	random_run(RMPE_MAX_GFNS - WINDOW, 10000);
}

/* Random failures: an error changes nothing, whatever came before. */
static void short_of_memory(void **state)
{
	unsigned int i, failures = 0;
	enum rmpe_page_state s;
	struct oracle o, part;
	gfn_t gfn;
	u64 n;

	oracle_init(&o, 0, WINDOW);
	part = focus(&o);
	for (i = 1; i <= 30000; i++) {
		random_range(random_below(16) ? &part : &o, &gfn, &n);
		s = random_below(4);
		unit_fail_alloc(random_below(4));
		if (!rmpe_tracker_set(&t, gfn, n, s))
			oracle_set(&o, gfn, n, s);
		else
			failures++;
		oracle_check_gfn(&o, &t, gfn);
		oracle_check_gfn(&o, &t, gfn + n - 1);
		assert_int_equal(t.bytes, unit_live_bytes());
		if (i % 64 == 0)
			oracle_check_runs(&o, &t);
		if (i % 512 == 0)
			part = focus(&o);
		if (i % 2048 == 0) {
			oracle_check_states(&o, &t);
			rmpe_tracker_free(&t);
			memset(o.state, 0, o.n);
		}
	}
	unit_fail_alloc(UNIT_NEVER);
	assert_true(failures);
	oracle_free(&o);
}

#define random_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		random_test(low_memory),
		random_test(high_memory),
		random_test(end_of_the_address_space),
		random_test(short_of_memory),
	};

	random_seed();
	return cmocka_run_group_tests_name("tracker_random", tests, NULL, NULL);
}
