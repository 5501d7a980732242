/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM's part: what it answers, as the test says, and what it was asked.
 */
#ifndef UNIT_FAKE_KVM_H
#define UNIT_FAKE_KVM_H

#include <linux/kvm_host.h>

#define FAKE_REQUESTS	16
#define FAKE_PRIVATE	16

/**
 * struct fake_request - a request that a vCPU was made
 * @vcpu: the vCPU
 * @req: KVM_REQ_*
 * @fences: full barriers until then
 */
struct fake_request {
	struct kvm_vcpu *vcpu;
	int req;
	unsigned int fences;
};

/**
 * struct fake_kvm - the answers, then the notes
 * @answer: of KVM's functions
 * @meanwhile: what happens while one of them is at work
 * @on_attribute: what happens before an attribute is looked up
 * @on_request: what a request's vCPU could do at once
 * @is_private: gfns whose attribute is private, 0 for none
 * @calls: how often a function of KVM's was called
 * @vcpu: by which vCPU the last time
 * @gpa: with what
 * @error_code: likewise
 * @insn: likewise
 * @insn_len: likewise
 * @range: likewise
 * @request: the first requests, in order
 * @nr_requests: how many there were
 */
struct fake_kvm {
	long answer;
	void (*meanwhile)(struct kvm_vcpu *vcpu);
	void (*on_attribute)(gfn_t gfn);
	void (*on_request)(struct kvm_vcpu *vcpu);
	gfn_t is_private[FAKE_PRIVATE];

	unsigned int calls;
	struct kvm_vcpu *vcpu;
	gpa_t gpa;
	u64 error_code;
	void *insn;
	int insn_len;
	struct kvm_pre_fault_memory *range;
	struct fake_request request[FAKE_REQUESTS];
	unsigned int nr_requests;
};

extern struct fake_kvm fake_kvm;

/* The VMM sets the attribute of a gfn. */
void fake_set_private(gfn_t gfn, bool private);

/* KVM's own functions, for the static calls of hooks. */
int fake_init_vm(struct kvm *kvm, unsigned long type);
void fake_destroy_vm(struct kvm *kvm);
int fake_vcpu_run(struct kvm_vcpu *vcpu);
int fake_page_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code, void *insn,
		    int insn_len);
long fake_pre_fault(struct kvm_vcpu *vcpu, struct kvm_pre_fault_memory *range);
int fake_complete(struct kvm_vcpu *vcpu);

#endif
