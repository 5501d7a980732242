// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a fault to a verdict, and what is done about it.
 */
#include "guest_access.h"

#include <asm/trapnr.h>

#include <unit/alloc.h>
#include <unit/mutex.h>

#include "action.h"
#include "enforce.h"

#define MAX_INJECTIONS	16

/* An exception that was queued is delivered, and its handler comes back to the access. */
static void deliver(void)
{
	assert_true(VCPU->arch.exception.pending);
	assert_int_equal(VCPU->arch.exception.vector, X86_TRAP_VC);
	VCPU->arch.exception = (struct kvm_queued_exception){ };
}

static enum came_of_it touch_twice(gfn_t gfn, bool private)
{
	assert_int_equal(touch(gfn, private), RETRIED);
	return touch(gfn, private);
}

/* A first mismatch may be no more than another vCPU's change. */
static void injected(void **state)
{
	struct rmpe_record rec;

	fake_kvm.answer = 1;
	assert_int_equal(touch(HIGH, true), RETRIED);
	assert_int_equal(guest_records(), 0);
	assert_false(VCPU->arch.exception.pending);
	assert_int_equal(touch(HIGH, true), RETRIED);
	deliver();
	rec = assert_told(1, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_VC);
	assert_int_equal(rec.vcpu, VCPU->vcpu_id);
	assert_int_equal(rec.gpa, (HIGH << PAGE_SHIFT) + 0x123);
	assert_int_equal(rec.error_code, PFERR_GUEST_FINAL_MASK | PFERR_GUEST_ENC_MASK);
	assert_int_equal(rec.mode, RMPE_MODE_STRICT);
	assert_false(rec.attr_private);
	assert_false(rec.launched);
	assert_int_equal(rec.violations, 1);
	assert_int_equal(rec.escalated, RMPE_ESCALATED_NO);
	assert_int_equal(guest.vm->counters.enforced, 1);
	assert_int_equal(guest.vm->counters.vc_injected, 1);
	assert_int_equal(guest.vm->counters.class[RMPE_CLASS_FIRST_TOUCH], 1);
	assert_int_equal(atomic64_read(&rmpe_totals.enforced), 1);
	assert_int_equal(atomic64_read(&rmpe_totals.vc_injected), 1);
	assert_int_equal(guest_used(HIGH), RMPE_PAGE_NONE);
	/* Where it was is looked at, without any lock. */
	assert_int_equal(guest.site_looks, 1);
	assert_ptr_equal(guest.site_vcpu, VCPU);
	assert_int_equal(host.printed, 1);
}

/* A handler that comes back to it again and again gets nowhere. */
static void injected_without_progress(void **state)
{
	struct rmpe_record rec;
	int i;

	touch(A, true);
	for (i = 0; i < MAX_INJECTIONS; i++) {
		assert_int_equal(touch(A, true), RETRIED);
		deliver();
	}
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest.vm->counters.vc_injected, MAX_INJECTIONS);
	assert_int_equal(guest.vm->counters.repeated, MAX_INJECTIONS - 1);
	assert_int_equal(guest_record().repeats, MAX_INJECTIONS - 1);

	assert_int_equal(touch(A, true), CRASHED);
	rec = assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_TERMINATE);
	assert_int_equal(rec.escalated, RMPE_ESCALATED_NO_PROGRESS);
	assert_int_equal(rec.violations, 2);
	assert_int_equal(guest.vm->counters.vc_injected, MAX_INJECTIONS);
	assert_int_equal(guest.vm->counters.enforced, 2);
	assert_false(VCPU->arch.exception.pending);
}

/* What is in the way comes before that. */
static void escalated_without_progress(void **state)
{
	int i;

	touch(A, true);
	for (i = 0; i < MAX_INJECTIONS; i++) {
		touch(A, true);
		deliver();
	}
	VCPU->arch.interrupt.injected = true;
	assert_int_equal(touch(A, true), CRASHED);
	assert_int_equal(guest_record().escalated, RMPE_ESCALATED_EVENT_PENDING);
}

/* It got somewhere in between: the page is another vCPU's, or a PSC was completed. */
static void injected_anew(void **state)
{
	int i;

	for (i = 0; i < 2 * MAX_INJECTIONS; i++) {
		assert_int_equal(touch_twice(A, true), RETRIED);
		deliver();
		guest_psc(OTHER, A, 1, true);
		guest_psc(OTHER, A, 1, false);
	}
	assert_false(rmpe_terminated(guest.vm));
	assert_int_equal(guest.vm->counters.vc_injected, 2 * MAX_INJECTIONS);
}

static void assert_terminated(enum rmpe_class class, u64 error_code)
{
	assert_true(rmpe_terminated(guest.vm));
	assert_int_equal(guest.vm->exit.gpa, (A << PAGE_SHIFT) + 0x123);
	assert_int_equal(guest.vm->exit.error_code, error_code);
	assert_int_equal(guest.vm->exit.class, class);
	assert_int_equal(guest.vm->counters.vc_injected, 0);
	assert_int_equal(guest.vm->counters.enforced, 1);
	assert_false(VCPU->arch.exception.pending);
}

/* Without an obstacle the next would have been #VC. */
static void escalated(void **state)
{
	VCPU->arch.nmi_injected = true;
	assert_int_equal(touch_twice(A, true), CRASHED);
	assert_int_equal(assert_told(1, RMPE_CLASS_FIRST_TOUCH,
				     RMPE_OUTCOME_TERMINATE).escalated,
			 RMPE_ESCALATED_EVENT_PENDING);
	assert_terminated(RMPE_CLASS_FIRST_TOUCH,
			  PFERR_GUEST_FINAL_MASK | PFERR_GUEST_ENC_MASK);
}

static void escalated_in_real_mode(void **state)
{
	VCPU->arch.cr0 = 0;
	assert_int_equal(touch_twice(A, true), CRASHED);
	assert_int_equal(guest_record().escalated, RMPE_ESCALATED_PROTECTED_MODE_OFF);
}

static void terminated(void **state)
{
	struct rmpe_record rec;

	guest_psc(VCPU, A, 1, true);
	guest.vm->settings.action = RMPE_ACTION_TERMINATE;
	assert_int_equal(touch_twice(A, false), CRASHED);
	rec = assert_told(1, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
	assert_int_equal(rec.escalated, RMPE_ESCALATED_NO);
	assert_terminated(RMPE_CLASS_IMPLICIT_SHARED, PFERR_GUEST_FINAL_MASK);
	/* All vCPUs, whatever they do; and nothing more is told. */
	assert_int_equal(touch_with(OTHER, HIGH, true, 0), CRASHED);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(fake_kvm.calls, 0);
}

/* One whose #VC could not be delivered is ended, however it was told before. */
static void terminated_after_injection(void **state)
{
	touch_twice(A, true);
	deliver();
	rmpe_global.action = RMPE_ACTION_TERMINATE;
	assert_int_equal(touch(A, true), CRASHED);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_TERMINATE);
	assert_int_equal(guest.vm->counters.repeated, 0);
}

/* Each class by its own policy, with KVM's attribute as the access would have it. */
static void by_class(void **state)
{
	static const struct {
		enum rmpe_page_state asked;
		bool private;
		u64 bits;
		enum rmpe_class class;
		enum rmpe_page_state used;
	} access[] = {
		{ RMPE_PAGE_SHARED, true, 0, RMPE_CLASS_IMPLICIT_PRIVATE, RMPE_PAGE_PRIVATE },
		{ RMPE_PAGE_PRIVATE, false, 0, RMPE_CLASS_IMPLICIT_SHARED, RMPE_PAGE_SHARED },
		{ RMPE_PAGE_LAUNCHED, false, 0, RMPE_CLASS_IMPLICIT_SHARED, RMPE_PAGE_SHARED },
		{ RMPE_PAGE_NONE, true, 0, RMPE_CLASS_FIRST_TOUCH, RMPE_PAGE_PRIVATE },
		{ RMPE_PAGE_NONE, false, 0, RMPE_CLASS_INITIAL_SHARED, RMPE_PAGE_SHARED },
		{ RMPE_PAGE_PRIVATE, true, PFERR_GUEST_VMPL_MASK, RMPE_CLASS_VMPL,
		  RMPE_PAGE_NONE },
	};
	unsigned int i, j;
	u64 told = 0;

	fake_kvm.answer = 1;
	for (i = 0; i < ARRAY_SIZE(access); i++) {
		const gfn_t gfn = A + 2 * i;

		for (j = 1; j < RMPE_NR_POLICIES; j++)
			set_policy(j, j == access[i].class ? RMPE_POLICY_ENFORCE :
							     RMPE_POLICY_REPORT);
		set_asked(gfn, access[i].asked);
		set_asked(gfn + 1, access[i].asked);
		fake_set_private(gfn, access[i].private);
		fake_set_private(gfn + 1, access[i].private);
		touch_with(VCPU, gfn, access[i].private, access[i].bits);
		assert_int_equal(touch_with(VCPU, gfn, access[i].private, access[i].bits),
				 RETRIED);
		assert_told(++told, access[i].class, RMPE_OUTCOME_VC);
		deliver();
		assert_int_equal(guest_used(gfn), RMPE_PAGE_NONE);

		set_policy(access[i].class, RMPE_POLICY_REPORT);
		touch_with(VCPU, gfn + 1, access[i].private, access[i].bits);
		assert_int_equal(touch_with(VCPU, gfn + 1, access[i].private,
					    access[i].bits), RESOLVED);
		assert_told(++told, access[i].class, RMPE_OUTCOME_NONE);
		assert_int_equal(guest_record().attr_private, access[i].private);
		assert_int_equal(guest_record().launched,
				 access[i].asked == RMPE_PAGE_LAUNCHED);
		assert_int_equal(guest_used(gfn + 1), access[i].used);
	}
	assert_int_equal(guest.vm->counters.enforced, ARRAY_SIZE(access));
}

/* It is told, and KVM has the page as the guest takes it. */
static void lenient(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 1;
	guest_psc(VCPU, A, 1, true);
	assert_int_equal(touch_twice(A, false), RESOLVED);
	assert_int_equal(assert_told(1, RMPE_CLASS_IMPLICIT_SHARED,
				     RMPE_OUTCOME_NONE).mode, RMPE_MODE_LENIENT);
	assert_int_equal(guest_used(A), RMPE_PAGE_SHARED);
	assert_int_equal(guest.vm->counters.enforced, 0);
	assert_int_equal(guest.vm->counters.repeated, 0);
	/* All was said of it. */
	assert_int_equal(touch(A, false), RESOLVED);
	assert_int_equal(guest_records(), 1);
	/* Another vCPU's is another access. */
	fake_set_private(A + 1, true);
	guest_psc(VCPU, A + 1, 1, true);
	assert_int_equal(touch_with(VCPU, A + 1, false, 0), RETRIED);
	assert_int_equal(touch_with(OTHER, A + 1, false, 0), RETRIED);
	assert_int_equal(guest_records(), 1);
}

/* KVM on its way to resolve it; and a VMM that does not convert. */
static void lenient_repeats(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = -EFAULT;
	touch(A, true);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_told(1, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(guest.vm->counters.repeated, 1);
	assert_int_equal(guest_record().repeats, 1);
	fake_set_private(A, true);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(guest.vm->counters.repeated, 1);
	assert_int_equal(guest_records(), 1);
}

/* Once more of another class, or acted upon, it is told again. */
static void told_anew(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = -EFAULT;
	touch_twice(A, true);
	assert_told(1, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE);
	rmpe_global.mode = RMPE_MODE_STRICT;
	touch(A, true);
	assert_told(2, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_VC);
	deliver();
	rmpe_global.mode = RMPE_MODE_LENIENT;
	touch(A, true);
	assert_told(3, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE);
	touch_with(VCPU, A, true, PFERR_GUEST_VMPL_MASK);
	assert_told(4, RMPE_CLASS_VMPL, RMPE_OUTCOME_NONE);
	assert_int_equal(guest.vm->counters.repeated, 0);
	/* Anywhere in the page. */
	guest_fault(VCPU, (A << PAGE_SHIFT) + 0x456, PFERR_GUEST_FINAL_MASK);
	fake_set_private(A, true);
	guest_fault(VCPU, (A << PAGE_SHIFT) + 0x456, PFERR_GUEST_FINAL_MASK);
	assert_told(5, RMPE_CLASS_INITIAL_SHARED, RMPE_OUTCOME_NONE);
	assert_int_equal(guest_record().violations, 5);
}

/* The VMM's doing is told as often as it does it. */
static void by_the_host(void **state)
{
	int i;

	guest_psc(VCPU, A, 1, true);
	fake_kvm.answer = -EFAULT;
	for (i = 1; i <= 3; i++) {
		/* KVM is asked before it is known, once each time. */
		touch(A, true);
		assert_int_equal(guest_records(), i - 1);
		touch(A, true);
		assert_told(i, RMPE_CLASS_HOST, RMPE_OUTCOME_NONE);
	}
	assert_int_equal(guest.vm->counters.repeated, 0);
	assert_int_equal(guest.vm->counters.class[RMPE_CLASS_HOST], 3);
}

/* It takes private pages away, and KVM brings new ones. */
static void discarded(void **state)
{
	guest_psc(VCPU, A, 2, true);
	fake_set_private(A, true);
	fake_set_private(A + 1, true);
	discard(A);
	fake_kvm.answer = 1;
	assert_int_equal(touch(A + 1, true), RESOLVED);
	assert_int_equal(guest_records(), 0);
	assert_int_equal(touch_twice(A, true), RESOLVED);
	assert_told(1, RMPE_CLASS_HOST, RMPE_OUTCOME_NONE);
	assert_int_equal(guest_record().discarded_ns, 1 << 20);
	/* It is there now. */
	assert_true(rmpe_map_is_empty(&guest.vm->holes));
	assert_int_equal(guest.vm->watch, 0);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(guest_records(), 1);
}

static void end_guest(void)
{
	const struct rmpe_exit why = { .gpa = 0x1000 };

	guest_terminate(OTHER, &why);
}

static void switch_off(void)
{
	guest.vm->settings.mode = RMPE_MODE_OFF;
}

static void ask_meanwhile(void)
{
	guest_psc(OTHER, A, 1, true);
	fake_set_private(A, true);
}

/* What others do while one waits for the lock. */
static void others_were_faster(void **state)
{
	fake_kvm.answer = 1;
	touch(A, true);
	unit_before_lock = ask_meanwhile;
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(guest_records(), 0);
	touch(A + 1, true);
	unit_before_lock = switch_off;
	assert_int_equal(touch(A + 1, true), RESOLVED);
	assert_int_equal(guest_used(A + 1), RMPE_PAGE_NONE);	/* its attribute is shared */
	fake_set_private(A + 1, true);
	guest.vm->settings.mode = RMPE_MODE_INHERIT;
	unit_before_lock = switch_off;
	assert_int_equal(touch(A + 1, true), RESOLVED);
	assert_int_equal(guest_used(A + 1), RMPE_PAGE_PRIVATE);
	guest.vm->settings.mode = RMPE_MODE_INHERIT;
	touch(A + 2, true);
	unit_before_lock = end_guest;
	assert_int_equal(touch(A + 2, true), CRASHED);
	assert_int_equal(guest_records(), 0);
	assert_int_equal(guest.vm->exit.gpa, 0x1000);
}

/* What cannot be followed is KVM's; and nothing of the VM is enforced from then on. */
static void no_memory_for_vcpu(void **state)
{
	fake_kvm.answer = 1;
	fake_set_private(A, true);
	discard(A);
	unit_fail_alloc(1);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_true(unit_alloc_failed());
	assert_int_equal(guest.vm->history_state, RMPE_HISTORY_LOST);
	assert_int_equal(guest.vm->holes.nr, 1);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	guest_psc(VCPU, A, 1, false);
	assert_int_equal(touch_twice(A, true), RESOLVED);
	assert_int_equal(assert_told(1, RMPE_CLASS_IMPLICIT_PRIVATE,
				     RMPE_OUTCOME_NONE).mode, RMPE_MODE_LENIENT);
}

/* It was populated, and then used as something else. */
static void launched_and_used(void **state)
{
	set_asked(A, RMPE_PAGE_LAUNCHED);
	set_used(A, RMPE_PAGE_SHARED);
	fake_set_private(A, true);
	touch_twice(A, false);
	assert_told(1, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_VC);
	assert_int_equal(guest_record().verdict.source, RMPE_SOURCE_LAUNCH);
	assert_false(guest_record().launched);
}

/* Of an older VM's pages KVM's attribute is all that is known, and nobody's fault. */
static void history(void **state)
{
	guest.vm->history_state = RMPE_HISTORY_PARTIAL;
	fake_kvm.answer = 1;
	fake_set_private(A, true);
	assert_int_equal(touch(A, true), RESOLVED);
	assert_int_equal(touch_twice(A, false), RESOLVED);
	assert_told(1, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_NONE);
	guest_psc(VCPU, A + 1, 1, true);
	assert_int_equal(touch_twice(A + 1, false), RETRIED);
	assert_told(2, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_VC);
	guest.vm->history_state = RMPE_HISTORY_LOST;
	fake_set_private(A + 2, true);
	assert_int_equal(touch(A + 2, true), RESOLVED);
	assert_int_equal(guest_records(), 2);
}

/* Once the VMM has converted it, the same again is another mismatch. */
static void by_attribute_again(void **state)
{
	guest.vm->history_state = RMPE_HISTORY_PARTIAL;
	fake_kvm.answer = 1;
	fake_set_private(A, true);
	fake_set_private(A + 1, false);
	for (int n = 1; n < 6; n += 2) {
		/* The VMM has not converted yet: one and the same. */
		fake_kvm.answer = 0;
		assert_int_equal(touch_twice(A, false), RESOLVED);
		assert_int_equal(touch(A, false), RESOLVED);
		assert_told(n, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_NONE);
		fake_kvm.answer = 1;
		fake_set_private(A, false);
		assert_int_equal(touch(A, false), RESOLVED);
		assert_int_equal(touch_twice(A, true), RESOLVED);
		assert_told(n + 1, RMPE_CLASS_IMPLICIT_PRIVATE, RMPE_OUTCOME_NONE);
		fake_set_private(A, true);
		assert_int_equal(touch(A, true), RESOLVED);
	}
	/* What KVM does not resolve stays what it was. */
	fake_kvm.answer = 0;
	assert_int_equal(touch_twice(A + 1, true), RESOLVED);
	fake_set_private(A + 1, true);
	assert_int_equal(touch(A + 1, true), RESOLVED);
	fake_set_private(A + 1, false);
	assert_int_equal(touch(A + 1, true), RESOLVED);
	assert_told(7, RMPE_CLASS_IMPLICIT_PRIVATE, RMPE_OUTCOME_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(injected),
		GUEST_TEST(injected_without_progress),
		GUEST_TEST(escalated_without_progress),
		GUEST_TEST(injected_anew),
		GUEST_TEST(escalated),
		GUEST_TEST(escalated_in_real_mode),
		GUEST_TEST(terminated),
		GUEST_TEST(terminated_after_injection),
		GUEST_TEST(by_class),
		GUEST_TEST(lenient),
		GUEST_TEST(lenient_repeats),
		GUEST_TEST(told_anew),
		GUEST_TEST(by_the_host),
		GUEST_TEST(discarded),
		GUEST_TEST(others_were_faster),
		GUEST_TEST(no_memory_for_vcpu),
		GUEST_TEST(launched_and_used),
		GUEST_TEST(history),
		GUEST_TEST(by_attribute_again),
	};

	return cmocka_run_group_tests_name("enforce", tests, NULL, NULL);
}
