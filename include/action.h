/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be done to a guest that is at fault.
 */
#ifndef RMPE_ACTION_H
#define RMPE_ACTION_H

#include "record.h"

struct kvm_vcpu;
struct rmpe_vm;

enum rmpe_escalation rmpe_can_inject_vc(const struct kvm_vcpu *vcpu);
void rmpe_inject_vc(struct kvm_vcpu *vcpu);
void rmpe_terminate(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
		    const struct rmpe_exit *why);
int rmpe_exit_terminated(const struct rmpe_vm *vm, struct kvm_vcpu *vcpu);

#endif
