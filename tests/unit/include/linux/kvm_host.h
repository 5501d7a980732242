/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KVM_HOST_H
#define UNIT_LINUX_KVM_HOST_H

#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/kvm.h>
#include <linux/kvm_types.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sprintf.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/xarray.h>
#include <asm/kvm_host.h>
#include <asm/processor-flags.h>

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

/* The system's linux/kvm.h may be older than these. */
#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD	BIT(2)
#endif
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT	39
#endif
#ifndef KVM_PRE_FAULT_MEMORY
struct kvm_pre_fault_memory {
	u64 gpa;
	u64 size;
	u64 flags;
	u64 padding[5];
};
#endif

/* A request is a bit of vcpu->requests; what is above the mask says how it is made. */
#define KVM_REQUEST_MASK	GENMASK(7, 0)
#define KVM_REQUEST_NO_WAKEUP	BIT(8)
#define KVM_REQUEST_WAIT	BIT(9)
#define KVM_REQ_VM_DEAD		(1 | KVM_REQUEST_WAIT | KVM_REQUEST_NO_WAKEUP)
#define KVM_ARCH_REQ(nr)	((nr) + 8)

enum kvm_mr_change {
	KVM_MR_CREATE,
	KVM_MR_DELETE,
	KVM_MR_MOVE,
	KVM_MR_FLAGS_ONLY,
};

#ifndef KVM_MEMORY_ATTRIBUTE_PRIVATE
#define KVM_MEMORY_ATTRIBUTE_PRIVATE	BIT_ULL(3)
#endif
#define KVM_X86_SNP_VM		4

struct file;
struct pid;

typedef int (*kvm_gmem_populate_cb)(struct kvm *kvm, gfn_t gfn, void *opaque);

/* The members that the tested sources read, or compare with the BTF. */
struct kvm_memory_slot {
	u64 gfn_node[2];
	gfn_t base_gfn;
	unsigned long npages;
	u32 flags;
	struct {
		struct file *file;
		unsigned long pgoff;
	} gmem;
};

struct kvm_memslots {
	u64 gfn_tree;
	int node_idx;
	const struct kvm_memory_slot *slot;
	unsigned int nr;
};

#define UNIT_MAX_VCPUS	4

struct kvm {
	struct mutex slots_lock;	/* held while slots change */
	struct srcu_struct srcu;
	struct kvm_memslots memslots;
	struct xarray mem_attr_array;
	struct kvm_vcpu *vcpu_array[UNIT_MAX_VCPUS];
	atomic_t online_vcpus;
	bool vm_dead;
	struct kvm_arch arch;
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	int vcpu_idx;
	struct pid *pid;
	struct kvm_run *run;
	u64 requests;
	bool wants_to_run;
	bool sigset_active;
	sigset_t sigset;
	int ____srcu_idx;
	int srcu_depth;
	struct {
		u64 exits;
	} stat;
	struct kvm_vcpu_arch arch;
};

static inline gfn_t gpa_to_gfn(gpa_t gpa)
{
	return gpa >> PAGE_SHIFT;
}

static inline const struct kvm_memslots *kvm_memslots(const struct kvm *kvm)
{
	assert(srcu_read_lock_held(&kvm->srcu) || kvm->slots_lock.held);
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

struct kvm_memslot_iter {
	const struct kvm_memslots *slots;
	const struct kvm_memory_slot *slot;
};

/* By gfn: the first one that ends above @start, then the next one. */
static inline void unit_memslot_iter(struct kvm_memslot_iter *iter, gfn_t start)
{
	const struct kvm_memslots *slots = iter->slots;
	const struct kvm_memory_slot *slot;

	iter->slot = NULL;
	for (slot = slots->slot; slot < slots->slot + slots->nr; slot++)
		if (slot->base_gfn + slot->npages > start &&
		    (!iter->slot || slot->base_gfn < iter->slot->base_gfn))
			iter->slot = slot;
}

static inline bool kvm_memslot_iter_is_valid(const struct kvm_memslot_iter *iter, gfn_t end)
{
	return iter->slot && iter->slot->base_gfn < end;
}

#define kvm_for_each_memslot_in_gfn_range(iter, memslots, start, end)		\
	for ((iter)->slots = (memslots), unit_memslot_iter(iter, start);	\
	     kvm_memslot_iter_is_valid(iter, end);				\
	     unit_memslot_iter(iter, (iter)->slot->base_gfn + (iter)->slot->npages))

#define kvm_for_each_vcpu(i, vcpu, kvm)						\
	for ((i) = 0; (i) < atomic_read(&(kvm)->online_vcpus) &&		\
		      ((vcpu) = (kvm)->vcpu_array[i]); (i)++)

/* Exported to everybody: what holds kvm.ko. */
void kvm_get_kvm(struct kvm *kvm);

/* fake_kvm.c */
void kvm_make_request(int req, struct kvm_vcpu *vcpu);
bool kvm_mem_is_private(struct kvm *kvm, gfn_t gfn);

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
