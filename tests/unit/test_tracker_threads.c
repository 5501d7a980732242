// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lockless readers and a writer, truly in parallel: for the sanitizers, which
 * see a data race or a use after free where no wrong state comes of it.
 */
#include "test.h"

#include <linux/array_size.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include <unit/alloc.h>

#include "oracle.h"

#define NR_READERS	2
#define ROUNDS		3000
#define MIN_READS	20000

/* What a reader may see of a gfn: a bit for each state. */
struct view {
	gfn_t gfn;
	unsigned int allowed;
};

#define NONE		BIT(RMPE_PAGE_NONE)
#define LAUNCHED	BIT(RMPE_PAGE_LAUNCHED)
#define PRIVATE		BIT(RMPE_PAGE_PRIVATE)
#define SHARED		BIT(RMPE_PAGE_SHARED)

static struct rmpe_tracker tracker;
static const struct view *rules;
static unsigned int nr_rules;
static atomic_bool stop;
static atomic_ulong reads, wrong_gfn, wrong_state;
static atomic_uint nr_wrong;

static void *read_states(void *arg)
{
	unsigned int i;

	while (!atomic_load(&stop)) {
		for (i = 0; i < nr_rules; i++) {
			const struct view *r = &rules[i];
			enum rmpe_page_state s = rmpe_tracker_state(&tracker, r->gfn);

			if (r->allowed & BIT(s))
				continue;
			if (!atomic_fetch_add(&nr_wrong, 1)) {
				atomic_store(&wrong_gfn, r->gfn);
				atomic_store(&wrong_state, s);
			}
		}
		atomic_fetch_add(&reads, 1);
	}
	return NULL;
}

static void with_readers(const struct view *r, unsigned int n, void (*round)(int i))
{
	pthread_t reader[NR_READERS];
	int i;

	rules = r;
	nr_rules = n;
	atomic_store(&stop, false);
	atomic_store(&reads, 0);
	atomic_store(&nr_wrong, 0);
	for (i = 0; i < NR_READERS; i++)
		assert_int_equal(pthread_create(&reader[i], NULL, read_states, NULL), 0);
	for (i = 0; i < ROUNDS || atomic_load(&reads) < MIN_READS; i++)
		round(i);
	atomic_store(&stop, true);
	for (i = 0; i < NR_READERS; i++)
		pthread_join(reader[i], NULL);

	rmpe_tracker_free(&tracker);
	assert_int_equal(unit_live_objects(), 0);
	if (atomic_load(&nr_wrong))
		fail_msg("gfn 0x%lx: a reader saw state %lu",
			 atomic_load(&wrong_gfn), atomic_load(&wrong_state));
}

/*
 * Until somebody has read all that is there now.  Nothing here may order those reads
 * before what follows, or a sanitizer takes them for past.
 */
static void let_read(int round)
{
	const unsigned long enough = atomic_load_explicit(&reads, memory_order_relaxed) +
				     2 * NR_READERS;

	if (round % 64)
		return;
	while (atomic_load_explicit(&reads, memory_order_relaxed) < enough)
		sched_yield();
}

static void set(gfn_t gfn, u64 npages, enum rmpe_page_state state)
{
	assert_int_equal(rmpe_tracker_set(&tracker, gfn, npages, state), 0);
}

/* Blocks come and go around pages that never change, or between two states. */
static void convert(int i)
{
	/* A GiB more now and then: the root grows under the readers. */
	if (i % 16 == 0 && i < 16 * 64)
		set(i / 16 * GFNS_1G + GFNS_2M, GFNS_2M, RMPE_PAGE_LAUNCHED);

	set(100, 1, RMPE_PAGE_SHARED);
	set(200, 250, RMPE_PAGE_SHARED);
	set(0, GFNS_2M, RMPE_PAGE_PRIVATE);
	set(0, 1, RMPE_PAGE_SHARED);
	set(GFNS_16M, 1, RMPE_PAGE_SHARED);
	let_read(i);
	set(GFNS_16M, GFNS_16M, RMPE_PAGE_PRIVATE);
	set(GFNS_1G - 1, 2, RMPE_PAGE_SHARED);
	set(GFNS_1G - GFNS_2M, 2 * GFNS_2M, RMPE_PAGE_PRIVATE);
}

static void readers_and_conversions(void **state)
{
	static const struct view r[] = {
		{ 0, PRIVATE | SHARED },
		{ 50, PRIVATE },
		{ 100, PRIVATE | SHARED },
		{ 101, PRIVATE },
		{ 199, PRIVATE },
		{ 300, PRIVATE | SHARED },
		{ GFNS_2M - 1, PRIVATE },
		{ GFNS_2M, LAUNCHED },
		{ GFNS_16M, PRIVATE | SHARED },
		{ GFNS_16M + 1, PRIVATE },
		{ 2 * GFNS_16M - 1, PRIVATE },
		{ GFNS_1G - GFNS_2M, PRIVATE },
		{ GFNS_1G - 1, PRIVATE | SHARED },
		{ GFNS_1G, PRIVATE | SHARED },
		{ GFNS_1G + 1, PRIVATE },
		{ GFNS_1G / 2, NONE },
		{ 40 * GFNS_1G + GFNS_2M, NONE | LAUNCHED },
		{ RMPE_MAX_GFNS - 1, NONE },
	};

	set(0, GFNS_2M, RMPE_PAGE_PRIVATE);
	set(GFNS_16M, GFNS_16M, RMPE_PAGE_PRIVATE);
	set(GFNS_1G - GFNS_2M, 2 * GFNS_2M, RMPE_PAGE_PRIVATE);
	set(GFNS_2M, GFNS_2M, RMPE_PAGE_LAUNCHED);
	with_readers(r, ARRAY_SIZE(r), convert);
}

/* The whole tree goes, and grows again from nothing. */
static void start_over(int i)
{
	set(0, 3, RMPE_PAGE_PRIVATE);
	set(GFNS_2M, GFNS_2M, RMPE_PAGE_SHARED);
	set(5 * GFNS_1G, 3, RMPE_PAGE_PRIVATE);
	set(50 * GFNS_1G, GFNS_1G, RMPE_PAGE_LAUNCHED);
	set(0, GFNS_2M, RMPE_PAGE_PRIVATE);
	let_read(i);
	rmpe_tracker_free(&tracker);
}

static void readers_and_free(void **state)
{
	static const struct view r[] = {
		{ 0, NONE | PRIVATE },
		{ 5, NONE | PRIVATE },
		{ GFNS_2M, NONE | SHARED },
		{ 5 * GFNS_1G, NONE | PRIVATE },
		{ 5 * GFNS_1G + 3, NONE },
		{ 51 * GFNS_1G - 1, NONE | LAUNCHED },
	};

	with_readers(r, ARRAY_SIZE(r), start_over);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_and_conversions),
		cmocka_unit_test(readers_and_free),
	};

	return cmocka_run_group_tests_name("tracker_threads", tests, NULL, NULL);
}
