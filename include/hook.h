/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of kvm.ko that we wrap.
 */
#ifndef RMPE_HOOK_H
#define RMPE_HOOK_H

#include <linux/kvm_types.h>

int rmpe_hooks_install(void);
void rmpe_hooks_remove(void);

/* KVM's own functions, from inside a wrapper. */
int rmpe_orig_vcpu_run(struct kvm_vcpu *vcpu);
int rmpe_orig_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
			 void *insn, int insn_len);

#endif
