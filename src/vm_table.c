// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which SNP VMs there are.
 */
#include "vm_table.h"

#include <linux/spinlock.h>

DEFINE_HASHTABLE(rmpe_vm_table, RMPE_VM_TABLE_BITS);
/* For writers of the table and last_id.  Held for moments: all who make VMs need it. */
static DEFINE_SPINLOCK(table_lock);
static u64 last_id;

/**
 * rmpe_vm_add() - put a VM into the table
 * @vm: the VM; it gets its number, or is freed if there is one already
 *
 * Context: process context, may sleep; in an ioctl of its KVM or of its vCPUs.
 * Return: the VM that is in the table now.
 */
struct rmpe_vm *rmpe_vm_add(struct rmpe_vm *vm)
{
	struct rmpe_vm *raced;

	spin_lock(&table_lock);
	raced = rmpe_vm_find(vm->kvm);	/* two vCPUs of an older VM */
	if (!raced) {
		vm->id = ++last_id;
		hash_add_rcu(rmpe_vm_table, &vm->node, (unsigned long)vm->kvm);
	}
	spin_unlock(&table_lock);
	if (!raced)
		return vm;
	rmpe_vm_release(vm);
	return raced;
}

/**
 * rmpe_vm_del() - take a VM out of the table
 * @kvm: the VM
 *
 * Context: process context, may sleep; nothing runs in @kvm any more.
 * Return: its state, or NULL.
 */
struct rmpe_vm *rmpe_vm_del(const struct kvm *kvm)
{
	struct rmpe_vm *vm;

	spin_lock(&table_lock);
	vm = rmpe_vm_find(kvm);
	if (vm)
		hash_del_rcu(&vm->node);
	spin_unlock(&table_lock);
	return vm;
}
