/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses of the guest, and what comes of one.
 */
#ifndef UNIT_GUEST_ACCESS_H
#define UNIT_GUEST_ACCESS_H

#include "one_guest.h"

#include "policy.h"

#define OTHER	(&guest.vcpu[2])

/* What the wrapper returns. */
static inline int npf_with(gfn_t gfn, bool private, u64 bits)
{
	VCPU->stat.exits++;
	return guest_fault(VCPU, (gfn << PAGE_SHIFT) + 0x123, PFERR_GUEST_FINAL_MASK | bits |
			   (private ? PFERR_GUEST_ENC_MASK : 0));
}

static inline int npf(gfn_t gfn, bool private)
{
	return npf_with(gfn, private, 0);
}

/* How often KVM is asked. */
static inline unsigned int calls_of(gfn_t gfn, bool private)
{
	unsigned int before = fake_kvm.calls;

	npf(gfn, private);
	return fake_kvm.calls - before;
}

enum came_of_it {
	RETRIED,	/* the guest is entered again, whatever KVM says */
	RESOLVED,	/* KVM's answer is the answer */
	CRASHED,	/* the VMM is told that the guest was ended */
};

/* KVM's answer is 1 unless the test says otherwise. */
static inline enum came_of_it touch_with(struct kvm_vcpu *vcpu, gfn_t gfn, bool private,
					 u64 bits)
{
	const unsigned int calls = fake_kvm.calls;
	int r;

	vcpu->stat.exits++;
	vcpu->run->exit_reason = 0;
	r = guest_fault(vcpu, (gfn << PAGE_SHIFT) + 0x123, PFERR_GUEST_FINAL_MASK | bits |
			(private ? PFERR_GUEST_ENC_MASK : 0));
	assert_in_range(fake_kvm.calls, calls, calls + 1);
	if (fake_kvm.calls != calls && r == fake_kvm.answer)
		return RESOLVED;
	if (r == 1)
		return RETRIED;
	assert_int_equal(r, 0);
	assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	return CRASHED;
}

static inline enum came_of_it touch(gfn_t gfn, bool private)
{
	return touch_with(VCPU, gfn, private, 0);
}

static inline void set_asked(gfn_t gfn, enum rmpe_page_state state)
{
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_asked(guest.vm, gfn, 1, state);
	mutex_unlock(&guest.vm->lock);
}

/* The VMM takes a private page away. */
static inline void discard(gfn_t gfn)
{
	const struct rmpe_map_event hole = { .gfn = gfn, .npages = 1, .when_ns = 1 << 20 };

	mutex_lock(&guest.vm->lock);
	rmpe_map_add(&guest.vm->holes, &hole);
	rmpe_vm_update_watch(guest.vm);
	mutex_unlock(&guest.vm->lock);
}

static inline void set_policy(enum rmpe_class class, enum rmpe_policy policy)
{
	rmpe_global.policy[class] = policy;
}

/* There is one more record, of this class and outcome. */
static inline struct rmpe_record assert_told(u64 nr, enum rmpe_class class,
					     enum rmpe_outcome outcome)
{
	struct rmpe_record rec;

	assert_int_equal(guest_records(), nr);
	rec = guest_record();
	assert_int_equal(rec.verdict.class, class);
	assert_int_equal(rec.outcome, outcome);
	return rec;
}

#endif
