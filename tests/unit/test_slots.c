// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots that come, or do not: when what was asked for at their gfns is void.
 */
#include "one_vm.h"

#include <linux/errno.h>

#include <unit/observer.h>

#include "slots.h"

#define GFN	0x700000100ULL
#define NPAGES	0x40
#define PGOFF	0x300000020ULL

static struct inode inode[2] = { { .i_ino = 11 }, { .i_ino = 12 } };
static struct file file[2] = { { .f_inode = &inode[0] }, { .f_inode = &inode[1] } };

/* KVM's function, and what holds while it runs. */
static struct {
	int error;
	void (*meanwhile)(void);

	unsigned int calls;
	const struct kvm_memory_slot *old, *new;
	enum kvm_mr_change change;
} k;

int kvm_arch_prepare_memory_region(struct kvm *of, const struct kvm_memory_slot *old,
				   struct kvm_memory_slot *new, enum kvm_mr_change change)
{
	assert_ptr_equal(of, &kvm);
	/* It takes locks of its own, and may wait. */
	assert_false(vm && vm->lock.held);
	k.calls++;
	k.old = old;
	k.new = new;
	k.change = change;
	if (k.meanwhile)
		k.meanwhile();
	return k.error;
}

static int set_up(void **state)
{
	static struct unit_function functions[3] = {
		KVM_FUNCTION(kvm_arch_prepare_memory_region),
	};
	static struct rmpe_hook *const hooks[] = { &rmpe_hook_prepare_region, NULL };

	begin_kvm();
	memset(&k, 0, sizeof(k));
	inode[0].i_ino = 11;
	add_one_vm();
	return hook_kvm(functions, hooks);
}

static int tear_down(void **state)
{
	unit_observer = NULL;
	unit_fail_alloc(UNIT_NEVER);
	if (vm->lock.held)
		mutex_unlock(&vm->lock);
	remove_one_vm();
	return unhook_kvm() || end_kvm();
}

static struct kvm_memory_slot slot_of(struct file *of, gfn_t gfn, u64 npages, u64 pgoff)
{
	return (struct kvm_memory_slot){
		.base_gfn = gfn,
		.npages = npages,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem = { .file = of, .pgoff = pgoff },
	};
}

static int change(const struct kvm_memory_slot *old, struct kvm_memory_slot *new,
		  enum kvm_mr_change what)
{
	int r;

	mutex_lock(&kvm.slots_lock);
	r = unit_call(kvm_arch_prepare_memory_region, &kvm, old, new, what);
	mutex_unlock(&kvm.slots_lock);
	assert_false(vm->lock.held);
	assert_int_equal(hook_users(), 0);
	return r;
}

static void prepare(struct kvm_memory_slot *new)
{
	assert_int_equal(change(NULL, new, KVM_MR_CREATE), 0);
}

static void create(struct file *of, gfn_t gfn, u64 npages, u64 pgoff)
{
	struct kvm_memory_slot new = slot_of(of, gfn, npages, pgoff);

	prepare(&new);
	show_slot(&new);
}

/* All slots go, one after the other. */
static void delete_all(void)
{
	while (kvm.memslots.nr) {
		const struct kvm_memory_slot old = slots[kvm.memslots.nr - 1];

		assert_int_equal(change(&old, NULL, KVM_MR_DELETE), 0);
		kvm.memslots.nr--;
	}
}

/* As the next fault does it. */
static void settle(void)
{
	int idx = srcu_read_lock(&kvm.srcu);

	mutex_lock(&vm->lock);
	rmpe_slots_settle(vm, &kvm);
	mutex_unlock(&vm->lock);
	srcu_read_unlock(&kvm.srcu, idx);
}

static bool is_coming(void)
{
	assert_int_equal(!!vm->coming.end, !!(rmpe_vm_watch(vm) & RMPE_WATCH_SLOT));
	return vm->coming.end;
}

static void slot_is_prepared(void **state)
{
	struct kvm_memory_slot new = slot_of(&file[0], GFN, NPAGES, PGOFF);

	prepare(&new);
	assert_int_equal(k.calls, 1);
	assert_null(k.old);
	assert_ptr_equal(k.new, &new);
	assert_int_equal(k.change, KVM_MR_CREATE);
	assert_true(is_coming());
	assert_ptr_equal(vm->coming.inode, &inode[0]);
	assert_int_equal(vm->coming.ino, 11);
	assert_int_equal(vm->coming.first, GFN);
	assert_int_equal(vm->coming.end, GFN + NPAGES);
	assert_int_equal(vm->coming.offset, GFN - PGOFF);
	assert_int_equal(vm->backings.nr, 0);
}

/* What was asked for is void when it is there, and not before: KVM may yet fail. */
static void slot_comes(void **state)
{
	struct kvm_memory_slot new = slot_of(&file[0], GFN, NPAGES, PGOFF);

	ask(GFN - 1, NPAGES + 2, RMPE_PAGE_PRIVATE);
	prepare(&new);
	settle();
	assert_true(is_coming());
	assert_int_equal(asked(GFN), RMPE_PAGE_PRIVATE);
	show_slot(&new);
	settle();
	assert_false(is_coming());
	assert_int_equal(asked(GFN - 1), RMPE_PAGE_PRIVATE);
	assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN + NPAGES - 1), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN + NPAGES), RMPE_PAGE_PRIVATE);
	assert_int_equal(vm->backings.nr, 1);
	assert_int_equal(vm->history_state, RMPE_HISTORY_COMPLETE);
	/* Once. */
	ask(GFN, 1, RMPE_PAGE_SHARED);
	settle();
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
}

/* So is how the old pages were used, and what the VMM has taken of them. */
static void use_of_the_old_pages_is_void(void **state)
{
	const struct rmpe_map_event hole = { .when_ns = 1, .gfn = GFN + 2, .npages = 1 };
	struct rmpe_map_event ev;

	mutex_lock(&vm->lock);
	rmpe_vm_set_used(vm, GFN + 1, RMPE_PAGE_PRIVATE);
	rmpe_vm_set_used(vm, GFN + NPAGES, RMPE_PAGE_PRIVATE);
	rmpe_map_add(&vm->holes, &hole);
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
	create(&file[0], GFN, NPAGES, PGOFF);
	settle();
	mutex_lock(&vm->lock);
	assert_int_equal(rmpe_tracker_state(&vm->used, GFN + 1), RMPE_PAGE_NONE);
	assert_int_equal(rmpe_tracker_state(&vm->used, GFN + NPAGES), RMPE_PAGE_PRIVATE);
	assert_false(rmpe_map_last(&vm->holes, GFN + 2, &ev));
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_USED);
}

/* A VMM puts a device before them, and takes it away. */
static void same_pages_come_back(void **state)
{
	create(&file[0], GFN, NPAGES, PGOFF);
	settle();
	ask(GFN, NPAGES, RMPE_PAGE_SHARED);
	delete_all();
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	/* In two pieces. */
	create(&file[0], GFN, 8, PGOFF);
	create(&file[0], GFN + 8, NPAGES - 8, PGOFF + 8);
	settle();
	assert_false(is_coming());
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN + 8), RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN + NPAGES - 1), RMPE_PAGE_SHARED);
	assert_int_equal(vm->backings.nr, 1);
}

static void other_pages_come(void **state)
{
	/* Another file; another place in it; another file at the same address. */
	static const struct {
		unsigned int file;
		u64 pgoff;
		unsigned long ino;
	} others[] = { { 1, PGOFF, 11 }, { 0, PGOFF + 1, 11 }, { 0, PGOFF, 99 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		inode[0].i_ino = 11;
		create(&file[0], GFN, NPAGES, PGOFF);
		settle();
		ask(GFN, NPAGES, RMPE_PAGE_SHARED);
		delete_all();
		inode[0].i_ino = others[i].ino;
		create(&file[others[i].file], GFN, NPAGES, others[i].pgoff);
		settle();
		assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
		assert_int_equal(asked(GFN + NPAGES - 1), RMPE_PAGE_NONE);
		delete_all();
	}
}

/* A fault that comes meanwhile looks closer until all of it is void. */
static void reader(void)
{
	const gfn_t at[] = { GFN, GFN + 5, GFN + 10 };
	unsigned int i;

	if (rmpe_vm_watch(vm) & RMPE_WATCH_SLOT)
		return;
	for (i = 0; i < ARRAY_SIZE(at); i++)
		assert_int_equal(asked(at[i]), i == 1 ? RMPE_PAGE_SHARED : RMPE_PAGE_NONE);
}

/* Those in the middle are known; those on either side are new. */
static void parts_are_new(void **state)
{
	create(&file[0], GFN + 5, 5, PGOFF + 5);
	settle();
	delete_all();
	ask(GFN, NPAGES, RMPE_PAGE_SHARED);
	create(&file[0], GFN, NPAGES, PGOFF);
	unit_observer = reader;
	settle();
	unit_observer = NULL;
	assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN + 4), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN + 5), RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN + 9), RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN + 10), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN + NPAGES - 1), RMPE_PAGE_NONE);
	assert_int_equal(vm->backings.nr, 1);
}

/* --- slots that never come --- */

static void kvm_refuses(void **state)
{
	struct kvm_memory_slot new = slot_of(&file[0], GFN, NPAGES, PGOFF);

	ask(GFN, 1, RMPE_PAGE_SHARED);
	k.error = -EINVAL;
	assert_int_equal(change(NULL, &new, KVM_MR_CREATE), -EINVAL);
	assert_false(is_coming());
	k.error = -ENOMEM;
	assert_int_equal(change(NULL, &new, KVM_MR_CREATE), -ENOMEM);
	assert_false(is_coming());
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
}

/* KVM has failed after it, and prepares the next one. */
static void never_seen_again(void **state)
{
	struct kvm_memory_slot lost = slot_of(&file[0], GFN, NPAGES, PGOFF);
	struct kvm_memory_slot next = slot_of(&file[1], 0x10, 4, 0);

	ask(GFN, 1, RMPE_PAGE_SHARED);
	ask(0x10, 1, RMPE_PAGE_SHARED);
	prepare(&lost);
	prepare(&next);
	assert_int_equal(vm->coming.first, 0x10);
	show_slot(&next);
	settle();
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	assert_int_equal(asked(0x10), RMPE_PAGE_NONE);
	/* Nor by a change that is refused: nothing is coming any more. */
	prepare(&lost);
	k.error = -EINVAL;
	assert_int_equal(change(&next, NULL, KVM_MR_DELETE), -EINVAL);
	assert_false(is_coming());
	assert_int_equal(vm->backings.nr, 1);
}

/* It came, nothing happened there, and now it goes: what was asked for is void. */
static void seen_at_the_next_change(void **state)
{
	ask(GFN, 1, RMPE_PAGE_SHARED);
	create(&file[0], GFN, NPAGES, PGOFF);
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	delete_all();
	assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
	assert_false(is_coming());
	assert_int_equal(vm->backings.nr, 1);
}

static void nothing_is_coming_now(void)
{
	assert_int_equal(hook_users(), 1);
	assert_false(is_coming());
	assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
}

/* Before KVM does its part. */
static void settled_before_kvm_changes_anything(void **state)
{
	struct kvm_memory_slot next = slot_of(&file[1], 0x10, 4, 0);

	ask(GFN, 1, RMPE_PAGE_SHARED);
	create(&file[0], GFN, NPAGES, PGOFF);
	k.meanwhile = nothing_is_coming_now;
	prepare(&next);
	assert_int_equal(k.calls, 2);
}

/* What is there now is not what was prepared. */
static void another_slot_is_there(void **state)
{
	const struct kvm_memory_slot should = slot_of(&file[0], GFN, NPAGES, PGOFF);
	struct kvm_memory_slot is[6] = { should, should, should, should, should, should };
	unsigned int i;

	is[0].npages--;
	is[1].npages++;
	is[2].base_gfn--;
	is[3].flags = 0;
	is[4].base_gfn++;
	/* Up to the same end. */
	is[5].base_gfn--;
	is[5].npages++;
	ask(GFN - 1, NPAGES + 2, RMPE_PAGE_SHARED);
	for (i = 0; i < ARRAY_SIZE(is); i++) {
		struct kvm_memory_slot new = should;

		prepare(&new);
		show_slot(&is[i]);
		settle();
		assert_true(is_coming());
		assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
		kvm.memslots.nr--;
	}
}

/* --- changes that bring no pages --- */

static void no_guest_memfd(void **state)
{
	struct kvm_memory_slot new = slot_of(&file[0], GFN, NPAGES, PGOFF);

	new.flags = 0;
	prepare(&new);
	assert_false(is_coming());
}

static void other_changes(void **state)
{
	static const enum kvm_mr_change changes[] = {
		KVM_MR_DELETE, KVM_MR_MOVE, KVM_MR_FLAGS_ONLY,
	};
	struct kvm_memory_slot old = slot_of(&file[0], GFN, NPAGES, PGOFF), new = old;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		assert_int_equal(change(&old, &new, changes[i]), 0);
		assert_ptr_equal(k.old, &old);
		assert_int_equal(k.change, changes[i]);
		assert_false(is_coming());
	}
}

static void unknown_vm(void **state)
{
	struct kvm_memory_slot new = slot_of(&file[0], GFN, NPAGES, PGOFF);

	rmpe_vm_del(&kvm);
	prepare(&new);
	k.error = -EINVAL;
	assert_int_equal(change(NULL, &new, KVM_MR_CREATE), -EINVAL);
	assert_int_equal(k.calls, 2);
	assert_false(is_coming());
	rmpe_vm_add(vm);
}

static void ordinary_vm(void **state)
{
	struct kvm_memory_slot new = slot_of(&file[0], GFN, NPAGES, PGOFF);

	kvm.arch.vm_type = KVM_X86_SNP_VM - 1;
	prepare(&new);
	assert_int_equal(k.calls, 1);
	assert_false(is_coming());
}

/* --- without memory --- */

static void no_memory(void **state)
{
	unsigned int nth;

	for (nth = 1;; nth++) {
		remove_one_vm();
		add_one_vm();
		kvm.memslots.nr = 0;
		/* As one piece, of which a part is to be void. */
		ask(GFN & ~0x1ffffull, 0x40000, RMPE_PAGE_SHARED);
		create(&file[0], GFN, NPAGES, PGOFF);
		unit_fail_alloc(nth);
		settle();
		if (!unit_alloc_failed())
			break;
		unit_fail_alloc(UNIT_NEVER);
		assert_int_equal(vm->history_state, RMPE_HISTORY_LOST);
		/* Nothing that was asked for other pages holds. */
		assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
		assert_false(is_coming());
	}
	assert_true(nth > 2);
	assert_int_equal(vm->history_state, RMPE_HISTORY_COMPLETE);
}

static void what_is_hooked(void **state)
{
	assert_string_equal(rmpe_hook_prepare_region.prototype,
			    "s32(struct kvm *, struct kvm_memory_slot *, struct kvm_memory_slot *, enum kvm_mr_change)");
	assert_null(rmpe_hook_prepare_region.without);
}

#define slots_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		slots_test(slot_is_prepared),
		slots_test(slot_comes),
		slots_test(use_of_the_old_pages_is_void),
		slots_test(same_pages_come_back),
		slots_test(other_pages_come),
		slots_test(parts_are_new),
		slots_test(kvm_refuses),
		slots_test(never_seen_again),
		slots_test(seen_at_the_next_change),
		slots_test(settled_before_kvm_changes_anything),
		slots_test(another_slot_is_there),
		slots_test(no_guest_memfd),
		slots_test(other_changes),
		slots_test(unknown_vm),
		slots_test(ordinary_vm),
		slots_test(no_memory),
		slots_test(what_is_hooked),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
