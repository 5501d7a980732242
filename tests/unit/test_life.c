// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM comes, is met, and goes: what is there when, and in which order it goes.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sched.h>

#include <string.h>

#include <unit/alloc.h>
#include <unit/rcu.h>
#include <unit/sysfs.h>
#include <unit/wait.h>

#include "debugfs.h"
#include "ended.h"
#include "fake_host.h"
#include "hooked_kvm.h"
#include "life.h"
#include "sysfs.h"

#define SEV_ES		3
#define LIFE_BURST	100

static struct kvm machines[64];
static struct kvm *const kvm = machines;
static struct task_struct vmm = { .group_leader = &vmm, .pid = 411, .tgid = 410, .comm = "vmm" };

/*
 * KVM's own functions.  @in_init and @in_destroy: what happens in them, or what holds; then
 * what they were called with.
 */
static struct {
	int error;
	void (*in_init)(void);
	void (*in_destroy)(void);

	unsigned int inits, destroys;
	struct kvm *kvm;
	unsigned long type;
} k;

/* In place of debugfs.c: what is there when its part comes and goes. */
static struct {
	unsigned int added, removed;
} debugfs;

static char *dir_of(const struct rmpe_vm *vm)
{
	static char path[64];

	snprintf(path, sizeof(path), "rmp_enforce/vms/%llu", vm->id);
	return path;
}

static bool has_ended(u64 id)
{
	struct rmpe_ended e = { };

	while (rmpe_ended_next(e.nr, &e))
		if (e.id == id)
			return true;
	return false;
}

void rmpe_debugfs_add_vm(struct rmpe_vm *vm)
{
	assert_ptr_equal(rmpe_vm_find(vm->kvm), vm);
	debugfs.added++;
}

/* Whoever looks finds it in one place or the other. */
void rmpe_debugfs_remove_vm(struct rmpe_vm *vm)
{
	assert_null(rmpe_vm_find(vm->kvm));
	assert_true(has_ended(vm->id));
	assert_int_equal(vm->in_sysfs, !!unit_sysfs_dir(dir_of(vm)));
	debugfs.removed++;
}

int kvm_arch_init_vm(struct kvm *of, unsigned long type)
{
	k.inits++;
	k.kvm = of;
	k.type = type;
	if (k.in_init)
		k.in_init();
	of->arch.vm_type = type;
	return k.error;
}

void kvm_arch_destroy_vm(struct kvm *of)
{
	k.destroys++;
	k.kvm = of;
	if (k.in_destroy)
		k.in_destroy();
}

void msleep(unsigned int ms)
{
	fail_msg("somebody is in a wrapper");
}

static int create(struct kvm *of)
{
	return unit_call(kvm_arch_init_vm, of, KVM_X86_SNP_VM);
}

static void destroy(struct kvm *of)
{
	unit_call(kvm_arch_destroy_vm, of);
}

static unsigned int vms;	/* when the test began */
static unsigned int vms_ended;

static void must_not_wait(void)
{
	fail_msg("somebody waits");
}

static int set_up(void **state)
{
	static struct unit_function functions[4] = {
		KVM_FUNCTION(kvm_arch_init_vm),
		KVM_FUNCTION(kvm_arch_destroy_vm),
	};
	static struct rmpe_hook *const hooks[] = {
		&rmpe_hook_init_vm, &rmpe_hook_destroy_vm, NULL
	};

	unit_reset();
	jiffies += 6 * HZ;
	host = (struct fake_host){ };
	memset(&k, 0, sizeof(k));
	memset(&debugfs, 0, sizeof(debugfs));
	memset(machines, 0, sizeof(machines));
	unit_module.refs = 0;
	unit_module_refs_change = NULL;
	unit_somebody_waits = must_not_wait;
	unit_current = &vmm;
	vms = atomic64_read(&rmpe_totals.vms);
	vms_ended = atomic64_read(&rmpe_totals.vms_ended);
	return rmpe_sysfs_init() ?: hook_kvm(functions, hooks);
}

static int tear_down(void **state)
{
	unit_fail_alloc(UNIT_NEVER);
	unit_somebody_waits = NULL;
	rmpe_sysfs_exit();
	return unhook_kvm() || unit_live_objects() || unit_module.refs ||
	       unit_sysfs_dirs();
}

static unsigned int new_vms(void)
{
	return atomic64_read(&rmpe_totals.vms) - vms;
}

static unsigned int ended_vms(void)
{
	return atomic64_read(&rmpe_totals.vms_ended) - vms_ended;
}

/* There is nothing of it. */
static void assert_unknown(struct kvm *of)
{
	assert_null(rmpe_vm_find(of));
	assert_int_equal(new_vms(), 0);
	assert_int_equal(debugfs.added, 0);
	assert_int_equal(unit_sysfs_dirs(), 2);
	assert_int_equal(unit_module.refs, 0);
}

static void in_init_vm(void)
{
	assert_int_equal(hook_users(), 1);
	assert_unknown(kvm);
	/* It may go on elsewhere. */
	unit_cpu = 2;
}

static void vm_is_created(void **state)
{
	struct rmpe_vm *vm;
	char line[128];

	k.in_init = in_init_vm;
	assert_int_equal(create(kvm), 0);
	assert_int_equal(hook_users(), 0);
	assert_int_equal(k.inits, 1);
	assert_ptr_equal(k.kvm, kvm);
	assert_int_equal(k.type, KVM_X86_SNP_VM);

	vm = rmpe_vm_find(kvm);
	assert_non_null(vm);
	assert_ptr_equal(vm->kvm, kvm);
	assert_int_equal(vm->history_state, RMPE_HISTORY_COMPLETE);
	assert_true(vm->in_sysfs);
	assert_ptr_equal(unit_sysfs_dir(dir_of(vm)), &vm->kobj);
	assert_int_equal(debugfs.added, 1);
	assert_int_equal(new_vms(), 1);
	assert_int_equal(ended_vms(), 0);
	assert_int_equal(unit_module.refs, 1);
	snprintf(line, sizeof(line), "6 rmp_enforce: vm=%llu pid=410 comm=vmm history=complete: guarding\n",
		 vm->id);
	assert_string_equal(host.log, line);
	assert_int_equal(host.printed, 1);
	destroy(kvm);
}

/* Its type is not set yet: the argument says it. */
static void ordinary_vms_are_left_alone(void **state)
{
	kvm->arch.vm_type = KVM_X86_SNP_VM;
	assert_int_equal(unit_call(kvm_arch_init_vm, kvm, SEV_ES), 0);
	assert_int_equal(k.inits, 1);
	assert_int_equal(k.type, SEV_ES);
	assert_unknown(kvm);
	destroy(kvm);
	assert_int_equal(k.destroys, 1);
	assert_int_equal(host.printed, 0);
}

static void vm_that_kvm_cannot_create(void **state)
{
	k.error = -ENOMEM;
	assert_int_equal(create(kvm), -ENOMEM);
	assert_unknown(kvm);
	assert_int_equal(hook_users(), 0);
	assert_int_equal(host.printed, 0);
}

static void unload(void)
{
	unit_module.state = MODULE_STATE_GOING;
}

/* Of a VM that is made while the module goes KVM hears nothing. */
static void created_while_the_module_goes(void **state)
{
	k.in_init = unload;
	assert_int_equal(create(kvm), 0);
	assert_unknown(kvm);
	assert_int_equal(host.printed, 0);
	unit_module.state = MODULE_STATE_LIVE;
	destroy(kvm);
	assert_int_equal(k.destroys, 1);
	assert_int_equal(ended_vms(), 0);
}

/* It runs unguarded, or without files; and may be met later. */
static void no_memory(void **state)
{
	unsigned int nth, unguarded = 0, guarded = 0;

	for (nth = 1;; nth++) {
		host = (struct fake_host){ };
		unit_fail_alloc(nth);
		assert_int_equal(create(kvm), 0);
		if (!unit_alloc_failed())
			break;
		unit_fail_alloc(UNIT_NEVER);
		if (rmpe_vm_find(kvm)) {
			assert_int_equal(unit_module.refs, 1);
			assert_false(rmpe_vm_find(kvm)->in_sysfs);
			guarded++;
		} else {
			assert_int_equal(unit_module.refs, 0);
			assert_string_equal(host.log, "4 rmp_enforce: out of memory: the VM of pid 410 is not guarded\n");
			assert_int_equal(new_vms(), guarded);
			unguarded++;
			assert_non_null(rmpe_vm_adopt(kvm));
			guarded++;
		}
		destroy(kvm);
		assert_null(rmpe_vm_find(kvm));
		assert_int_equal(unit_module.refs, 0);
		assert_int_equal(unit_sysfs_dirs(), 2);
	}
	assert_true(unguarded >= 4);
	assert_int_equal(guarded, unguarded + 1);
	destroy(kvm);
}

static void older_vm_is_met(void **state)
{
	struct rmpe_vm *vm = rmpe_vm_find_or_adopt(kvm);

	assert_non_null(vm);
	assert_int_equal(vm->history_state, RMPE_HISTORY_PARTIAL);
	assert_int_equal(unit_module.refs, 1);
	assert_int_equal(new_vms(), 1);
	assert_non_null(strstr(host.log, " history=partial: guarding\n"));
	assert_ptr_equal(rmpe_vm_find_or_adopt(kvm), vm);
	assert_ptr_equal(rmpe_vm_find(kvm), vm);
	assert_int_equal(unit_module.refs, 1);
	kvm->arch.vm_type = KVM_X86_SNP_VM;
	destroy(kvm);
	assert_null(rmpe_vm_find(kvm));
}

static void met_while_the_module_goes(void **state)
{
	unit_module.state = MODULE_STATE_GOING;
	assert_null(rmpe_vm_find_or_adopt(kvm));
	unit_module.state = MODULE_STATE_LIVE;
	assert_unknown(kvm);
}

static struct rmpe_vm *first;

static void other_vcpu_is_faster(void)
{
	first = rmpe_vm_adopt(kvm);
}

/* Two vCPUs of it find it at once. */
static void met_twice(void **state)
{
	struct rmpe_vm *vm;

	unit_module_refs_change = other_vcpu_is_faster;
	vm = rmpe_vm_adopt(kvm);
	assert_non_null(first);
	assert_ptr_equal(vm, first);
	assert_ptr_equal(rmpe_vm_find(kvm), first);
	assert_int_equal(unit_module.refs, 1);
	assert_int_equal(new_vms(), 1);
	assert_int_equal(debugfs.added, 1);
	assert_int_equal(host.printed, 1);
	kvm->arch.vm_type = KVM_X86_SNP_VM;
	destroy(kvm);
	/* The one that came too late is gone too. */
	rmpe_vm_wait_all_freed();
	assert_int_equal(ended_vms(), 1);
}

static u64 id;
static unsigned int waits;

/* KVM ends the guest with all in place: faults may come until it has. */
static void in_destroy_vm(void)
{
	struct rmpe_vm *vm = rmpe_vm_find(kvm);

	assert_int_equal(hook_users(), 1);
	assert_non_null(vm);
	assert_int_equal(vm->id, id);
	assert_int_equal(atomic_read(&vm->taker.pending), 0);
	assert_non_null(unit_sysfs_dir(dir_of(vm)));
	assert_false(has_ended(id));
	assert_int_equal(ended_vms(), 0);
	assert_int_equal(debugfs.removed, 0);
	assert_int_equal(unit_module.refs, 1);
	unit_cpu = 3;
}

/* From here on the module may be unloaded: nothing of it must be left. */
static void module_is_let_go(void)
{
	assert_null(rmpe_vm_find(kvm));
	assert_int_equal(unit_sysfs_dirs(), 2);
	assert_int_equal(debugfs.removed, 1);
	assert_int_equal(hook_users(), 1);
	rmpe_vm_wait_all_freed();
	waits++;
}

static void vm_is_destroyed(void **state)
{
	struct rmpe_ended e = { };

	assert_int_equal(create(kvm), 0);
	id = rmpe_vm_find(kvm)->id;
	k.in_destroy = in_destroy_vm;
	waits = 0;
	unit_module_refs_change = module_is_let_go;
	destroy(kvm);
	assert_int_equal(waits, 1);
	assert_int_equal(k.destroys, 1);
	assert_ptr_equal(k.kvm, kvm);
	assert_int_equal(hook_users(), 0);
	assert_int_equal(unit_module.refs, 0);
	assert_int_equal(new_vms(), 1);
	assert_int_equal(ended_vms(), 1);
	while (rmpe_ended_next(e.nr, &e))
		;
	assert_int_equal(e.id, id);
	/* Once. */
	k.in_destroy = NULL;
	destroy(kvm);
	assert_int_equal(ended_vms(), 1);
	assert_int_equal(k.destroys, 2);
}

static void firmware_answers(void)
{
	struct rmpe_vm *vm = rmpe_vm_find(kvm);

	assert_int_equal(k.destroys, 0);
	waits++;
	atomic_dec(&vm->taker.pending);
	unit_wake();
}

/* KVM asks it next to end the guest, and it is still busy with a page of it. */
static void worker_is_waited_for_first(void **state)
{
	struct rmpe_vm *vm;

	assert_int_equal(create(kvm), 0);
	vm = rmpe_vm_find(kvm);
	id = vm->id;
	atomic_inc(&vm->taker.pending);
	atomic_inc(&vm->taker.pending);
	waits = 0;
	unit_somebody_waits = firmware_answers;
	k.in_destroy = in_destroy_vm;
	destroy(kvm);
	assert_int_equal(waits, 2);
	assert_int_equal(k.destroys, 1);
}

static void unknown_vm_is_destroyed(void **state)
{
	kvm->arch.vm_type = KVM_X86_SNP_VM;
	destroy(kvm);
	assert_int_equal(k.destroys, 1);
	assert_int_equal(ended_vms(), 0);
	assert_int_equal(hook_users(), 0);
	assert_int_equal(host.printed, 0);
}

static struct kobject *held;

static void reader_leaves(void)
{
	kobject_put(held);
}

/* Who has a file of it open keeps the struct, and neither the VM nor the module. */
static void somebody_reads_its_files(void **state)
{
	assert_int_equal(create(kvm), 0);
	held = kobject_get(&rmpe_vm_find(kvm)->kobj);
	destroy(kvm);
	assert_null(rmpe_vm_find(kvm));
	assert_int_equal(unit_sysfs_dirs(), 2);
	assert_int_equal(unit_module.refs, 0);
	assert_true(unit_live_objects() > 5);
	unit_somebody_waits = reader_leaves;
	rmpe_vm_wait_all_freed();
}

static void last_line(void **state)
{
	struct rmpe_vm *vm;
	char line[256];
	unsigned int i;

	assert_int_equal(create(kvm), 0);
	vm = rmpe_vm_find(kvm);
	vm->counters = (struct rmpe_counters){
		.launch_pages = 901, .psc_completed = 0x100000001, .psc_refused = 902,
		.psc_pages = 903, .psc_redundant = 904, .pages_discarded = 0x400000004,
		.prefaults_skipped = 905, .vc_injected = 906, .enforced = 0x200000002,
		.repeated = 907, .log_suppressed = 0x300000003,
	};
	/* Each class counts, and what was in order does not. */
	for (i = 0; i < RMPE_NR_CLASSES; i++)
		vm->counters.class[i] = 1ull << (4 * i);
	snprintf(line, sizeof(line),
		 "6 rmp_enforce: vm=%llu pid=410 ended: psc=%llu violations=%llu enforced=%llu suppressed=%llu discarded=%llu\n",
		 vm->id, 0x100000001ull, 0x1111111110ull, 0x200000002ull, 0x300000003ull,
		 0x400000004ull);
	destroy(kvm);
	assert_string_equal(host.log, line);
	assert_int_equal(host.printed, 2);
}

/* Coming and going together. */
static void lives_do_not_flood_the_log(void **state)
{
	unsigned int round, i;

	for (round = 1; round <= 2; round++) {
		for (i = 0; i < ARRAY_SIZE(machines); i++)
			assert_int_equal(create(&machines[i]), 0);
		assert_int_equal(host.printed, LIFE_BURST * (round - 1) + i);
		for (i = 0; i < ARRAY_SIZE(machines); i++)
			destroy(&machines[i]);
		assert_int_equal(host.printed, LIFE_BURST * round);
		assert_int_equal(new_vms(), round * ARRAY_SIZE(machines) + round - 1);
		assert_int_equal(ended_vms(), round * ARRAY_SIZE(machines) + round - 1);
		/* Not before 5 s have passed. */
		jiffies += 5 * HZ - 1;
		assert_int_equal(create(kvm), 0);
		destroy(kvm);
		assert_int_equal(host.printed, LIFE_BURST * round);
		jiffies += 2;
	}
}

static void what_is_hooked(void **state)
{
	assert_string_equal(rmpe_hook_init_vm.prototype, "s32(struct kvm *, u64)");
	assert_string_equal(rmpe_hook_destroy_vm.prototype, "void(struct kvm *)");
	/* Without these nothing is tracked. */
	assert_null(rmpe_hook_init_vm.without);
	assert_null(rmpe_hook_destroy_vm.without);
}

#define life_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		life_test(vm_is_created),
		life_test(ordinary_vms_are_left_alone),
		life_test(vm_that_kvm_cannot_create),
		life_test(created_while_the_module_goes),
		life_test(no_memory),
		life_test(older_vm_is_met),
		life_test(met_while_the_module_goes),
		life_test(met_twice),
		life_test(vm_is_destroyed),
		life_test(worker_is_waited_for_first),
		life_test(unknown_vm_is_destroyed),
		life_test(somebody_reads_its_files),
		life_test(last_line),
		life_test(lives_do_not_flood_the_log),
		life_test(what_is_hooked),
	};

	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
