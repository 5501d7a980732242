// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compiles on every kernel that can be built for.  If it does not, the build
 * environment is broken and the other probes mean nothing.
 */
#include <linux/kvm_host.h>

int probe(struct kvm_vcpu *vcpu);

int probe(struct kvm_vcpu *vcpu)
{
	return vcpu->kvm->arch.vm_type == KVM_X86_SNP_VM;
}
