// SPDX-License-Identifier: GPL-2.0-only
#include "one_guest.h"

#include <linux/container_of.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/static_call.h>
#include <asm/pgtable_types.h>

#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>
#include <unit/mutex.h>
#include <unit/rcu.h>

#include "action.h"
#include "debugfs.h"
#include "ghcb_psc.h"
#include "hook_users.h"
#include "life.h"
#include "npf.h"
#include "prefault.h"
#include "rmpe_trace.h"
#include "run.h"
#include "site.h"
#include "site_taker.h"
#include "sysfs.h"

#define LOG_INTERVAL	(5 * HZ)

struct one_guest guest;

/*
 * In place of site_taker.c, sysfs.c and debugfs.c.  What takes long must not be waited for
 * with a lock, or with the slots.
 */
struct rmpe_site *rmpe_site_take(struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	unit_may_sleep();
	assert_int_equal(unit_mutexes(), 0);
	assert_false(srcu_read_lock_held(&guest.kvm.srcu));
	assert_ptr_equal(vm, guest.vm);
	guest.site_looks++;
	guest.site_vcpu = vcpu;
	return rmpe_site_get(guest.site);
}

void rmpe_site_wait_all(struct rmpe_vm *vm)
{
	unit_may_sleep();
}

void rmpe_sysfs_add_vm(struct rmpe_vm *vm)
{
	vm->in_sysfs = true;
}

void rmpe_sysfs_remove_vm(struct rmpe_vm *vm)
{
	vm->in_sysfs = false;
}

void rmpe_debugfs_add_vm(struct rmpe_vm *vm)
{
}

void rmpe_debugfs_remove_vm(struct rmpe_vm *vm)
{
}

void kobject_put(struct kobject *kobj)
{
	rmpe_vm_release(container_of(kobj, struct rmpe_vm, kobj));
}

static void note_psc(u64 id, pid_t pid, int vcpu, const struct rmpe_psc *psc, u64 ret)
{
	guest.psc_id = id;
	guest.psc_pid = pid;
	guest.psc_vcpu = vcpu;
	guest.psc = *psc;
	guest.psc_ret = ret;
}

void trace_psc_request(u64 id, pid_t pid, int vcpu, const struct rmpe_psc *psc, u64 ret)
{
	guest.psc_requests++;
	note_psc(id, pid, vcpu, psc, ret);
}

void trace_psc_complete(u64 id, pid_t pid, int vcpu, const struct rmpe_psc *psc, u64 ret)
{
	guest.psc_completes++;
	note_psc(id, pid, vcpu, psc, ret);
}

static void set_original(struct rmpe_hook *hook, void *function)
{
	__static_call_update(hook->original, hook->trampoline, function);
}

static void make_vcpu(int i)
{
	struct kvm_vcpu *vcpu = &guest.vcpu[i];
	struct task_struct *task = &guest.task[i];

	*task = (struct task_struct){
		.group_leader = &guest.task[0],
		.pid = 500 + i,
		.tgid = 500,
		.comm = "vmm",
	};
	guest.pid[i].task = task;
	*vcpu = (struct kvm_vcpu){
		.kvm = &guest.kvm,
		.vcpu_id = 0x20 + 3 * i,
		.vcpu_idx = i,
		.pid = &guest.pid[i],
		.run = &guest.run[i],
		.wants_to_run = true,
		.arch.cr0 = X86_CR0_PE | X86_CR0_PG,
	};
	guest.kvm.vcpu_array[i] = vcpu;
	atomic_inc(&guest.kvm.online_vcpus);
}

static const struct kvm_memory_slot slots[] = {
	{
		.base_gfn = MEMORY,
		.npages = MEMORY_END - MEMORY,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = &fake_gmem },
	}, {
		.base_gfn = DEVICE,
		.npages = DEVICE_END - DEVICE,
		.flags = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY,
	}, {
		.base_gfn = HIGH,
		.npages = HIGH_END - HIGH,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = &fake_gmem, .pgoff = 0x100 },
	},
};

static void reset(void)
{
	static struct rmpe_settings defaults;

	unit_reset();
	/* Limits of what is printed are of an interval. */
	jiffies += LOG_INTERVAL + 1;
	if (!defaults.mode)
		defaults = rmpe_global;
	rmpe_global = defaults;
	rmpe_global.mode = RMPE_MODE_STRICT;
	rmpe_totals = (struct rmpe_totals){ };
	unit_before_lock = NULL;
	unit_observer = NULL;
	unit_module = (struct module){ };
	fake_kvm = (struct fake_kvm){ };
	host = (struct fake_host){
		.now_ns = 5000000000,
		.has_folio = true,
		.rmp_assigned = true,
		.rmp_level = PG_LEVEL_4K,
	};
}

static int set_up(bool older)
{
	int (*create)(struct kvm *kvm, unsigned long type) = rmpe_hook_init_vm.wrapper;
	int i;

	reset();
	set_original(&rmpe_hook_init_vm, fake_init_vm);
	set_original(&rmpe_hook_destroy_vm, fake_destroy_vm);
	set_original(&rmpe_hook_vcpu_run, fake_vcpu_run);
	set_original(&rmpe_hook_page_fault, fake_page_fault);
	set_original(&rmpe_hook_pre_fault, fake_pre_fault);

	guest = (struct one_guest){ .inode.i_ino = 7 };
	fake_gmem.f_inode = &guest.inode;
	memcpy(guest.slot, slots, sizeof(slots));
	guest.kvm.memslots.slot = guest.slot;
	guest.kvm.memslots.nr = ARRAY_SIZE(slots);
	guest.kvm.arch.pre_fault_allowed = true;
	for (i = 0; i < UNIT_MAX_VCPUS; i++)
		make_vcpu(i);
	unit_current = &guest.task[0];
	if (older)
		return 0;
	if (create(&guest.kvm, KVM_X86_SNP_VM))
		return -1;
	guest.vm = rmpe_vm_find(&guest.kvm);
	fake_kvm.calls = 0;
	host.printed = 0;
	return !guest.vm;
}

int guest_set_up(void **state)
{
	return set_up(false);
}

int guest_set_up_older(void **state)
{
	return set_up(true);
}

int guest_tear_down(void **state)
{
	void (*destroy)(struct kvm *kvm) = rmpe_hook_destroy_vm.wrapper;

	unit_fail_alloc(UNIT_NEVER);
	unit_before_lock = NULL;
	unit_observer = NULL;
	fake_kvm.meanwhile = NULL;
	unit_may_sleep();
	destroy(&guest.kvm);
	rmpe_site_put(guest.site);
	return unit_live_objects() || unit_mutexes() || unit_module.refs ||
	       hook_users() || srcu_read_lock_held(&guest.kvm.srcu) ||
	       host.file_refs || host.folio_refs;
}

int guest_run(struct kvm_vcpu *vcpu)
{
	int (*run)(struct kvm_vcpu *vcpu) = rmpe_hook_vcpu_run.wrapper;
	int r = run(vcpu);

	assert_int_equal(hook_users(), 0);
	return r;
}

int guest_fault(struct kvm_vcpu *vcpu, gpa_t gpa, u64 error_code)
{
	typeof(fake_page_fault) *fault = rmpe_hook_page_fault.wrapper;
	static char insn[15];
	int r;

	kvm_vcpu_srcu_read_lock(vcpu);
	r = fault(vcpu, gpa, error_code, insn, sizeof(insn));
	kvm_vcpu_srcu_read_unlock(vcpu);
	assert_int_equal(hook_users(), 0);
	return r;
}

long guest_pre_fault(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	typeof(fake_pre_fault) *pre_fault = rmpe_hook_pre_fault.wrapper;
	struct kvm_pre_fault_memory range = { .gpa = gpa, .size = 0x10000 };
	long r;

	kvm_vcpu_srcu_read_lock(vcpu);
	r = pre_fault(vcpu, &range);
	kvm_vcpu_srcu_read_unlock(vcpu);
	assert_int_equal(hook_users(), 0);
	assert_true(!fake_kvm.range || fake_kvm.range == &range);
	fake_kvm.range = NULL;
	return r;
}

void guest_asks(struct kvm_vcpu *vcpu, gfn_t gfn, u64 npages, bool private)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	run->hypercall.args[0] = gfn << PAGE_SHIFT;
	run->hypercall.args[1] = npages;
	run->hypercall.args[2] = KVM_MAP_GPA_RANGE_PAGE_SZ_4K |
				 KVM_MAP_GPA_RANGE_ENC_STAT(private);
	vcpu->arch.complete_userspace_io = fake_complete;
	rmpe_psc_seen(guest.vm, vcpu);
}

/* As the next KVM_RUN of it begins (arch/x86/kvm/x86.c). */
int vmm_answers(struct kvm_vcpu *vcpu, u64 ret)
{
	int (*complete)(struct kvm_vcpu *vcpu) = vcpu->arch.complete_userspace_io;
	int r;

	assert_non_null(complete);
	vcpu->run->hypercall.ret = ret;
	vcpu->arch.complete_userspace_io = NULL;
	kvm_vcpu_srcu_read_lock(vcpu);
	r = complete(vcpu);
	kvm_vcpu_srcu_read_unlock(vcpu);
	return r;
}

void guest_psc(struct kvm_vcpu *vcpu, gfn_t gfn, u64 npages, bool private)
{
	unsigned int calls = fake_kvm.calls;

	guest_asks(vcpu, gfn, npages, private);
	vmm_answers(vcpu, 0);
	assert_int_equal(fake_kvm.calls, calls + 1);
	fake_kvm.calls = calls;
}

void guest_terminate(struct kvm_vcpu *vcpu, const struct rmpe_exit *why)
{
	mutex_lock(&guest.vm->lock);
	rmpe_terminate(guest.vm, vcpu, why);
	mutex_unlock(&guest.vm->lock);
	unit_may_sleep();	/* no longer among RCU's readers */
}

void guest_fail_at_lock(void)
{
	fail_msg("a lock");
}

enum rmpe_page_state guest_asked(gfn_t gfn)
{
	return rmpe_tracker_state(&guest.vm->asked, gfn);
}

enum rmpe_page_state guest_used(gfn_t gfn)
{
	return rmpe_tracker_state(&guest.vm->used, gfn);
}

struct rmpe_record guest_record(void)
{
	struct rmpe_record rec;

	assert_true(rmpe_vm_record(guest.vm, RMPE_LAST_RECORD, &rec));
	return rec;
}

u64 guest_records(void)
{
	return guest.vm->records.nr;
}
