// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are populated at launch: those that KVM has done, and no others.
 */
#include "one_vm.h"

#include <linux/errno.h>

#include "debugfs.h"
#include "launch.h"
#include "sysfs.h"

#define GFN	0x700000100ULL
#define NPAGES	0x40

/* KVM's function, and what it was asked. */
static struct {
	long answer;
	void (*meanwhile)(void);

	unsigned int calls;
	gfn_t gfn;
	void *src;
	long npages;
	kvm_gmem_populate_cb cb;
	void *opaque;
} k;

long kvm_gmem_populate(struct kvm *of, gfn_t gfn, void *src, long npages,
		       kvm_gmem_populate_cb cb, void *opaque)
{
	assert_ptr_equal(of, &kvm);
	assert_int_equal(hook_users(), kvm.arch.vm_type == KVM_X86_SNP_VM);
	assert_false(vm && vm->lock.held);
	k.calls++;
	k.gfn = gfn;
	k.src = src;
	k.npages = npages;
	k.cb = cb;
	k.opaque = opaque;
	if (k.meanwhile)
		k.meanwhile();
	return k.answer;
}

/* In place of debugfs.c. */
void rmpe_debugfs_add_vm(struct rmpe_vm *of)
{
}

void rmpe_debugfs_remove_vm(struct rmpe_vm *of)
{
}

static int set_up(void **state)
{
	static struct unit_function functions[3] = { KVM_FUNCTION(kvm_gmem_populate) };
	static struct rmpe_hook *const hooks[] = { &rmpe_hook_populate, NULL };

	begin_kvm();
	memset(&k, 0, sizeof(k));
	unit_module.refs = 0;
	add_one_vm();
	return rmpe_sysfs_init() ?: hook_kvm(functions, hooks);
}

static int tear_down(void **state)
{
	unit_fail_alloc(UNIT_NEVER);
	if (vm)
		remove_one_vm();
	rmpe_sysfs_exit();
	return unhook_kvm() || end_kvm();
}

static int callback(struct kvm *of, gfn_t gfn, void *opaque)
{
	return 0;
}

/* SNP_LAUNCH_UPDATE of a page or more, of which KVM does @answer. */
static void populate(gfn_t gfn, long npages, long answer)
{
	static char src, opaque;
	long r;

	k.answer = answer;
	mutex_lock(&kvm.slots_lock);
	r = unit_call(kvm_gmem_populate, &kvm, gfn, &src, npages, callback, &opaque);
	mutex_unlock(&kvm.slots_lock);
	assert_int_equal(r, answer);
	assert_int_equal(k.gfn, gfn);
	assert_ptr_equal(k.src, &src);
	assert_int_equal(k.npages, npages);
	assert_ptr_equal(k.cb, callback);
	assert_ptr_equal(k.opaque, &opaque);
	assert_int_equal(hook_users(), 0);
}

static void assert_launched(gfn_t gfn, u64 npages)
{
	assert_int_equal(asked(gfn - 1), RMPE_PAGE_NONE);
	assert_int_equal(asked(gfn), RMPE_PAGE_LAUNCHED);
	assert_int_equal(asked(gfn + npages - 1), RMPE_PAGE_LAUNCHED);
	assert_int_equal(asked(gfn + npages), RMPE_PAGE_NONE);
}

static void pages_are_private_from_the_start(void **state)
{
	populate(GFN, NPAGES, NPAGES);
	assert_int_equal(k.calls, 1);
	assert_launched(GFN, NPAGES);
	assert_int_equal(vm->counters.launch_pages, NPAGES);
	populate(0x10, 1, 1);
	assert_launched(0x10, 1);
	assert_int_equal(vm->counters.launch_pages, NPAGES + 1);
	assert_false(vm->lock.held);
}

/* The firmware refuses a page in the middle, or a signal comes. */
static void part_of_what_was_asked_for(void **state)
{
	populate(GFN, NPAGES, 5);
	assert_launched(GFN, 5);
	assert_int_equal(vm->counters.launch_pages, 5);
	/* And the rest. */
	populate(GFN + 5, NPAGES - 5, NPAGES - 5);
	assert_launched(GFN, NPAGES);
	assert_int_equal(vm->counters.launch_pages, NPAGES);
}

static void only_one_of_many(void **state)
{
	populate(GFN, NPAGES, 1);
	assert_launched(GFN, 1);
	assert_int_equal(vm->counters.launch_pages, 1);
}

static void nothing_was_done(void **state)
{
	static const long answers[] = { 0, -EINVAL, -EINTR, -1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		populate(GFN, NPAGES, answers[i]);
		assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
		assert_int_equal(vm->counters.launch_pages, 0);
	}
	assert_true(rmpe_tracker_is_empty(&vm->asked));
}

/* 32 TiB; one number for all of them. */
static void numbers_beyond_32_bits(void **state)
{
	const long many = 0x200000000;

	populate(GFN, many, many);
	assert_launched(GFN, many);
	assert_int_equal(vm->counters.launch_pages, many);
}

/* Its slot came just now, and none of it was seen yet. */
static void in_a_slot_that_came(void **state)
{
	static struct inode inode = { .i_ino = 11 };
	static struct file file = { .f_inode = &inode };
	const struct kvm_memory_slot slot = {
		.base_gfn = GFN, .npages = NPAGES, .flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = &file, .pgoff = 0 },
	};

	ask(GFN, NPAGES, RMPE_PAGE_SHARED);
	vm->coming = rmpe_backing_of(&slot);
	show_slot(&slot);
	populate(GFN, NPAGES, 5);
	/* The others are not what was asked for before, either. */
	assert_launched(GFN, 5);
	assert_int_equal(asked(GFN + 6), RMPE_PAGE_NONE);
	assert_int_equal(vm->coming.end, 0);
	assert_int_equal(vm->backings.nr, 1);
}

static void changed_by_the_launch(void **state)
{
	mutex_lock(&vm->lock);
	rmpe_vm_set_asked(vm, GFN, 2, RMPE_PAGE_SHARED);
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_SHARED);
	rmpe_vm_set_used(vm, GFN + 1, RMPE_PAGE_SHARED);
	mutex_unlock(&vm->lock);
	populate(GFN, 2, 1);
	assert_int_equal(asked(GFN), RMPE_PAGE_LAUNCHED);
	assert_int_equal(asked(GFN + 1), RMPE_PAGE_SHARED);
	assert_int_equal(rmpe_tracker_state(&vm->used, GFN), RMPE_PAGE_NONE);
	assert_int_equal(rmpe_tracker_state(&vm->used, GFN + 1), RMPE_PAGE_SHARED);
}

static void no_memory(void **state)
{
	unit_fail_alloc(1);
	populate(GFN, NPAGES, NPAGES);
	assert_true(unit_alloc_failed());
	assert_int_equal(vm->history_state, RMPE_HISTORY_LOST);
	assert_int_equal(vm->counters.launch_pages, NPAGES);
}

static void without_the_vm(void)
{
	remove_one_vm();
	vm = NULL;
}

/* Created before the module was loaded. */
static void older_vm(void **state)
{
	without_the_vm();
	populate(GFN, NPAGES, -EINVAL);
	assert_null(rmpe_vm_find(&kvm));
	populate(GFN, NPAGES, 0);
	assert_null(rmpe_vm_find(&kvm));
	populate(GFN, NPAGES, NPAGES);
	vm = rmpe_vm_find(&kvm);
	assert_non_null(vm);
	assert_int_equal(vm->history_state, RMPE_HISTORY_PARTIAL);
	assert_launched(GFN, NPAGES);
	assert_int_equal(vm->counters.launch_pages, NPAGES);
	assert_int_equal(unit_module.refs, 1);
	/* As life.c ends it. */
	rmpe_vm_del(&kvm);
	rmpe_sysfs_remove_vm(vm);
	kobject_put(&vm->kobj);
	vm = NULL;
}

static void unload(void)
{
	unit_module.state = MODULE_STATE_GOING;
}

static void while_the_module_goes(void **state)
{
	without_the_vm();
	k.meanwhile = unload;
	populate(GFN, NPAGES, NPAGES);
	assert_int_equal(k.calls, 1);
	assert_null(rmpe_vm_find(&kvm));
	unit_module.state = MODULE_STATE_LIVE;
}

static void ordinary_vm(void **state)
{
	kvm.arch.vm_type = 0;
	populate(GFN, NPAGES, NPAGES);
	assert_int_equal(k.calls, 1);
	assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
}

static void what_is_hooked(void **state)
{
	assert_string_equal(rmpe_hook_populate.prototype,
			    "s64(struct kvm *, u64, void *, s64, fn *, void *)");
	assert_null(rmpe_hook_populate.without);
}

#define launch_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		launch_test(pages_are_private_from_the_start),
		launch_test(part_of_what_was_asked_for),
		launch_test(only_one_of_many),
		launch_test(nothing_was_done),
		launch_test(numbers_beyond_32_bits),
		launch_test(in_a_slot_that_came),
		launch_test(changed_by_the_launch),
		launch_test(no_memory),
		launch_test(older_vm),
		launch_test(while_the_module_goes),
		launch_test(ordinary_vm),
		launch_test(what_is_hooked),
	};

	return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
