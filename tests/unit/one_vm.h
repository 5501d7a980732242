/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM in the module's table, and KVM's part of it, for tests of what happens in its
 * ioctls.
 */
#ifndef UNIT_ONE_VM_H
#define UNIT_ONE_VM_H

#include "test.h"

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>

#include <string.h>

#include <unit/alloc.h>

#include "fake_host.h"
#include "hooked_kvm.h"
#include "vm_table.h"

#define MAX_SLOTS	8

static struct kvm kvm;
static struct kvm_memory_slot slots[MAX_SLOTS];
static struct rmpe_vm *vm;		/* the module's */

/* The hooks wait for whoever is in a wrapper: nobody is when a test ends. */
void msleep(unsigned int ms)
{
	fail_msg("somebody is in a wrapper");
}

static inline void add_one_vm(void)
{
	vm = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
	assert_non_null(vm);
	assert_ptr_equal(rmpe_vm_add(vm), vm);
}

static inline void remove_one_vm(void)
{
	rmpe_vm_del(&kvm);
	rmpe_vm_release(vm);
}

/* The table is empty yet. */
static inline void begin_kvm(void)
{
	unit_reset();
	jiffies += 6 * HZ;
	host = (struct fake_host){ };
	kvm = (struct kvm){
		.arch.vm_type = KVM_X86_SNP_VM,
		.memslots.slot = slots,
	};
}

/* Fails if a lock is held, or memory is left. */
static inline int end_kvm(void)
{
	xa_destroy(&kvm.mem_attr_array);
	return kvm.slots_lock.held || srcu_read_lock_held(&kvm.srcu) || unit_live_objects();
}

/* It is there from now on. */
static inline void show_slot(const struct kvm_memory_slot *slot)
{
	assert_true(kvm.memslots.nr < MAX_SLOTS);
	slots[kvm.memslots.nr++] = *slot;
}

static inline enum rmpe_page_state asked(gfn_t gfn)
{
	return rmpe_tracker_state(&vm->asked, gfn);
}

static inline void ask(gfn_t gfn, u64 npages, enum rmpe_page_state state)
{
	mutex_lock(&vm->lock);
	rmpe_vm_set_asked(vm, gfn, npages, state);
	mutex_unlock(&vm->lock);
}

#endif
