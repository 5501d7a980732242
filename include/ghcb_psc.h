/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PSC requests, as they pass the KVM_RUN boundary.
 */
#ifndef RMPE_GHCB_PSC_H
#define RMPE_GHCB_PSC_H

#include <linux/compiler.h>
#include <linux/kvm_host.h>

struct rmpe_vm;

void rmpe_psc_seen(struct rmpe_vm *vm, struct kvm_vcpu *vcpu);

/**
 * rmpe_may_be_psc() - is it worth a closer look?
 * @vcpu: the vCPU
 *
 * Context: KVM_RUN of @vcpu.
 * Return: true if KVM has left with a hypercall.
 */
static inline bool rmpe_may_be_psc(const struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->exit_reason) == KVM_EXIT_HYPERCALL;
}

#endif
