/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between the kernels we build for, and the proof that the
 * functions we hook have the shape that our wrappers assume: a kernel whose
 * headers say otherwise does not compile.
 */
#ifndef RMPE_COMPAT_H
#define RMPE_COMPAT_H

#include <linux/build_bug.h>
#include <linux/kvm_host.h>

#if !IS_ENABLED(CONFIG_KVM_AMD_SEV) || !IS_ENABLED(CONFIG_KVM_PRIVATE_MEM)
#error "this kernel can't host SEV-SNP guests (CONFIG_KVM_AMD_SEV, CONFIG_KVM_PRIVATE_MEM)"
#endif
#if !IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !IS_ENABLED(CONFIG_KPROBES_ON_FTRACE)
#error "this kernel can't be hooked (CONFIG_DYNAMIC_FTRACE_WITH_ARGS, CONFIG_KPROBES_ON_FTRACE)"
#endif

typedef int (*rmpe_init_vm_fn)(struct kvm *kvm, unsigned long type);
typedef void (*rmpe_destroy_vm_fn)(struct kvm *kvm);
typedef int (*rmpe_vcpu_run_fn)(struct kvm_vcpu *vcpu);
typedef int (*rmpe_page_fault_fn)(struct kvm_vcpu *vcpu, gpa_t gpa,
				  u64 error_code, void *insn, int insn_len);
typedef void (*rmpe_commit_region_fn)(struct kvm *kvm,
				      struct kvm_memory_slot *old,
				      const struct kvm_memory_slot *new,
				      enum kvm_mr_change change);
typedef long (*rmpe_gmem_populate_fn)(struct kvm *kvm, gfn_t gfn,
				      void __user *src, long npages,
				      kvm_gmem_populate_cb post_populate,
				      void *opaque);

#define RMPE_PROVE_SHAPE(fn, type)					\
	static_assert(__same_type(&(fn), (type)NULL),			\
		      #fn " has another prototype in this kernel")

RMPE_PROVE_SHAPE(kvm_arch_init_vm, rmpe_init_vm_fn);
RMPE_PROVE_SHAPE(kvm_arch_destroy_vm, rmpe_destroy_vm_fn);
RMPE_PROVE_SHAPE(kvm_arch_vcpu_ioctl_run, rmpe_vcpu_run_fn);
RMPE_PROVE_SHAPE(kvm_mmu_page_fault, rmpe_page_fault_fn);
RMPE_PROVE_SHAPE(kvm_arch_commit_memory_region, rmpe_commit_region_fn);
RMPE_PROVE_SHAPE(kvm_gmem_populate, rmpe_gmem_populate_fn);

/* Can this slot hold private memory? */
static inline bool rmpe_slot_has_gmem(const struct kvm_memory_slot *slot)
{
	return slot && slot->flags & KVM_MEM_GUEST_MEMFD;
}

#endif
