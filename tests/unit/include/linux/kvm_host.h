/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KVM_HOST_H
#define UNIT_LINUX_KVM_HOST_H

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/kvm_types.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sprintf.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/types.h>

/* EXITINFO1 of a #NPF: APM volume 2, 15.25.6 and 15.36.10. */
#define PFERR_PRESENT_MASK	BIT_ULL(0)
#define PFERR_WRITE_MASK	BIT_ULL(1)
#define PFERR_USER_MASK		BIT_ULL(2)
#define PFERR_RSVD_MASK		BIT_ULL(3)
#define PFERR_FETCH_MASK	BIT_ULL(4)
#define PFERR_GUEST_RMP_MASK	BIT_ULL(31)
#define PFERR_GUEST_FINAL_MASK	BIT_ULL(32)
#define PFERR_GUEST_PAGE_MASK	BIT_ULL(33)
#define PFERR_GUEST_ENC_MASK	BIT_ULL(34)
#define PFERR_GUEST_SIZEM_MASK	BIT_ULL(35)
#define PFERR_GUEST_VMPL_MASK	BIT_ULL(36)

#define INVALID_PAGE		(~0ULL)

#define KVM_MEM_GUEST_MEMFD	BIT(2)

enum kvm_mr_change {
	KVM_MR_CREATE,
};

struct file;
struct kvm_pre_fault_memory;
struct pid;

typedef int (*kvm_gmem_populate_cb)(struct kvm *kvm, gfn_t gfn, void *opaque);

/* The members that the tested sources read. */
struct kvm_memory_slot {
	gfn_t base_gfn;
	unsigned long npages;
	u32 flags;
	struct {
		struct file *file;
		unsigned long pgoff;
	} gmem;
};

struct kvm_memslots {
	const struct kvm_memory_slot *slot;
	unsigned int nr;
};

struct kvm {
	struct srcu_struct srcu;
	struct kvm_memslots memslots;
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	int vcpu_idx;
	struct pid *pid;
	int ____srcu_idx;
	int srcu_depth;
	struct {
		u64 exits;
	} stat;
};

static inline gfn_t gpa_to_gfn(gpa_t gpa)
{
	return gpa >> PAGE_SHIFT;
}

static inline const struct kvm_memslots *kvm_memslots(const struct kvm *kvm)
{
	assert(srcu_read_lock_held(&kvm->srcu));
	return &kvm->memslots;
}

static inline const struct kvm_memory_slot *
search_memslots(const struct kvm_memslots *slots, gfn_t gfn, bool approx)
{
	const struct kvm_memory_slot *slot;

	assert(!approx);
	for (slot = slots->slot; slot < slots->slot + slots->nr; slot++)
		if (gfn >= slot->base_gfn && gfn - slot->base_gfn < slot->npages)
			return slot;
	return NULL;
}

/* Once at a time, as the kernel's checks. */
static inline void kvm_vcpu_srcu_read_lock(struct kvm_vcpu *vcpu)
{
	assert(!vcpu->srcu_depth++);
	vcpu->____srcu_idx = srcu_read_lock(&vcpu->kvm->srcu);
}

static inline void kvm_vcpu_srcu_read_unlock(struct kvm_vcpu *vcpu)
{
	srcu_read_unlock(&vcpu->kvm->srcu, vcpu->____srcu_idx);
	vcpu->____srcu_idx = 0;
	assert(vcpu->srcu_depth-- == 1);
}

#endif
