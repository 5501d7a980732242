/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between the kernels we build for, and the proof that the
 * functions we hook have the shape that our wrappers assume: a kernel whose
 * headers say otherwise does not compile.
 */
#ifndef RMPE_COMPAT_H
#define RMPE_COMPAT_H

#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/pid.h>
#ifdef RMPE_HAS_CPUID_API
#include <asm/cpuid/api.h>
#else
#include <asm/cpuid.h>
#endif

#if !IS_ENABLED(CONFIG_KVM_AMD_SEV)
#error "this kernel can't host SEV-SNP guests (CONFIG_KVM_AMD_SEV)"
#endif
#if !IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !IS_ENABLED(CONFIG_KPROBES_ON_FTRACE)
#error "this kernel can't be hooked (CONFIG_DYNAMIC_FTRACE_WITH_ARGS, CONFIG_KPROBES_ON_FTRACE)"
#endif

/* Since 7.1 kvm_gmem_populate() is told whether it may write to its source. */
#ifdef RMPE_HAS_POPULATE_WRITEBACK
#define RMPE_POPULATE_PARAM	bool may_writeback_src,
#define RMPE_POPULATE_ARG	may_writeback_src,
#define RMPE_POPULATE_BTF	"bool, "
#else
#define RMPE_POPULATE_PARAM
#define RMPE_POPULATE_ARG
#define RMPE_POPULATE_BTF	""
#endif

/*
 * The functions that we hook, as we take them to be.  Most kernels declare them
 * in their headers, and then the compiler refuses a declaration that differs.
 */
int kvm_arch_init_vm(struct kvm *kvm, unsigned long type);
void kvm_arch_destroy_vm(struct kvm *kvm);
int kvm_arch_vcpu_ioctl_run(struct kvm_vcpu *vcpu);
int kvm_mmu_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
		       void *insn, int insn_len);
int kvm_arch_prepare_memory_region(struct kvm *kvm,
				   const struct kvm_memory_slot *old,
				   struct kvm_memory_slot *new,
				   enum kvm_mr_change change);
long kvm_gmem_populate(struct kvm *kvm, gfn_t gfn, void __user *src, long npages,
		       RMPE_POPULATE_PARAM kvm_gmem_populate_cb post_populate,
		       void *opaque);
long kvm_arch_vcpu_pre_fault_memory(struct kvm_vcpu *vcpu,
				    struct kvm_pre_fault_memory *range);
/* KVM's own, which only the kernel's BTF can vouch for. */
long kvm_gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);

/**
 * rmpe_gmem_kvm() - a guest_memfd's VM
 * @file: the guest_memfd
 *
 * It is the first member of what the file has; shape.c asks the BTF.
 *
 * Context: any; who holds the file holds the VM.
 * Return: the VM.
 */
static inline struct kvm *rmpe_gmem_kvm(const struct file *file)
{
	return *(struct kvm **)file->private_data;
}

/**
 * rmpe_vcpu_task() - the task that runs a vCPU
 * @vcpu: the vCPU
 *
 * Context: RCU read side.
 * Return: the task, or NULL.
 */
static inline struct task_struct *rmpe_vcpu_task(struct kvm_vcpu *vcpu)
{
	struct task_struct *task;

#ifdef RMPE_HAS_VCPU_PID_LOCK
	read_lock(&vcpu->pid_lock);
	task = pid_task(vcpu->pid, PIDTYPE_PID);
	read_unlock(&vcpu->pid_lock);
#else
	task = pid_task(rcu_dereference(vcpu->pid), PIDTYPE_PID);
#endif
	return task;
}

/**
 * rmpe_slot_has_gmem() - can a memslot hold private memory?
 * @slot: the memslot, or NULL
 *
 * Context: any.
 * Return: true if it has a guest_memfd.
 */
static inline bool rmpe_slot_has_gmem(const struct kvm_memory_slot *slot)
{
	return slot && slot->flags & KVM_MEM_GUEST_MEMFD;
}

#endif
