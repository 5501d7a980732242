/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_KVM_HOST_H
#define UNIT_ASM_KVM_HOST_H

#include <linux/types.h>

struct kvm_vcpu;

#define KVM_MAX_VCPUS		4096
#define KVM_MAX_VCPU_IDS	(KVM_MAX_VCPUS * 4)

#define KVM_REQ_EVENT		KVM_ARCH_REQ(6)

struct kvm_queued_exception {
	bool pending;
	bool injected;
	bool has_error_code;
	u8 vector;
	u32 error_code;
	unsigned long payload;
	bool has_payload;
};

struct kvm_queued_interrupt {
	bool injected;
	bool soft;
	u8 nr;
};

/* The members that the tested sources read or write, and some beside them. */
struct kvm_vcpu_arch {
	unsigned long cr0;
	int (*complete_userspace_io)(struct kvm_vcpu *vcpu);
	struct kvm_queued_exception exception;
	struct kvm_queued_interrupt interrupt;
	unsigned int nmi_pending;
	bool nmi_injected;
};

struct kvm_arch {
	unsigned long vm_type;
	bool pre_fault_allowed;
};

#endif
