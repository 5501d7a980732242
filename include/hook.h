/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of kvm.ko that we wrap.
 */
#ifndef RMPE_HOOK_H
#define RMPE_HOOK_H

#include <linux/kvm_types.h>

struct file;
struct kvm_pre_fault_memory;

int rmpe_hooks_install(void);
void rmpe_hooks_remove(void);
void rmpe_hooks_stop(void);

/* KVM's own functions, from inside a wrapper. */
int rmpe_orig_vcpu_run(struct kvm_vcpu *vcpu);
int rmpe_orig_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
			 void *insn, int insn_len);
long rmpe_orig_prefault(struct kvm_vcpu *vcpu, struct kvm_pre_fault_memory *range);
long rmpe_orig_gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);

#endif
