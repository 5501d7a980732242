// SPDX-License-Identifier: GPL-2.0-only
/* Is vcpu->pid protected by a lock of its own? */
#include <linux/kvm_host.h>

void probe(struct kvm_vcpu *vcpu);

void probe(struct kvm_vcpu *vcpu)
{
	read_lock(&vcpu->pid_lock);
	read_unlock(&vcpu->pid_lock);
}
