/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be done to a guest that is at fault.
 */
#ifndef RMPE_ACTION_H
#define RMPE_ACTION_H

#include <asm/barrier.h>

#include "report.h"
#include "vm.h"

struct kvm_vcpu;

enum rmpe_escalation rmpe_can_inject_vc(const struct kvm_vcpu *vcpu);
void rmpe_inject_vc(struct kvm_vcpu *vcpu);
void rmpe_terminate(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
		    const struct rmpe_exit *why);
int rmpe_exit_terminated(const struct rmpe_vm *vm, struct kvm_vcpu *vcpu);

/**
 * rmpe_terminated() - was this guest ended?
 * @vm: the VM
 *
 * Context: any.
 * Return: true if it was; vm->exit is valid then.
 */
static inline bool rmpe_terminated(const struct rmpe_vm *vm)
{
	/* Pairs with rmpe_terminate(). */
	return smp_load_acquire(&vm->terminated);
}

#endif
