// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses that a PSC in flight would make right, and what is known once KVM has resolved
 * an access.
 */
#include "guest_access.h"

#include <linux/jiffies.h>

#include <unit/alloc.h>
#include <unit/mutex.h>

#include "backing.h"
#include "progress.h"
#include "suspect.h"

static struct rmpe_psc *others_psc(void)
{
	return &guest.vm->vcpus[OTHER->vcpu_idx]->psc;
}

/* Where the guest might be found guilty the vCPU waits for the answer. */
static void waits(void **state)
{
	int i;

	fake_kvm.answer = 1;
	guest_asks(OTHER, A, 1, true);
	for (i = 0; i < 3; i++)
		assert_int_equal(touch(A, true), RETRIED);
	assert_told(1, RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE);
	assert_int_equal(guest.vm->counters.repeated, 0);
	assert_int_equal(others_psc()->nr_early, 0);
	vmm_answers(OTHER, 0);
	fake_kvm.calls = 0;
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest.vm->counters.enforced, 0);
}

/* It has waited long enough then. */
static void waits_in_vain(void **state)
{
	guest_asks(OTHER, A, 1, true);
	touch(A, true);
	touch(A, true);
	vmm_answers(OTHER, 1);
	assert_int_equal(touch(A, true), RETRIED);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_VC);
	assert_true(guest_record().has_refused);
	assert_true(VCPU->arch.exception.pending);
}

/* Where nothing is to be done about it KVM resolves it, and the PSC remembers. */
static void does_not_wait(enum rmpe_mode mode, u64 ret)
{
	const struct rmpe_early *e;

	fake_kvm.answer = 1;
	fake_set_private(A, true);
	guest_psc(OTHER, A + 1, 1, true);
	guest_asks(OTHER, A, 1, true);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_told(1, RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE);
	assert_int_equal(guest_used(A), RMPE_PAGE_PRIVATE);
	assert_int_equal(others_psc()->nr_early, 1);
	e = &others_psc()->early[0];
	assert_int_equal(e->gpa, (A << PAGE_SHIFT) + 0x123);
	assert_int_equal(e->error_code, PFERR_GUEST_FINAL_MASK | PFERR_GUEST_ENC_MASK);
	assert_int_equal(e->psc_requests, 2);
	assert_int_equal(e->vcpu, VCPU->vcpu_id);
	assert_int_equal(e->mode, mode);
	vmm_answers(OTHER, ret);
}

/* Also if KVM does not do so at once. */
static void remembered_before_it_is_resolved(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = -EFAULT;
	guest_asks(OTHER, A, 1, true);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(others_psc()->nr_early, 1);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	vmm_answers(OTHER, 1);
	assert_int_equal(guest_records(), 1);
}

static void lenient_completed(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	does_not_wait(RMPE_MODE_LENIENT, 0);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
}

static void lenient_refused(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	does_not_wait(RMPE_MODE_LENIENT, 1);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE);
}

/* By the class that it would have without the PSC. */
static void reported_class_does_not_wait(void **state)
{
	set_policy(RMPE_CLASS_FIRST_TOUCH, RMPE_POLICY_REPORT);
	does_not_wait(RMPE_MODE_STRICT, 1);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE);
}

static void enforced_class(void **state)
{
	set_policy(RMPE_CLASS_IN_FLIGHT, RMPE_POLICY_ENFORCE);
	guest_asks(OTHER, A, 1, true);
	assert_int_equal(touch(A, true), RETRIED);
	assert_int_equal(guest_records(), 0);
	assert_int_equal(touch(A, true), RETRIED);
	assert_told(1, RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_VC);
	/* With that, it comes again, and counts. */
	VCPU->arch.exception.pending = false;
	touch(A, true);
	assert_int_equal(guest.vm->counters.repeated, 1);
}

/* It was asked for; a PSC that is under way takes it back. */
static void taken_back(void **state)
{
	guest_psc(VCPU, A, 1, true);
	guest_asks(OTHER, A, 1, false);
	fake_kvm.answer = -EFAULT;
	assert_int_equal(touch(A, true), RESOLVED);
	assert_told(1, RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE);
	assert_int_equal(others_psc()->nr_early, 0);
	assert_int_equal(guest.vm->counters.class[RMPE_CLASS_HOST], 0);
	/* The same, of a shared page. */
	vmm_answers(OTHER, 0);
	fake_set_private(A, true);
	guest_asks(OTHER, A, 1, true);
	fake_kvm.answer = -EFAULT;
	assert_int_equal(touch(A, false), RESOLVED);
	assert_told(2, RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE);
}

/* To shared, by the PSC of that direction. */
static void shared_in_flight(void **state)
{
	guest_psc(VCPU, A, 1, true);
	guest_asks(&guest.vcpu[3], A, 1, true);
	guest_asks(OTHER, A, 1, false);
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 1;
	assert_int_equal(touch(A, false), RESOLVED);
	assert_told(1, RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE);
	assert_int_equal(others_psc()->nr_early, 1);
	assert_int_equal(guest.vm->vcpus[3]->psc.nr_early, 0);
}

/* One that asks for something else, or later than the access. */
static void not_in_flight(void **state)
{
	guest_asks(OTHER, A, 1, false);
	assert_int_equal(touch(A, true), RETRIED);
	assert_int_equal(touch(A, true), RETRIED);
	assert_told(1, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_VC);
	VCPU->arch.exception.pending = false;
	vmm_answers(OTHER, 1);

	touch(A + 1, true);
	guest_asks(OTHER, A + 1, 1, true);
	assert_int_equal(touch(A + 1, true), RETRIED);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_VC);
	VCPU->arch.exception.pending = false;
	vmm_answers(OTHER, 1);

	guest_psc(VCPU, A + 2, 1, true);
	touch(A + 2, false);
	guest_asks(OTHER, A + 2, 1, false);
	assert_int_equal(touch(A + 2, false), RETRIED);
	assert_told(3, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_VC);
}

static u64 meanwhile_ret;

static void answer_meanwhile(struct kvm_vcpu *vcpu)
{
	fake_kvm.meanwhile = NULL;
	vmm_answers(OTHER, meanwhile_ret);
	fake_kvm.calls--;
}

/* The answer comes while KVM resolves it. */
static void answered_meanwhile(u64 ret)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 1;
	fake_set_private(A, true);
	guest_asks(OTHER, A, 1, true);
	meanwhile_ret = ret;
	fake_kvm.meanwhile = answer_meanwhile;
	assert_int_equal(touch(A, true), RESOLVED);
}

static void refused_meanwhile(void **state)
{
	answered_meanwhile(1);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE);
	assert_int_equal(guest_record().vcpu, VCPU->vcpu_id);
	assert_int_equal(guest_record().mode, RMPE_MODE_LENIENT);
	assert_int_equal(guest_used(A), RMPE_PAGE_PRIVATE);
}

static void completed_meanwhile(void **state)
{
	answered_meanwhile(0);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
}

static void change_attribute(struct kvm_vcpu *vcpu)
{
	fake_set_private(A, false);
}

/* KVM's attribute shows how the page is used; or it is not known. */
static void used_by_attribute(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 1;
	fake_set_private(A, true);
	fake_kvm.meanwhile = change_attribute;
	touch(A, true);
	touch(A, true);
	assert_told(1, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	/* It goes on. */
	touch(A, true);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest.vm->counters.repeated, 1);
}

/* A suspect goes with its access: what comes after that is a new one. */
static void suspect_goes(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 1;
	fake_set_private(A, true);
	touch(A, true);
	touch(A, true);
	assert_int_equal(guest_used(A), RMPE_PAGE_PRIVATE);
	fake_set_private(A, false);
	rmpe_global.mode = RMPE_MODE_STRICT;
	assert_int_equal(touch(A, true), RETRIED);
	assert_int_equal(guest_records(), 1);
	assert_false(VCPU->arch.exception.pending);
}

static void convert(struct kvm_vcpu *vcpu)
{
	fake_set_private(A, true);
}

static void slot_comes(struct kvm_vcpu *vcpu)
{
	convert(vcpu);
	mutex_lock(&guest.vm->lock);
	guest.vm->coming = rmpe_backing_of(&guest.slot[0]);
	rmpe_vm_update_watch(guest.vm);
	mutex_unlock(&guest.vm->lock);
}

/* Other pages have come while KVM resolved it: what is used is one of these. */
static void used_of_new_slot(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	guest_psc(VCPU, A, 2, false);
	fake_kvm.answer = 1;
	touch(A, true);
	fake_kvm.meanwhile = slot_comes;
	touch(A, true);
	assert_told(1, RMPE_CLASS_IMPLICIT_PRIVATE, RMPE_OUTCOME_NONE);
	assert_int_equal(guest.vm->coming.end, 0);
	assert_int_equal(guest_asked(A), RMPE_PAGE_NONE);
	assert_int_equal(guest_asked(A + 1), RMPE_PAGE_NONE);
	assert_int_equal(guest_used(A), RMPE_PAGE_PRIVATE);
}

/* By one that has done nothing else yet. */
static void used_by_unknown_vcpu(void **state)
{
	rmpe_global.mode = RMPE_MODE_OFF;
	fake_kvm.answer = 1;
	assert_int_equal(touch(A, false), RESOLVED);
	assert_null(guest.vm->vcpus[1]);
	assert_int_equal(guest_used(A), RMPE_PAGE_SHARED);
}

static void used_by_history(void **state)
{
	guest.vm->history_state = RMPE_HISTORY_PARTIAL;
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 1;
	touch(A, true);
	touch(A, true);
	assert_int_equal(guest_records(), 1);
	fake_set_private(A, true);
	touch(A, true);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	/* The same, if its attribute follows while KVM resolves it. */
	fake_set_private(A, false);
	touch(A, true);
	fake_kvm.meanwhile = convert;
	touch(A, true);
	fake_kvm.meanwhile = NULL;
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	guest_psc(VCPU, A, 1, false);
	touch(A, true);
	touch(A, true);
	assert_int_equal(guest_used(A), RMPE_PAGE_PRIVATE);
}

/* What was taken away stays so until it is private again. */
static void used_and_discarded(void **state)
{
	guest_psc(VCPU, A, 1, true);
	discard(A);
	discard(A + 1);
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 1;
	touch(A, false);
	touch(A, false);
	assert_told(1, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_NONE);
	assert_int_equal(guest_used(A), RMPE_PAGE_SHARED);
	assert_int_equal(guest.vm->watch, RMPE_WATCH_HOLES | RMPE_WATCH_USED);
	fake_set_private(A, true);
	touch(A, true);
	touch(A, true);
	assert_told(2, RMPE_CLASS_HOST, RMPE_OUTCOME_NONE);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	assert_int_equal(guest.vm->holes.nr, 1);
}

/* That others did wrong keeps nobody waiting. */
static void no_lock_for_what_is_right(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_set_private(A, true);
	set_used(A + 5, RMPE_PAGE_SHARED);
	fake_kvm.answer = -EFAULT;
	unit_before_lock = guest_fail_at_lock;
	assert_int_equal(touch(A, true), RESOLVED);
	unit_before_lock = NULL;
}

static void tell_vmm(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_MEMORY_FAULT;
}

static void unbacked(void **state)
{
	struct rmpe_record rec;

	fake_kvm.answer = -EFAULT;
	fake_kvm.meanwhile = tell_vmm;
	assert_int_equal(touch(DEVICE, true), RESOLVED);
	rec = assert_told(1, RMPE_CLASS_UNBACKED, RMPE_OUTCOME_NONE);
	assert_int_equal(rec.gpa, (DEVICE << PAGE_SHIFT) + 0x123);
	assert_int_equal(rec.vcpu, VCPU->vcpu_id);
	assert_int_equal(rec.mode, RMPE_MODE_STRICT);
	assert_int_equal(guest.vm->counters.class[RMPE_CLASS_UNBACKED], 1);
	assert_int_equal(guest.site_looks, 1);
	assert_int_equal(touch(DEVICE, true), RESOLVED);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest.vm->counters.repeated, 1);
	touch(DEVICE + 1, true);
	assert_int_equal(guest_records(), 2);
	/* After other things it is another one. */
	VCPU->stat.exits += 1000;
	touch(DEVICE, true);
	assert_int_equal(guest_records(), 3);

	unit_fail_alloc(1);
	assert_int_equal(touch_with(OTHER, DEVICE, true, 0), RESOLVED);
	assert_true(unit_alloc_failed());
	assert_int_equal(guest_records(), 3);
}

static void fault_for_long(void)
{
	unsigned int i;

	for (i = 0; i < 6 * RMPE_LOOK_EVERY; i++) {
		touch(A, true);
		jiffies += HZ / 50;
	}
}

/* Only if it is in order. */
static void no_progress(void **state)
{
	struct rmpe_record rec;

	guest_psc(VCPU, A, 1, true);
	fake_kvm.answer = 1;
	fault_for_long();
	assert_int_equal(guest_records(), 0);
	fake_set_private(A, true);
	guest_psc(VCPU, A, 1, true);
	fault_for_long();
	rec = assert_told(1, RMPE_CLASS_NO_PROGRESS, RMPE_OUTCOME_NONE);
	assert_int_equal(rec.vcpu, VCPU->vcpu_id);
	assert_int_equal(rec.mode, RMPE_MODE_STRICT);
	assert_true(rec.attr_private);
	assert_int_equal(rec.violations, 1);
	assert_int_equal(guest.vm->counters.class[RMPE_CLASS_NO_PROGRESS], 1);
	assert_int_equal(guest.site_looks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(waits),
		GUEST_TEST(waits_in_vain),
		GUEST_TEST(remembered_before_it_is_resolved),
		GUEST_TEST(lenient_completed),
		GUEST_TEST(lenient_refused),
		GUEST_TEST(reported_class_does_not_wait),
		GUEST_TEST(enforced_class),
		GUEST_TEST(taken_back),
		GUEST_TEST(shared_in_flight),
		GUEST_TEST(not_in_flight),
		GUEST_TEST(refused_meanwhile),
		GUEST_TEST(completed_meanwhile),
		GUEST_TEST(used_by_attribute),
		GUEST_TEST(suspect_goes),
		GUEST_TEST(used_of_new_slot),
		GUEST_TEST(used_by_unknown_vcpu),
		GUEST_TEST(used_by_history),
		GUEST_TEST(used_and_discarded),
		GUEST_TEST(no_lock_for_what_is_right),
		GUEST_TEST(unbacked),
		GUEST_TEST(no_progress),
	};

	return cmocka_run_group_tests_name("enforce_wait", tests, NULL, NULL);
}
