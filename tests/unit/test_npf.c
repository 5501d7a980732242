// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which #NPFs KVM gets at once, which are looked at, and what if KVM refuses.
 */
#include "guest_access.h"

#include <unit/mutex.h>

#include "action.h"
#include "backing.h"
#include "hook.h"
#include "npf.h"

#define FINAL	PFERR_GUEST_FINAL_MASK

static void hook(void **state)
{
	assert_string_equal(rmpe_hook_page_fault.name, "kvm_mmu_page_fault");
	assert_string_equal(rmpe_hook_page_fault.prototype,
			    "s32(struct kvm_vcpu *, u64, u64, void *, s32)");
	assert_null(rmpe_hook_page_fault.vm_type);
	assert_null(rmpe_hook_page_fault.without);
}

/* Nobody is kept waiting, and nothing told. */
static void assert_in_order(gfn_t gfn, bool private)
{
	const u64 judged = rmpe_vm_npf_judged(guest.vm), records = guest_records();

	unit_before_lock = guest_fail_at_lock;
	assert_int_equal(calls_of(gfn, private), 1);
	unit_before_lock = NULL;
	assert_int_equal(rmpe_vm_npf_judged(guest.vm), judged + 1);
	assert_int_equal(guest_records(), records);
}

/* Others made it wait, and it was not KVM's at once. */
static void assert_not_in_order(gfn_t gfn, bool private)
{
	const u64 judged = rmpe_vm_npf_judged(guest.vm);

	assert_int_equal(calls_of(gfn, private), 0);
	assert_int_equal(rmpe_vm_npf_judged(guest.vm), judged + 1);
}

/* KVM gets what the hardware said, and its answer is the answer. */
static void passed_on(void **state)
{
	static const int answers[] = { 1, 0, -EIO, -EAGAIN, 2 };
	unsigned int i;

	guest_psc(VCPU, HIGH, 1, true);
	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		fake_kvm.answer = answers[i];
		assert_int_equal(npf_with(HIGH, true, PFERR_WRITE_MASK), answers[i]);
		assert_int_equal(fake_kvm.calls, i + 1);
		assert_ptr_equal(fake_kvm.vcpu, VCPU);
		assert_int_equal(fake_kvm.gpa, (HIGH << PAGE_SHIFT) + 0x123);
		assert_int_equal(fake_kvm.error_code,
				 FINAL | PFERR_GUEST_ENC_MASK | PFERR_WRITE_MASK);
		assert_non_null(fake_kvm.insn);
		assert_int_equal(fake_kvm.insn_len, 15);
	}
	/* The same of one that is looked at. */
	npf(DEVICE, false);
	assert_int_equal(fake_kvm.gpa, (DEVICE << PAGE_SHIFT) + 0x123);
	assert_int_equal(fake_kvm.error_code, FINAL);
	assert_non_null(fake_kvm.insn);
	assert_int_equal(fake_kvm.insn_len, 15);
}

static void asked_for(void **state)
{
	guest_psc(VCPU, A, 1, true);
	guest_psc(VCPU, A + 1, 1, false);
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_asked(guest.vm, A + 2, 1, RMPE_PAGE_LAUNCHED);
	mutex_unlock(&guest.vm->lock);
	fake_kvm.answer = 1;
	assert_in_order(A, true);
	assert_in_order(A + 1, false);
	assert_in_order(A + 2, true);
	assert_not_in_order(A, false);
	assert_not_in_order(A + 1, true);
	assert_not_in_order(A + 2, false);
	assert_not_in_order(A + 3, true);
	assert_not_in_order(MEMORY_END - 1, true);
	/* Their lower halves are asked for, or without guest_memfd. */
	assert_not_in_order(HIGH + A, true);
	assert_not_in_order(HIGH + DEVICE, true);
}

/* It says nothing of the page's state. */
static void vmpl(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_set_private(A, true);
	fake_kvm.answer = 1;
	assert_int_equal(npf_with(A, true, PFERR_GUEST_VMPL_MASK), 1);
	assert_int_equal(fake_kvm.calls, 0);
	assert_int_equal(npf_with(A, true, PFERR_GUEST_VMPL_MASK), 1);
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(guest_record().verdict.class, RMPE_CLASS_VMPL);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	/* As often as it comes, it is the same. */
	npf_with(A, true, PFERR_GUEST_VMPL_MASK);
	assert_int_equal(fake_kvm.calls, 2);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest.vm->counters.repeated, 1);
}

static void note_lock(void)
{
	fake_kvm.answer = 1;
}

/* Is it looked at under the lock? */
static bool takes_lock(gfn_t gfn, bool private)
{
	bool taken;

	unit_before_lock = note_lock;
	npf(gfn, private);
	taken = !unit_before_lock;
	unit_before_lock = NULL;
	return taken;
}

/* Pages that were used in another state, of which others are none the worse. */
static void watch_used(void **state)
{
	guest_psc(VCPU, A, 2, true);
	set_used(A, RMPE_PAGE_SHARED);
	fake_kvm.answer = 1;
	fake_set_private(A, true);
	assert_in_order(A + 1, true);
	assert_true(takes_lock(A, true));
	/* It is used as it was asked for now. */
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
}

static void no_more_locks(struct kvm_vcpu *vcpu)
{
	unit_before_lock = guest_fail_at_lock;
}

static void watch_holes(void **state)
{
	const struct rmpe_map_event hole = { .gfn = MEMORY, .npages = 1, .when_ns = 1 };

	guest_psc(VCPU, A, 1, true);
	fake_set_private(A, true);
	mutex_lock(&guest.vm->lock);
	rmpe_map_add(&guest.vm->holes, &hole);
	rmpe_vm_update_watch(guest.vm);
	mutex_unlock(&guest.vm->lock);
	fake_kvm.answer = 1;
	assert_true(takes_lock(A, true));
	/* Before KVM resolves it, and not again. */
	fake_kvm.meanwhile = no_more_locks;
	assert_int_equal(npf(A, true), 1);
	fake_kvm.meanwhile = NULL;
	unit_before_lock = NULL;
	set_used(A + 5, RMPE_PAGE_SHARED);	/* of both kinds */
	assert_true(takes_lock(A, true));
	assert_int_equal(guest_records(), 0);
}

static void watch_slot(void **state)
{
	guest_psc(VCPU, A, 1, true);
	mutex_lock(&guest.vm->lock);
	guest.vm->coming = rmpe_backing_of(&guest.slot[0]);
	rmpe_vm_update_watch(guest.vm);
	mutex_unlock(&guest.vm->lock);
	fake_set_private(A, true);
	/* The pages are others now. */
	assert_int_equal(calls_of(A, true), 0);
	assert_int_equal(guest_asked(A), RMPE_PAGE_NONE);
	assert_int_equal(guest.vm->watch, 0);
}

static void terminate(struct kvm_vcpu *vcpu)
{
	const struct rmpe_exit why = { .gpa = 0x1000, .class = RMPE_CLASS_FIRST_TOUCH };

	guest_terminate(&guest.vcpu[0], &why);
}

static void assert_crash(int r)
{
	assert_int_equal(r, 0);
	assert_int_equal(VCPU->run->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(VCPU->run->system_event.data[0], 0x1000);
	VCPU->run->exit_reason = 0;
}

static void terminated(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_kvm.answer = 1;
	terminate(NULL);
	assert_crash(npf(A, true));
	assert_crash(npf(A, false));
	assert_crash(npf(DEVICE, false));
	VCPU->wants_to_run = false;
	assert_int_equal(npf(A, true), -EINTR);
	assert_int_equal(fake_kvm.calls, 0);
	assert_int_equal(guest_records(), 0);
}

/* While KVM found out that it can't resolve it. */
static void terminated_meanwhile(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_kvm.answer = -EFAULT;
	fake_kvm.meanwhile = terminate;
	assert_crash(npf(A, true));
	assert_int_equal(fake_kvm.calls, 1);
}

static void terminate_at_lock(void)
{
	terminate(NULL);
}

/* While this one waited for the lock. */
static void terminated_by_a_faster_one(void **state)
{
	unit_before_lock = terminate_at_lock;
	assert_crash(npf(A, true));
	assert_int_equal(fake_kvm.calls, 0);
	assert_int_equal(guest_records(), 0);
}

/* KVM is asked once: why it refuses is looked at afterwards. */
static void refused(void **state)
{
	const u64 judged = rmpe_vm_npf_judged(guest.vm);

	guest_psc(VCPU, A, 1, true);
	fake_kvm.answer = -EFAULT;
	/* Its attribute differs: perhaps it was about to change. */
	assert_int_equal(npf(A, true), 1);
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(npf(A, true), -EFAULT);
	assert_int_equal(fake_kvm.calls, 2);
	assert_int_equal(guest_record().verdict.class, RMPE_CLASS_HOST);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(rmpe_vm_npf_judged(guest.vm), judged + 2);
	/* Another error is not of the attribute. */
	fake_kvm.answer = -EIO;
	assert_int_equal(npf(A, true), -EIO);
	assert_int_equal(npf(A, true), -EIO);
	assert_int_equal(guest_records(), 1);
}

/* It has reasons of its own. */
static void refused_in_order(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_set_private(A, true);
	fake_kvm.answer = -EFAULT;
	unit_before_lock = guest_fail_at_lock;
	assert_int_equal(npf(A, true), -EFAULT);
	assert_int_equal(npf(A, true), -EFAULT);
	unit_before_lock = NULL;
	assert_int_equal(fake_kvm.calls, 2);
	assert_int_equal(guest_records(), 0);
}

static void refused_with_mode_off(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_kvm.answer = -EFAULT;
	rmpe_global.mode = RMPE_MODE_OFF;
	assert_int_equal(npf(A, true), -EFAULT);
	assert_int_equal(npf(A, true), -EFAULT);
	assert_int_equal(fake_kvm.calls, 2);
	assert_int_equal(guest_records(), 0);
	assert_int_equal(rmpe_vm_npf_judged(guest.vm), 0);
}

static void switch_off(struct kvm_vcpu *vcpu)
{
	rmpe_global.mode = RMPE_MODE_OFF;
}

static void switched_off_meanwhile(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_kvm.answer = -EFAULT;
	fake_kvm.meanwhile = switch_off;
	assert_int_equal(npf(A, true), -EFAULT);
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(guest_records(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hook),
		GUEST_TEST(passed_on),
		GUEST_TEST(asked_for),
		GUEST_TEST(vmpl),
		GUEST_TEST(watch_used),
		GUEST_TEST(watch_holes),
		GUEST_TEST(watch_slot),
		GUEST_TEST(terminated),
		GUEST_TEST(terminated_meanwhile),
		GUEST_TEST(terminated_by_a_faster_one),
		GUEST_TEST(refused),
		GUEST_TEST(refused_in_order),
		GUEST_TEST(refused_with_mode_off),
		GUEST_TEST(switched_off_meanwhile),
	};

	return cmocka_run_group_tests_name("npf", tests, NULL, NULL);
}
