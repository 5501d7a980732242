/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What becomes of a fault.
 */
#ifndef RMPE_ENFORCE_H
#define RMPE_ENFORCE_H

#include <linux/kvm_types.h>
#include <linux/types.h>

struct kvm_memory_slot;
struct kvm_vcpu;
struct rmpe_vm;

/**
 * struct rmpe_fault - a #NPF
 * @vcpu: the vCPU
 * @slot: its gfn's memslot
 * @gpa: as the hardware reported it
 * @gfn: of @gpa
 * @error_code: with KVM's own bits
 * @private: the C-bit was set, or did not matter
 * @insn: instruction bytes, or NULL
 * @insn_len: how many
 * @refused: the error, if KVM was asked to resolve it, and has refused
 */
struct rmpe_fault {
	struct kvm_vcpu *vcpu;
	const struct kvm_memory_slot *slot;
	gpa_t gpa;
	gfn_t gfn;
	u64 error_code;
	bool private;
	void *insn;
	int insn_len;
	int refused;
};

enum rmpe_disposition {
	RMPE_RESOLVE,		/* KVM's business */
	RMPE_USE,		/* KVM's, and if it resolves it, rmpe_fault_used() */
	RMPE_RETRY,		/* enter the guest again */
	RMPE_TERMINATED,	/* leave KVM_RUN */
};

enum rmpe_disposition rmpe_fault_judge(struct rmpe_vm *vm, const struct rmpe_fault *f);
void rmpe_fault_used(struct rmpe_vm *vm, const struct rmpe_fault *f);
void rmpe_fault_no_progress(struct rmpe_vm *vm, const struct rmpe_fault *f);
void rmpe_fault_unbacked(struct rmpe_vm *vm, const struct rmpe_fault *f);

#endif
