/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that the VMM has KVM map before the guest touches them.
 */
#ifndef RMPE_PREFAULT_H
#define RMPE_PREFAULT_H

#include <linux/kvm_types.h>

struct kvm_pre_fault_memory;

long rmpe_prefault(struct kvm_vcpu *vcpu, struct kvm_pre_fault_memory *range);

#endif
