/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page of a guest that may be debugged, by the firmware's SNP_DBG_DECRYPT.
 */
#ifndef RMPE_FIRMWARE_H
#define RMPE_FIRMWARE_H

#include <linux/types.h>

struct kvm;
struct kvm_vcpu;

/**
 * struct rmpe_firmware_shape - where kvm_amd keeps what the firmware is asked with; no
 *	header has it, the kernel's BTF does
 * @known: the BTF vouches for the first two
 * @vmcb: of a vCPU, struct vcpu_svm, a pointer
 * @context: of a VM, struct kvm_svm, a pointer to its guest context page
 * @policy: of a VM, its SNP policy; negative where KVM does not keep it
 */
struct rmpe_firmware_shape {
	bool known;
	int vmcb;
	int context;
	int policy;
};

extern struct rmpe_firmware_shape rmpe_firmware_shape;

/* Whether the guest may be debugged. */
enum rmpe_debuggable {
	RMPE_DEBUGGABLE_UNKNOWN,
	RMPE_DEBUGGABLE_YES,
	RMPE_DEBUGGABLE_NO,
};

const char *rmpe_firmware_init(void);
void rmpe_firmware_exit(void);
bool rmpe_firmware_usable(void);

enum rmpe_debuggable rmpe_firmware_policy(const struct kvm *kvm);
u64 rmpe_firmware_context(const struct kvm *kvm);
u64 rmpe_firmware_vmsa(const struct kvm_vcpu *vcpu);

int rmpe_firmware_decrypt(u64 context, u64 pa, void **page);
void rmpe_firmware_free(void *page);

#endif
