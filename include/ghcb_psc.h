/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PSC requests, as they pass the KVM_RUN boundary.
 */
#ifndef RMPE_GHCB_PSC_H
#define RMPE_GHCB_PSC_H

#include <linux/kvm_types.h>

struct rmpe_early;
struct rmpe_psc;
struct rmpe_vm;

int rmpe_vcpu_run(struct kvm_vcpu *vcpu);
void rmpe_psc_launched(struct kvm *kvm, gfn_t gfn, long npages);
struct rmpe_psc *rmpe_psc_in_flight(struct rmpe_vm *vm, gfn_t gfn, bool to_private,
				    u64 since);
void rmpe_psc_settle(struct rmpe_vm *vm, struct kvm *kvm, const struct rmpe_early *e,
		     bool private);

#endif
