/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which SNP VMs there are: a table, in which every hook looks its VM up.
 */
#ifndef RMPE_VM_TABLE_H
#define RMPE_VM_TABLE_H

#include <linux/hashtable.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>

#include "vm.h"

#define RMPE_VM_TABLE_BITS 8

extern DECLARE_HASHTABLE(rmpe_vm_table, RMPE_VM_TABLE_BITS);	/* by @kvm */

/**
 * rmpe_vm_find() - the state of a VM
 * @kvm: the VM
 *
 * Context: any.  The result is good for as long as @kvm can't be destroyed.
 * Return: the state, or NULL if the VM is not tracked.
 */
static inline struct rmpe_vm *rmpe_vm_find(const struct kvm *kvm)
{
	struct rmpe_vm *vm, *found = NULL;

	/* Every KVM_RUN comes here: unlike rcu_read_lock() this is no call. */
	rcu_read_lock_sched();
	hash_for_each_possible_rcu(rmpe_vm_table, vm, node, (unsigned long)kvm,
				   rcu_read_lock_sched_held()) {
		if (vm->kvm == kvm) {
			found = vm;
			break;
		}
	}
	rcu_read_unlock_sched();
	return found;
}

struct rmpe_vm *rmpe_vm_add(struct rmpe_vm *vm);
struct rmpe_vm *rmpe_vm_del(const struct kvm *kvm);

#endif
