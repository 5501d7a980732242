// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSCs that are not answered yet, and what did not wait for them.
 */
#include "one_guest.h"

#include "in_flight.h"

#define FIRST	(&guest.vcpu[0])
#define LAST	(&guest.vcpu[3])

static struct rmpe_psc *psc_of(const struct kvm_vcpu *vcpu)
{
	return &guest.vm->vcpus[vcpu->vcpu_idx]->psc;
}

static struct rmpe_psc *in_flight(gfn_t gfn, bool to_private, u64 since)
{
	struct rmpe_psc *psc;

	mutex_lock(&guest.vm->lock);
	psc = rmpe_in_flight(guest.vm, gfn, to_private, since);
	mutex_unlock(&guest.vm->lock);
	return psc;
}

static void nobody_asks(void **state)
{
	assert_null(in_flight(A, true, U64_MAX));
	guest_psc(VCPU, A, 1, true);
	assert_null(in_flight(A, true, U64_MAX));
	assert_null(in_flight(A, false, U64_MAX));
}

/* On whichever vCPU; others may not have been met. */
static void one_asks(void **state)
{
	guest_asks(LAST, A, 1, true);
	assert_null(guest.vm->vcpus[0]);
	assert_ptr_equal(in_flight(A, true, U64_MAX), psc_of(LAST));
	guest_asks(FIRST, A + 1, 1, true);
	assert_ptr_equal(in_flight(A + 1, true, U64_MAX), psc_of(FIRST));
	assert_ptr_equal(in_flight(A, true, U64_MAX), psc_of(LAST));
	vmm_answers(LAST, 0);
	assert_null(in_flight(A, true, U64_MAX));
	assert_ptr_equal(in_flight(A + 1, true, U64_MAX), psc_of(FIRST));
}

static void range_and_direction(void **state)
{
	guest_asks(VCPU, A, 3, false);
	assert_null(in_flight(A - 1, false, U64_MAX));
	assert_ptr_equal(in_flight(A, false, U64_MAX), psc_of(VCPU));
	assert_ptr_equal(in_flight(A + 2, false, U64_MAX), psc_of(VCPU));
	assert_null(in_flight(A + 3, false, U64_MAX));
	assert_null(in_flight(A, true, U64_MAX));
	/* To the end of all numbers, and none at all. */
	guest_asks(VCPU, HIGH, -1ULL, true);
	assert_ptr_equal(in_flight(HIGH, true, U64_MAX), psc_of(VCPU));
	assert_ptr_equal(in_flight(HIGH_END, true, U64_MAX), psc_of(VCPU));
	assert_null(in_flight(HIGH - 1, true, U64_MAX));
	assert_null(in_flight(HIGH - 2, true, U64_MAX));
	guest_asks(VCPU, A, 0, true);
	assert_null(in_flight(A, true, U64_MAX));
}

/* One that was asked for later does not count. */
static void among_the_first(void **state)
{
	guest_psc(VCPU, A + 9, 1, true);
	guest_asks(VCPU, A, 1, true);
	assert_null(in_flight(A, true, 0));
	assert_null(in_flight(A, true, 1));
	assert_ptr_equal(in_flight(A, true, 2), psc_of(VCPU));
	assert_ptr_equal(in_flight(A, true, 3), psc_of(VCPU));
	/* Of two the one that does. */
	guest_asks(FIRST, A, 1, true);
	assert_ptr_equal(in_flight(A, true, 2), psc_of(VCPU));
}

static struct rmpe_early early_of(gpa_t gpa, int vcpu)
{
	return (struct rmpe_early){
		.gpa = gpa,
		.error_code = PFERR_GUEST_ENC_MASK | PFERR_WRITE_MASK,
		.psc_requests = atomic64_read(&guest.vm->psc_requests),
		.vcpu = vcpu,
		.mode = RMPE_MODE_STRICT,
	};
}

static void remember(struct kvm_vcpu *vcpu, gpa_t gpa, int id)
{
	struct rmpe_early e = early_of(gpa, id);

	rmpe_in_flight_remember(psc_of(vcpu), &e);
}

static void remembers_each_once(void **state)
{
	struct rmpe_psc *psc;

	guest_asks(VCPU, A, 4, true);
	psc = psc_of(VCPU);
	remember(VCPU, (A << PAGE_SHIFT) + 8, 7);
	assert_int_equal(psc->nr_early, 1);
	assert_int_equal(psc->early[0].gpa, (A << PAGE_SHIFT) + 8);
	assert_int_equal(psc->early[0].error_code, PFERR_GUEST_ENC_MASK | PFERR_WRITE_MASK);
	assert_int_equal(psc->early[0].psc_requests, 1);
	assert_int_equal(psc->early[0].vcpu, 7);
	assert_int_equal(psc->early[0].mode, RMPE_MODE_STRICT);
	/* Anywhere in the page; the first stays. */
	remember(VCPU, (A << PAGE_SHIFT) + 0xff8, 7);
	assert_int_equal(psc->nr_early, 1);
	assert_int_equal(psc->early[0].gpa, (A << PAGE_SHIFT) + 8);
	/* Another vCPU, and another page, beyond 32 bits too. */
	remember(VCPU, A << PAGE_SHIFT, 8);
	assert_int_equal(psc->nr_early, 2);
	remember(VCPU, (A + 1) << PAGE_SHIFT, 7);
	assert_int_equal(psc->nr_early, 3);
	remember(VCPU, (A + (1ULL << 32)) << PAGE_SHIFT, 7);
	assert_int_equal(psc->nr_early, 4);
	/* Any of those that it has, not only the first. */
	remember(VCPU, (A + 1) << PAGE_SHIFT, 7);
	assert_int_equal(psc->nr_early, 4);
	assert_int_equal(psc->early[3].gpa, (A + (1ULL << 32)) << PAGE_SHIFT);
}

static void remembers_so_many(void **state)
{
	struct rmpe_psc *psc;
	gfn_t gfn;

	guest_asks(VCPU, A, 64, true);
	psc = psc_of(VCPU);
	for (gfn = A; gfn < A + RMPE_NR_EARLY; gfn++) {
		remember(VCPU, gfn << PAGE_SHIFT, 7);
		assert_int_equal(psc->nr_early, gfn - A + 1);
	}
	remember(VCPU, gfn << PAGE_SHIFT, 7);
	assert_int_equal(psc->nr_early, RMPE_NR_EARLY);
	assert_int_equal(psc->early[RMPE_NR_EARLY - 1].gpa, (gfn - 1) << PAGE_SHIFT);
	assert_null(psc->site);
}

/* An access that KVM has resolved as @private, and no PSC made right. */
static void settle_at(gpa_t gpa, bool private)
{
	struct rmpe_early e = early_of(gpa, 9);

	kvm_vcpu_srcu_read_lock(VCPU);
	mutex_lock(&guest.vm->lock);
	rmpe_in_flight_settle(guest.vm, &guest.kvm, &e, private);
	mutex_unlock(&guest.vm->lock);
	kvm_vcpu_srcu_read_unlock(VCPU);
}

static void settle(gfn_t gfn, bool private)
{
	settle_at((gfn << PAGE_SHIFT) + 0x123, private);
}

static void assert_told(u64 nr, enum rmpe_class class)
{
	assert_int_equal(guest_records(), nr);
	assert_int_equal(guest_record().verdict.class, class);
	assert_int_equal(guest.vm->counters.class[class], 1);
	assert_int_equal(atomic64_read(&rmpe_totals.class[class]), 1);
}

static void settled_by_what_was_asked(void **state)
{
	guest_psc(VCPU, A, 1, true);
	guest_psc(VCPU, A + 1, 1, false);
	settle(HIGH, true);
	assert_told(1, RMPE_CLASS_FIRST_TOUCH);
	settle(HIGH, false);
	assert_told(2, RMPE_CLASS_INITIAL_SHARED);
	settle(A, false);
	assert_told(3, RMPE_CLASS_IMPLICIT_SHARED);
	settle(A + 1, true);
	assert_told(4, RMPE_CLASS_IMPLICIT_PRIVATE);
	/* In order after all. */
	settle(A, true);
	settle(A + 1, false);
	assert_int_equal(guest_records(), 4);
	assert_int_equal(guest.vm->counters.class[RMPE_CLASS_NONE], 0);
}

static void told_as_it_was(void **state)
{
	struct rmpe_record rec;

	settle(HIGH, true);
	rec = guest_record();
	assert_int_equal(rec.gpa, (HIGH << PAGE_SHIFT) + 0x123);
	assert_int_equal(rec.error_code, PFERR_GUEST_ENC_MASK | PFERR_WRITE_MASK);
	assert_int_equal(rec.vcpu, 9);
	assert_int_equal(rec.mode, RMPE_MODE_STRICT);
	assert_true(rec.attr_private);
	assert_int_equal(rec.violations, 1);
	assert_int_equal(rec.verdict.expected, RMPE_EXPECT_INITIAL);
	assert_int_equal(rec.verdict.source, RMPE_SOURCE_NONE);
	/* Too late to act upon it. */
	assert_int_equal(rec.outcome, RMPE_OUTCOME_NONE);
	assert_int_equal(fake_kvm.nr_requests, 0);
	assert_int_equal(guest.vm->counters.enforced, 0);
	assert_int_equal(host.traced, 1);
	assert_int_equal(guest.site_looks, 0);

	/* The mode is the one that was in force, whatever it is now. */
	rmpe_global.mode = RMPE_MODE_LENIENT;
	settle_at((HIGH << PAGE_SHIFT) + 0x456, false);
	rec = guest_record();
	assert_int_equal(rec.mode, RMPE_MODE_STRICT);
	assert_false(rec.attr_private);
	assert_int_equal(rec.violations, 2);
}

static void not_told(void **state)
{
	guest.vm->settings.mode = RMPE_MODE_OFF;
	settle(HIGH, true);
	guest.vm->settings.mode = RMPE_MODE_INHERIT;
	/* Nothing is known of it then, and KVM's attribute is as the access. */
	guest.vm->history_state = RMPE_HISTORY_PARTIAL;
	settle(HIGH, true);
	settle(HIGH, false);
	guest.vm->history_state = RMPE_HISTORY_LOST;
	settle(HIGH, true);
	assert_int_equal(guest_records(), 0);
	guest.vm->history_state = RMPE_HISTORY_PARTIAL;
	guest_psc(VCPU, HIGH, 1, false);
	settle(HIGH, true);
	assert_told(1, RMPE_CLASS_IMPLICIT_PRIVATE);
}

/* Another one may make it right yet: if it was there before, and asks for the same. */
static void settled_by_another_one_later(void **state)
{
	guest_asks(LAST, A, 2, true);
	settle(A, true);
	assert_int_equal(guest_records(), 0);
	assert_int_equal(psc_of(LAST)->nr_early, 1);
	assert_int_equal(psc_of(LAST)->early[0].vcpu, 9);
	settle(A, false);
	assert_told(1, RMPE_CLASS_INITIAL_SHARED);
	settle(A + 2, true);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH);
	assert_int_equal(psc_of(LAST)->nr_early, 1);
}

static void settled_although_another_one_came(void **state)
{
	struct rmpe_early e = early_of(A << PAGE_SHIFT, 9);

	guest_asks(LAST, A, 2, true);
	kvm_vcpu_srcu_read_lock(VCPU);
	mutex_lock(&guest.vm->lock);
	rmpe_in_flight_settle(guest.vm, &guest.kvm, &e, true);
	mutex_unlock(&guest.vm->lock);
	kvm_vcpu_srcu_read_unlock(VCPU);
	assert_told(1, RMPE_CLASS_FIRST_TOUCH);
	assert_int_equal(psc_of(LAST)->nr_early, 0);
}

/* Only what KVM has resolved, and as the PSC would have made it. */
static void refused(void **state)
{
	guest_asks(VCPU, A, 8, true);
	remember(VCPU, A << PAGE_SHIFT, 1);
	remember(VCPU, (A + 1) << PAGE_SHIFT, 2);
	remember(VCPU, (A + 2) << PAGE_SHIFT, 3);
	remember(VCPU, (A + 3) << PAGE_SHIFT, 4);
	set_used(A, RMPE_PAGE_PRIVATE);
	set_used(A + 2, RMPE_PAGE_SHARED);
	set_used(A + 3, RMPE_PAGE_PRIVATE);
	vmm_answers(VCPU, 1);
	assert_int_equal(guest_records(), 2);
	assert_int_equal(guest_record().vcpu, 4);
	assert_int_equal(guest_record().gpa, (A + 3) << PAGE_SHIFT);
	assert_true(guest_record().attr_private);
	assert_int_equal(guest.vm->counters.class[RMPE_CLASS_FIRST_TOUCH], 2);
}

static void refused_to_shared(void **state)
{
	guest_psc(VCPU, A, 8, true);
	guest_asks(VCPU, A, 8, false);
	remember(VCPU, A << PAGE_SHIFT, 1);
	remember(VCPU, (A + 1) << PAGE_SHIFT, 1);
	set_used(A, RMPE_PAGE_SHARED);
	set_used(A + 1, RMPE_PAGE_PRIVATE);
	vmm_answers(VCPU, 1);
	assert_told(1, RMPE_CLASS_IMPLICIT_SHARED);
	assert_false(guest_record().attr_private);
}

/* It waits for the other one then, and is told when that is refused as well. */
static void refused_twice(void **state)
{
	guest_asks(VCPU, A, 1, true);
	guest_asks(LAST, A, 1, true);
	remember(VCPU, A << PAGE_SHIFT, 1);
	set_used(A, RMPE_PAGE_PRIVATE);
	vmm_answers(VCPU, 1);
	assert_int_equal(guest_records(), 0);
	vmm_answers(LAST, 1);
	assert_told(1, RMPE_CLASS_FIRST_TOUCH);
}

static void refused_then_completed(void **state)
{
	guest_asks(VCPU, A, 1, true);
	guest_asks(LAST, A, 1, true);
	remember(VCPU, A << PAGE_SHIFT, 1);
	set_used(A, RMPE_PAGE_PRIVATE);
	vmm_answers(VCPU, 1);
	vmm_answers(LAST, 0);
	assert_int_equal(guest_records(), 0);
	assert_int_equal(guest_asked(A), RMPE_PAGE_PRIVATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(nobody_asks),
		GUEST_TEST(one_asks),
		GUEST_TEST(range_and_direction),
		GUEST_TEST(among_the_first),
		GUEST_TEST(remembers_each_once),
		GUEST_TEST(remembers_so_many),
		GUEST_TEST(settled_by_what_was_asked),
		GUEST_TEST(told_as_it_was),
		GUEST_TEST(not_told),
		GUEST_TEST(settled_by_another_one_later),
		GUEST_TEST(settled_although_another_one_came),
		GUEST_TEST(refused),
		GUEST_TEST(refused_to_shared),
		GUEST_TEST(refused_twice),
		GUEST_TEST(refused_then_completed),
	};

	return cmocka_run_group_tests_name("in_flight", tests, NULL, NULL);
}
