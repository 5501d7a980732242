/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a vCPU get anywhere?
 */
#ifndef RMPE_PROGRESS_H
#define RMPE_PROGRESS_H

#include <linux/compiler.h>
#include <linux/kvm_host.h>

#include "vm.h"

#define RMPE_LOOK_EVERY	256	/* faults at one gfn */

bool rmpe_is_stuck(struct rmpe_progress *p, const struct kvm_vcpu *vcpu);

/**
 * rmpe_no_progress() - a fault was in order, and KVM has resolved it
 * @vm: the VM
 * @vcpu: the vCPU
 * @gfn: where
 *
 * Context: KVM_RUN of @vcpu; no lock.
 * Return: true once for each time that @vcpu has faulted at @gfn, and done little
 * else, for long.
 */
static inline bool rmpe_no_progress(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu,
				    gfn_t gfn)
{
	struct rmpe_vcpu *v = READ_ONCE(vm->vcpus[vcpu->vcpu_idx]);

	if (!v)
		return false;
	if (v->progress.gfn != gfn) {
		v->progress.gfn = gfn;
		v->progress.faults = 0;
		return false;
	}
	return ++v->progress.faults % RMPE_LOOK_EVERY == 0 &&
	       rmpe_is_stuck(&v->progress, vcpu);
}

#endif
