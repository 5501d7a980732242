/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A #NPF of an SNP guest, before KVM resolves it.
 */
#ifndef RMPE_NPF_H
#define RMPE_NPF_H

#include <linux/kvm_types.h>

int rmpe_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code,
		    void *insn, int insn_len);

#endif
