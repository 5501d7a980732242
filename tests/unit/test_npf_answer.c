// SPDX-License-Identifier: GPL-2.0-only
/*
 * #NPFs that KVM was let resolve: what becomes of its answer.
 */
#include "guest_access.h"

#include <linux/jiffies.h>

#include <unit/alloc.h>
#include <unit/mutex.h>

#include "progress.h"
#include "vm_table.h"

/* Nothing is judged, but how pages are used is known when that changes. */
static void mode_off(void **state)
{
	guest_psc(VCPU, A, 1, true);
	rmpe_global.mode = RMPE_MODE_OFF;
	fake_kvm.answer = 1;
	assert_int_equal(calls_of(A, true), 1);
	assert_int_equal(calls_of(A, false), 1);
	assert_int_equal(guest_used(A), RMPE_PAGE_SHARED);
	fake_kvm.answer = 0;
	assert_int_equal(calls_of(A + 1, false), 1);
	fake_kvm.answer = -EFAULT;
	assert_int_equal(calls_of(A + 1, false), 1);
	assert_int_equal(guest_used(A + 1), RMPE_PAGE_NONE);
	assert_int_equal(guest_records(), 0);
	assert_int_equal(rmpe_vm_npf_judged(guest.vm), 0);
}

static void becomes_right(struct kvm_vcpu *vcpu)
{
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_asked(guest.vm, A, 1, RMPE_PAGE_SHARED);
	mutex_unlock(&guest.vm->lock);
	unit_before_lock = guest_fail_at_lock;
}

static void mode_off_in_order_meanwhile(void **state)
{
	rmpe_global.mode = RMPE_MODE_OFF;
	fake_kvm.answer = 1;
	fake_kvm.meanwhile = becomes_right;
	assert_int_equal(npf(A, false), 1);
	unit_before_lock = NULL;
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
}

/* One that KVM did not resolve did not use the page. */
static void used_if_resolved(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	fake_kvm.answer = 0;
	npf(A, false);
	assert_int_equal(npf(A, false), 0);
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(guest_record().verdict.class, RMPE_CLASS_INITIAL_SHARED);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	fake_kvm.answer = 1;
	assert_int_equal(npf(A, false), 1);
	assert_int_equal(guest_used(A), RMPE_PAGE_SHARED);
}

static void tell_vmm(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_MEMORY_FAULT;
}

static void leave_otherwise(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
}

/* Memory without guest_memfd: a private access is the VMM's to deal with, and told. */
static void without_gmem(void **state)
{
	fake_kvm.answer = -EFAULT;
	fake_kvm.meanwhile = leave_otherwise;
	assert_int_equal(npf(DEVICE, true), -EFAULT);
	fake_kvm.meanwhile = tell_vmm;
	assert_int_equal(npf(DEVICE, false), -EFAULT);
	fake_kvm.answer = -EIO;
	assert_int_equal(npf(DEVICE, true), -EIO);
	fake_kvm.answer = 1;
	assert_int_equal(npf(DEVICE, true), 1);
	fake_kvm.answer = 0;
	assert_int_equal(npf(DEVICE, true), 0);
	fake_kvm.answer = -EFAULT;
	rmpe_global.mode = RMPE_MODE_OFF;
	assert_int_equal(npf(DEVICE, true), -EFAULT);
	rmpe_global.mode = RMPE_MODE_STRICT;
	assert_int_equal(guest_records(), 0);

	assert_int_equal(npf(DEVICE, true), -EFAULT);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest_record().verdict.class, RMPE_CLASS_UNBACKED);
	assert_int_equal(npf(DEVICE_END, true), -EFAULT);	/* no slot at all */
	assert_int_equal(guest_records(), 2);
	assert_int_equal(fake_kvm.calls, 8);
	assert_int_equal(rmpe_vm_npf_judged(guest.vm), 0);
}

/* Nobody tells of what is not known. */
static void untracked(void **state)
{
	unit_fail_alloc(1);
	fake_kvm.answer = -EFAULT;
	assert_int_equal(npf(HIGH, true), -EFAULT);
	assert_true(unit_alloc_failed());
	assert_null(rmpe_vm_find(&guest.kvm));
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(fake_kvm.gpa, (HIGH << PAGE_SHIFT) + 0x123);
	assert_int_equal(fake_kvm.error_code, PFERR_GUEST_FINAL_MASK | PFERR_GUEST_ENC_MASK);
	assert_int_equal(fake_kvm.insn_len, 15);
	/* And there it is. */
	npf(HIGH, true);
	guest.vm = rmpe_vm_find(&guest.kvm);
	assert_non_null(guest.vm);
	assert_int_equal(guest.vm->history_state, RMPE_HISTORY_PARTIAL);
}

/* As often as makes one wonder, and as long; all over the page. */
static void fault_for_long(gfn_t gfn, bool private)
{
	unsigned int i;

	for (i = 0; i < 6 * RMPE_LOOK_EVERY; i++) {
		VCPU->stat.exits++;
		guest_fault(VCPU, (gfn << PAGE_SHIFT) + (i % 2 ? 0x456 : 0x123),
			    PFERR_GUEST_FINAL_MASK | (private ? PFERR_GUEST_ENC_MASK : 0));
		jiffies += HZ / 50;
	}
}

static void stuck(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_set_private(A, true);
	fake_kvm.answer = 0;
	fault_for_long(A, true);
	fake_kvm.answer = -EIO;
	fault_for_long(A, true);
	assert_int_equal(guest_records(), 0);
	fake_kvm.answer = 1;
	fault_for_long(A, true);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest_record().verdict.class, RMPE_CLASS_NO_PROGRESS);
	assert_int_equal(guest_record().gpa, (A << PAGE_SHIFT) + 0x123);
}

/* The same, where others made it be looked at. */
static void stuck_and_watched(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_set_private(A, true);
	set_used(A + 1, RMPE_PAGE_SHARED);
	set_used(A, RMPE_PAGE_SHARED);
	guest.vm->watch |= RMPE_WATCH_HOLES;
	set_used(A, RMPE_PAGE_NONE);
	guest.vm->watch |= RMPE_WATCH_HOLES;
	fake_kvm.answer = 0;
	fault_for_long(A, true);
	assert_int_equal(guest_records(), 0);
	fake_kvm.answer = 1;
	fault_for_long(A, true);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest_record().verdict.class, RMPE_CLASS_NO_PROGRESS);
}

/* The slot is away; KVM gives the VMM what it has. */
static void stuck_without_slot(void **state)
{
	guest_psc(VCPU, A, 1, true);
	fake_set_private(A, true);
	guest.kvm.memslots.nr = 0;
	fake_kvm.answer = 1;
	fault_for_long(A, true);
	assert_int_equal(guest_records(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(mode_off),
		GUEST_TEST(mode_off_in_order_meanwhile),
		GUEST_TEST(used_if_resolved),
		GUEST_TEST(without_gmem),
		OLDER_TEST(untracked),
		GUEST_TEST(stuck),
		GUEST_TEST(stuck_and_watched),
		GUEST_TEST(stuck_without_slot),
	};

	return cmocka_run_group_tests_name("npf_answer", tests, NULL, NULL);
}
