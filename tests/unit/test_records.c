// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last records of a VM: two rings, read as one list.
 */
#include "test.h"

#include <linux/errno.h>

#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>

#include "one_site.h"
#include "random.h"
#include "record.h"

#define LEN	RMPE_NR_RECORDS

static struct rmpe_records r;

static int set_up(void **state)
{
	unit_reset();
	r = (struct rmpe_records){ };
	return rmpe_records_prepare(&r);
}

static int tear_down(void **state)
{
	rmpe_records_free(&r);
	return unit_live_objects() != 0;
}

/* One that can be told from others by its time: its number. */
static unsigned int add(enum rmpe_outcome outcome)
{
	struct rmpe_record rec = {
		.seq = 12345,
		.when_ns = r.nr + 1,
		.outcome = outcome,
	};
	const u64 last = r.nr;
	unsigned int place = rmpe_records_add(&r, &rec);

	assert_int_equal(rec.seq, last + 1);
	assert_int_equal(r.nr, last + 1);
	assert_in_range(place, 0, 2 * LEN - 1);
	return place;
}

static unsigned int add_noise(void)
{
	return add(RMPE_OUTCOME_NONE);
}

static unsigned int add_act(void)
{
	return add(RMPE_OUTCOME_VC);
}

static bool is_kept(u64 seq)
{
	const struct rmpe_record *rec = rmpe_records_next(&r, seq - 1);

	return rec && rec->seq == seq && rec->when_ns == seq;
}

static u64 next(u64 seq)
{
	const struct rmpe_record *rec = rmpe_records_next(&r, seq);

	return rec ? rec->seq : 0;
}

static unsigned int nr_kept(void)
{
	unsigned int n = 0;
	u64 seq = 0;

	while ((seq = next(seq)))
		n++;
	return n;
}

static void empty(void **state)
{
	assert_null(rmpe_records_next(&r, 0));
	assert_null(rmpe_records_next(&r, ~0ULL));
	rmpe_records_repeat(&r, 0, 1);
	rmpe_records_repeat(&r, 2 * LEN - 1, 1);
	assert_int_equal(nr_kept(), 0);
}

/* Both are given to us to hold, and let go of again. */
static void assert_sites(u64 seq, const struct rmpe_site *access,
			 const struct rmpe_site *request)
{
	struct rmpe_sites sites = rmpe_records_sites(&r, seq);

	assert_ptr_equal(sites.access, access);
	assert_ptr_equal(sites.request, request);
	rmpe_site_put(sites.access);
	rmpe_site_put(sites.request);
}

static void without_memory(void **state)
{
	unsigned int nth;

	/* Of the two, the first, then the second. */
	for (nth = 1; nth <= 2; nth++) {
		rmpe_records_free(&r);
		unit_fail_alloc(nth);
		assert_int_equal(rmpe_records_prepare(&r), -ENOMEM);
		assert_true(unit_alloc_failed());
		unit_fail_alloc(UNIT_NEVER);
		assert_null(rmpe_records_next(&r, 0));
		rmpe_records_repeat(&r, 0, 0);
		assert_sites(0, NULL, NULL);
		assert_sites(1, NULL, NULL);
	}
	/* As it is, or anew. */
	assert_int_equal(rmpe_records_prepare(&r), 0);
	rmpe_records_free(&r);
	assert_int_equal(rmpe_records_prepare(&r), 0);
	add_act();
	assert_true(is_kept(1));
}

static void memory_is_taken_once(void **state)
{
	const struct rmpe_record *record = r.record;

	assert_int_equal(unit_live_bytes(),
			 2 * LEN * (sizeof(*record) + sizeof(*r.sites)));
	assert_int_equal(unit_uncharged_bytes(), 0);
	unit_fail_alloc(1);
	assert_int_equal(rmpe_records_prepare(&r), 0);
	assert_false(unit_alloc_failed());
	unit_fail_alloc(UNIT_NEVER);
	assert_ptr_equal(r.record, record);
}

static void record_is_kept_as_it_was(void **state)
{
	struct rmpe_record rec;
	const struct rmpe_record *kept;

	memset(&rec, 0x3c, sizeof(rec));
	rec.outcome = RMPE_OUTCOME_NONE;
	rmpe_records_add(&r, &rec);
	assert_int_equal(rec.seq, 1);
	kept = rmpe_records_next(&r, 0);
	assert_ptr_not_equal(kept, &rec);
	assert_memory_equal(kept, &rec, sizeof(rec));
}

static void in_order_of_their_numbers(void **state)
{
	u64 seq;

	add_noise();
	add_act();
	add_noise();
	add_noise();
	add(RMPE_OUTCOME_TERMINATE);
	add_noise();
	for (seq = 0; seq < 6; seq++)
		assert_int_equal(next(seq), seq + 1);
	assert_int_equal(next(6), 0);
	assert_int_equal(next(~0ULL), 0);
}

static void last_32_of_one_kind(void **state)
{
	unsigned int i;

	for (i = 0; i < LEN + 3; i++)
		add_noise();
	assert_int_equal(nr_kept(), LEN);
	assert_int_equal(next(0), 4);
	assert_true(is_kept(LEN + 3));
	assert_false(is_kept(3));
}

/* What was acted upon is not pushed out by noise, nor the other way round. */
static void kinds_do_not_push_each_other_out(void **state)
{
	unsigned int i;

	for (i = 0; i < LEN; i++)
		add_act();
	for (i = 0; i < 1000; i++)
		add_noise();
	for (i = 1; i <= LEN; i++)
		assert_true(is_kept(i));
	assert_int_equal(nr_kept(), 2 * LEN);
	assert_int_equal(next(LEN), 1000 + 1);
	assert_true(is_kept(LEN + 1000));

	add(RMPE_OUTCOME_TERMINATE);
	assert_false(is_kept(1));
	assert_true(is_kept(2));
	for (i = 0; i < 1000; i++)
		add_act();
	assert_int_equal(nr_kept(), 2 * LEN);
	for (i = 1001; i <= 1000 + LEN; i++)
		assert_true(is_kept(i));
}

static u64 repeats(u64 seq)
{
	const struct rmpe_record *rec = rmpe_records_next(&r, seq - 1);

	assert_non_null(rec);
	assert_int_equal(rec->seq, seq);
	return rec->repeats;
}

static void repeats_are_counted(void **state)
{
	unsigned int noise = add_noise(), act = add_act(), other = add_noise();
	unsigned int i;

	for (i = 0; i < 5; i++)
		rmpe_records_repeat(&r, noise, 1);
	rmpe_records_repeat(&r, act, 2);
	assert_int_equal(repeats(1), 5);
	assert_int_equal(repeats(2), 1);
	assert_int_equal(repeats(3), 0);
	/* It is that of another one. */
	rmpe_records_repeat(&r, other, 1);
	rmpe_records_repeat(&r, other, 4);
	assert_int_equal(repeats(3), 0);
}

static void repeat_of_what_was_pushed_out(void **state)
{
	const unsigned int place = add_noise();
	unsigned int i;

	for (i = 0; i < LEN; i++)
		add_noise();
	rmpe_records_repeat(&r, place, 1);
	for (i = 2; i <= LEN + 1; i++)
		assert_int_equal(repeats(i), 0);
}

/* A record for which there was no memory has no number, and no place. */
static void repeat_of_what_was_never_kept(void **state)
{
	rmpe_records_repeat(&r, 0, 0);
	add_act();
	rmpe_records_repeat(&r, 0, 0);
	add_noise();
	rmpe_records_repeat(&r, 0, 0);
	assert_int_equal(repeats(1), 0);
	assert_int_equal(repeats(2), 0);
}

/* What only the list holds from now on. */
static void set_sites(unsigned int place, u64 seq, struct rmpe_site *access,
		      struct rmpe_site *request)
{
	const struct rmpe_told told = { .place = place, .seq = seq };
	const struct rmpe_sites sites = { access, request };

	rmpe_records_set_sites(&r, &told, &sites);
	rmpe_site_put(access);
	rmpe_site_put(request);
}

static void record_gets_its_sites(void **state)
{
	struct rmpe_site *a = new_site(0x1001, 3), *b = new_site(0x2002, 1);
	unsigned int act = add_act(), noise = add_noise(), other = add_noise();
	const struct rmpe_record *rec;

	set_sites(noise, 2, a, NULL);
	set_sites(act, 1, NULL, b);
	set_sites(other, 3, NULL, NULL);
	rec = rmpe_records_next(&r, 1);
	assert_true(rec->has_site);
	assert_int_equal(rec->rip, 0x1001);
	assert_int_equal(rec->cpl, 3);
	assert_false(rec->has_psc_site);
	rec = rmpe_records_next(&r, 0);
	assert_false(rec->has_site);
	assert_true(rec->has_psc_site);
	assert_int_equal(rec->psc_rip, 0x2002);
	assert_int_equal(rec->psc_cpl, 1);
	rec = rmpe_records_next(&r, 2);
	assert_false(rec->has_site);
	assert_false(rec->has_psc_site);
	assert_sites(1, NULL, b);
	assert_sites(2, a, NULL);
	assert_sites(3, NULL, NULL);
	assert_sites(4, NULL, NULL);
	assert_sites(0, NULL, NULL);
}

/* One may be that of several records, and of others besides. */
static void site_of_several_records(void **state)
{
	struct rmpe_site *site = new_site(1, 0);
	unsigned int first = add_noise(), second = add_act();

	set_sites(first, 1, rmpe_site_get(site), rmpe_site_get(site));
	set_sites(second, 2, rmpe_site_get(site), NULL);
	rmpe_records_free(&r);
	assert_int_equal(site->reg[RMPE_REG_RIP], 1);
	rmpe_site_put(site);
	assert_int_equal(unit_live_objects(), 0);
}

/* Whoever reads them meanwhile has them for as long as he likes. */
static void pushed_out_record_lets_go_of_its_sites(void **state)
{
	const size_t before = unit_live_objects();
	struct rmpe_sites held;
	unsigned int i;

	set_sites(add_noise(), 1, new_site(1, 0), new_site(2, 0));
	set_sites(add_act(), 2, new_site(3, 0), new_site(4, 0));
	held = rmpe_records_sites(&r, 1);
	for (i = 0; i < LEN - 1; i++)
		add_noise();
	assert_int_equal(unit_live_objects(), before + 4);
	add_noise();
	assert_sites(1, NULL, NULL);
	assert_int_equal(held.access->reg[RMPE_REG_RIP], 1);
	rmpe_site_put(held.access);
	assert_int_equal(held.request->reg[RMPE_REG_RIP], 2);
	rmpe_site_put(held.request);
	assert_int_equal(unit_live_objects(), before + 2);
	for (i = 0; i < LEN; i++)
		add_act();
	assert_int_equal(unit_live_objects(), before);
	assert_sites(2, NULL, NULL);
}

/* The firmware took its time. */
static void sites_of_what_was_pushed_out(void **state)
{
	const size_t before = unit_live_objects();
	unsigned int place = add_noise(), i;

	for (i = 0; i < LEN; i++)
		add_noise();
	set_sites(place, 1, new_site(1, 0), new_site(2, 0));
	assert_int_equal(unit_live_objects(), before);
	assert_sites(1, NULL, NULL);
	assert_sites(LEN + 1, NULL, NULL);
	for (i = 1; i <= LEN; i++)
		assert_false(rmpe_records_next(&r, i)->has_site);
}

/* There was no memory for its record. */
static void sites_of_what_was_never_kept(void **state)
{
	const size_t before = unit_live_objects();

	set_sites(0, 0, new_site(1, 0), NULL);
	add_noise();
	set_sites(0, 0, new_site(1, 0), NULL);
	assert_int_equal(unit_live_objects(), before);
	assert_sites(1, NULL, NULL);
	rmpe_records_free(&r);
	set_sites(0, 0, new_site(1, 0), NULL);
	assert_int_equal(unit_live_objects(), 0);
}

/* Against a list of all of them. */
#define TOTAL	3000

static void random_records(void **state)
{
	static struct {
		bool act;
		unsigned int place;
		u64 repeats;
		struct rmpe_site *access, *request;
	} all[TOTAL + 1];
	u64 n, seq;

	memset(all, 0, sizeof(all));
	for (n = 1; n <= TOTAL; n++) {
		unsigned int kept[2] = { }, i;
		u64 above = 0;

		all[n].act = !random_below(n % 500 < 250 ? 3 : 30);
		all[n].place = add(all[n].act ? RMPE_OUTCOME_VC : RMPE_OUTCOME_NONE);
		for (i = random_below(4); i > 0; i--) {
			seq = n - random_below(n < 100 ? n : 100);
			rmpe_records_repeat(&r, all[seq].place, seq);
			all[seq].repeats++;
		}
		if (!random_below(2))
			all[n].access = new_site(n, 0);
		if (!random_below(2))
			all[n].request = new_site(2 * n, 0);
		set_sites(all[n].place, n, all[n].access, all[n].request);
		for (seq = n; n % 16 == 0 && seq > 0; seq--) {
			if (kept[all[seq].act]++ >= LEN) {
				assert_int_equal(next(seq - 1), above);
				assert_sites(seq, NULL, NULL);
				continue;
			}
			assert_int_equal(next(seq - 1), seq);
			assert_int_equal(repeats(seq), all[seq].repeats);
			assert_sites(seq, all[seq].access, all[seq].request);
			above = seq;
		}
	}
	rmpe_records_free(&r);
	assert_int_equal(nr_kept(), 0);
	assert_int_equal(rmpe_records_prepare(&r), 0);
	add_noise();
	assert_true(is_kept(1));
}

#define records_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		records_test(empty),
		records_test(without_memory),
		records_test(memory_is_taken_once),
		records_test(record_is_kept_as_it_was),
		records_test(in_order_of_their_numbers),
		records_test(last_32_of_one_kind),
		records_test(kinds_do_not_push_each_other_out),
		records_test(repeats_are_counted),
		records_test(repeat_of_what_was_pushed_out),
		records_test(repeat_of_what_was_never_kept),
		records_test(record_gets_its_sites),
		records_test(site_of_several_records),
		records_test(pushed_out_record_lets_go_of_its_sites),
		records_test(sites_of_what_was_pushed_out),
		records_test(sites_of_what_was_never_kept),
		records_test(random_records),
	};

	random_seed();
	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
