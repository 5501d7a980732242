// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages KVM is let map before the guest has touched them.
 */
#include "one_guest.h"

#include <linux/module.h>

#include <unit/alloc.h>
#include <unit/mutex.h>

#include "backing.h"
#include "hook.h"
#include "prefault.h"
#include "vm_table.h"

static void hook(void **state)
{
	assert_string_equal(rmpe_hook_pre_fault.name, "kvm_arch_vcpu_pre_fault_memory");
	assert_string_equal(rmpe_hook_pre_fault.prototype,
			    "s64(struct kvm_vcpu *, struct kvm_pre_fault_memory *)");
	assert_null(rmpe_hook_pre_fault.vm_type);
	assert_null(rmpe_hook_pre_fault.without);
}

/* KVM says so, of the rest of the range; we, of a page. */
#define DONE_BY_KVM	0x5c0005000L

/* Is the page left out? */
static bool skips(gfn_t gfn)
{
	const unsigned int calls = fake_kvm.calls;
	u64 skipped = guest.vm ? guest.vm->counters.prefaults_skipped : 0;
	long r;

	fake_kvm.answer = DONE_BY_KVM;
	r = guest_pre_fault(VCPU, (gfn << PAGE_SHIFT) + 0xabc);
	if (r == DONE_BY_KVM) {
		assert_int_equal(fake_kvm.calls, calls + 1);
		assert_ptr_equal(fake_kvm.vcpu, VCPU);
	} else {
		assert_int_equal(r, PAGE_SIZE);
		assert_int_equal(fake_kvm.calls, calls);
		skipped++;
	}
	if (guest.vm)
		assert_int_equal(guest.vm->counters.prefaults_skipped, skipped);
	return r != DONE_BY_KVM;
}

static void by_attribute(gfn_t gfn, bool private)
{
	fake_set_private(gfn, private);
}

/* By what the guest has asked for, and what KVM would make of the page. */
static void asked_for(void **state)
{
	by_attribute(A, true);
	by_attribute(HIGH, true);
	assert_true(skips(A));
	assert_true(skips(A + 1));
	assert_true(skips(HIGH));
	guest_psc(VCPU, A, 2, true);
	assert_false(skips(A));
	assert_true(skips(A + 1));
	guest_psc(VCPU, A, 2, false);
	assert_true(skips(A));
	assert_false(skips(A + 1));
	guest_psc(VCPU, HIGH, 1, true);
	assert_false(skips(HIGH));
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_asked(guest.vm, A, 2, RMPE_PAGE_LAUNCHED);
	mutex_unlock(&guest.vm->lock);
	assert_false(skips(A));
	assert_true(skips(A + 1));
}

/* Asking now is as good: the VMM converts, maps, and answers then. */
static void in_flight(void **state)
{
	by_attribute(A, true);
	guest_asks(VCPU, A, 2, true);
	assert_false(skips(A));
	assert_true(skips(A + 1));	/* to private, and it is shared */
	assert_true(skips(A + 2));
	vmm_answers(VCPU, 1);
	assert_true(skips(A));
	guest_asks(&guest.vcpu[3], A, 2, false);
	assert_true(skips(A));
	assert_false(skips(A + 1));
}

static void history(void **state)
{
	guest.vm->history_state = RMPE_HISTORY_PARTIAL;
	assert_false(skips(A));
	by_attribute(A, true);
	assert_false(skips(A));
	/* What is known is known. */
	guest_psc(VCPU, A, 1, false);
	assert_true(skips(A));
	guest.vm->history_state = RMPE_HISTORY_LOST;
	assert_true(skips(A));
	assert_false(skips(A + 1));
}

static void by_mode(void **state)
{
	rmpe_global.mode = RMPE_MODE_LENIENT;
	assert_true(skips(A));
	guest.vm->settings.mode = RMPE_MODE_OFF;
	assert_false(skips(A));
	guest.vm->settings.mode = RMPE_MODE_STRICT;
	assert_true(skips(A));
	rmpe_global.mode = RMPE_MODE_OFF;
	assert_false(skips(A));
}

/* Before the launch is finished KVM refuses by itself. */
static void before_launch(void **state)
{
	guest.kvm.arch.pre_fault_allowed = false;
	assert_false(skips(A));
	guest.kvm.arch.pre_fault_allowed = true;
	assert_true(skips(A));
}

/* Without guest_memfd there is nothing to be private. */
static void elsewhere(void **state)
{
	assert_false(skips(DEVICE));
	assert_false(skips(MEMORY - 1));
	assert_false(skips(HIGH_END));
	assert_true(skips(MEMORY));
	assert_true(skips(MEMORY_END - 1));
	assert_true(skips(HIGH_END - 1));
}

/* What was asked for was asked for pages that are gone. */
static void new_slot(void **state)
{
	guest_psc(VCPU, A, 1, false);
	assert_false(skips(A));
	mutex_lock(&guest.vm->lock);
	guest.vm->coming = rmpe_backing_of(&guest.slot[0]);
	rmpe_vm_update_watch(guest.vm);
	mutex_unlock(&guest.vm->lock);
	assert_true(skips(A));
	assert_int_equal(guest.vm->coming.end, 0);
	assert_int_equal(guest_asked(A), RMPE_PAGE_NONE);
}

static void errors_are_kvms(void **state)
{
	fake_kvm.answer = -EFAULT;
	assert_int_equal(guest_pre_fault(VCPU, DEVICE << PAGE_SHIFT), -EFAULT);
	guest_psc(VCPU, A, 1, false);
	assert_int_equal(guest_pre_fault(VCPU, A << PAGE_SHIFT), -EFAULT);
}

static void older_vm(void **state)
{
	assert_false(skips(A));
	guest.vm = rmpe_vm_find(&guest.kvm);
	assert_non_null(guest.vm);
	guest_psc(VCPU, A, 1, true);
	assert_true(skips(A));
}

static void untracked(void **state)
{
	unit_fail_alloc(1);
	assert_false(skips(A));
	assert_null(rmpe_vm_find(&guest.kvm));
	unit_module.state = MODULE_STATE_GOING;
	assert_false(skips(A));
	unit_module.state = MODULE_STATE_LIVE;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hook),
		GUEST_TEST(asked_for),
		GUEST_TEST(in_flight),
		GUEST_TEST(history),
		GUEST_TEST(by_mode),
		GUEST_TEST(before_launch),
		GUEST_TEST(elsewhere),
		GUEST_TEST(new_slot),
		GUEST_TEST(errors_are_kvms),
		OLDER_TEST(older_vm),
		OLDER_TEST(untracked),
	};

	return cmocka_run_group_tests_name("prefault", tests, NULL, NULL);
}
