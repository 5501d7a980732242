// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holes that the VMM punches into a guest_memfd: which private pages the guest loses.
 */
#include "one_vm.h"

#include <linux/errno.h>
#include <linux/falloc.h>

#include <unit/mutex.h>

#include "discard.h"

#define GFN	0x700000000ULL	/* where the file's first slot begins */
#define PGOFF	0x300000000ULL	/* the first page that it shows */
#define NPAGES	0x4000
#define OFFSET	(GFN - PGOFF)
#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define MAX_RUNS	1024
#define BEFORE	1000000000ULL	/* multiples of what times are kept to */
#define AFTER	(0x1000000ULL << 20)

static struct inode inode[2] = { { .i_ino = 11 }, { .i_ino = 12 } };
static struct address_space mapping;
static struct kvm *kvm_of_file = &kvm;
static struct file file = {
	.f_inode = &inode[0], .f_mapping = &mapping, .private_data = &kvm_of_file,
};

/* KVM's function, and what it was asked. */
static struct {
	long error;
	void (*meanwhile)(void);

	unsigned int calls;
	int mode;
	loff_t offset, len;
} k;

/* The pages are gone when it returns. */
long kvm_gmem_fallocate(struct file *of, int mode, loff_t offset, loff_t len)
{
	struct rmpe_vm *known = rmpe_vm_find(&kvm);

	assert_ptr_equal(of, &file);
	assert_false(vm->lock.held);
	assert_false(srcu_read_lock_held(&kvm.srcu));
	assert_int_equal(unit_uncharged_bytes(), 0);
	if (kvm.arch.vm_type == KVM_X86_SNP_VM)
		assert_int_equal(hook_users(), 1);
	/* Until then they are still there. */
	if (known)
		assert_int_equal(rmpe_vm_watch(known) & RMPE_WATCH_HOLES, 0);
	k.calls++;
	k.mode = mode;
	k.offset = offset;
	k.len = len;
	if (k.meanwhile)
		k.meanwhile();
	if (!k.error)
		xa_destroy(&mapping.i_pages);
	host.now_ns = AFTER;
	return k.error;
}

/* As KVM has it. */
bool kvm_mem_is_private(struct kvm *of, gfn_t gfn)
{
	const void *attributes = xa_load(&of->mem_attr_array, gfn);

	return attributes && xa_to_value(attributes) & KVM_MEMORY_ATTRIBUTE_PRIVATE;
}

static void show(unsigned int which, gfn_t gfn, u64 npages, u64 pgoff)
{
	const struct rmpe_backing b = {
		.inode = &inode[which], .ino = inode[which].i_ino, .offset = gfn - pgoff,
		.first = gfn, .end = gfn + npages,
	};

	assert_int_equal(rmpe_backing_add(&vm->backings, &b), 0);
}

static int set_up(void **state)
{
	static struct unit_function functions[3] = { KVM_FUNCTION(kvm_gmem_fallocate) };
	static struct rmpe_hook *const hooks[] = { &rmpe_hook_gmem_fallocate, NULL };

	begin_kvm();
	host.now_ns = BEFORE;
	memset(&k, 0, sizeof(k));
	add_one_vm();
	show(0, GFN, NPAGES, PGOFF);
	return hook_kvm(functions, hooks);
}

static int tear_down(void **state)
{
	unit_fail_alloc(UNIT_NEVER);
	if (vm->lock.held)
		mutex_unlock(&vm->lock);
	xa_destroy(&mapping.i_pages);
	remove_one_vm();
	return unhook_kvm() || end_kvm();
}

/* The attribute that KVM has of a gfn. */
static void make_private(gfn_t gfn, u64 npages)
{
	while (npages--)
		unit_xa_store(&kvm.mem_attr_array, gfn++, 0,
			      xa_mk_value(KVM_MEMORY_ATTRIBUTE_PRIVATE));
}

/* A folio of 2^@order pages is there. */
static void add_folio(u64 page, unsigned int order)
{
	static char folio;

	unit_xa_store(&mapping.i_pages, page, order, &folio);
}

/* Of pages of the file. */
static void punch(u64 page, u64 npages)
{
	const loff_t offset = page << PAGE_SHIFT, len = npages << PAGE_SHIFT;
	long r = unit_call(kvm_gmem_fallocate, &file, PUNCH, offset, len);

	assert_int_equal(r, k.error);
	assert_int_equal(k.mode, PUNCH);
	assert_int_equal(k.offset, offset);
	assert_int_equal(k.len, len);
	assert_false(vm->lock.held);
	assert_false(srcu_read_lock_held(&kvm.srcu));
	assert_int_equal(hook_users(), 0);
}

/* When the page of a gfn went; 0 if it did not. */
static u64 gone(gfn_t gfn)
{
	struct rmpe_map_event ev = { };
	bool found;

	mutex_lock(&vm->lock);
	found = rmpe_map_last(&vm->holes, gfn, &ev);
	mutex_unlock(&vm->lock);
	return found ? ev.when_ns : 0;
}

/* The guest has asked for all of them again. */
static void forget_holes(void)
{
	mutex_lock(&vm->lock);
	rmpe_map_forget(&vm->holes, 0, RMPE_MAX_GFNS);
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
}

/* These, and none beside them. */
static void assert_gone(gfn_t gfn, u64 npages)
{
	assert_int_equal(gone(gfn - 1), 0);
	assert_int_equal(gone(gfn), AFTER);
	assert_int_equal(gone(gfn + npages - 1), AFTER);
	assert_int_equal(gone(gfn + npages), 0);
}

static void assert_nothing_gone(void)
{
	assert_int_equal(vm->holes.nr, 0);
	assert_false(vm->holes.lost);
	assert_int_equal(vm->counters.pages_discarded, 0);
	assert_int_equal(rmpe_vm_watch(vm), 0);
}

static void private_pages_are_lost(void **state)
{
	unsigned int i;

	make_private(GFN + 0x100, 8);
	for (i = 0; i < 8; i++)
		add_folio(PGOFF + 0x100 + i, 0);
	punch(PGOFF + 0x100, 8);
	assert_int_equal(k.calls, 1);
	assert_gone(GFN + 0x100, 8);
	/* As one. */
	assert_int_equal(vm->holes.nr, 1);
	assert_false(vm->holes.lost);
	assert_int_equal(vm->counters.pages_discarded, 8);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_HOLES);
}

/* What was shared by then, or never was there, is nothing to the guest. */
static void other_pages_are_not(void **state)
{
	unsigned int i;

	for (i = 0; i < 10; i++)
		if (i != 4)
			add_folio(PGOFF + i, 0);
	make_private(GFN + 1, 2);
	make_private(GFN + 4, 1);
	make_private(GFN + 7, 3);
	unit_xa_store(&kvm.mem_attr_array, GFN + 3, 0, xa_mk_value(0));
	punch(PGOFF, 9);
	assert_gone(GFN + 1, 2);
	assert_int_equal(gone(GFN + 4), 0);
	assert_gone(GFN + 7, 2);
	assert_int_equal(vm->holes.nr, 2);
	assert_int_equal(vm->counters.pages_discarded, 4);
}

/* A conversion: the attribute came first. */
static void all_shared_already(void **state)
{
	add_folio(PGOFF + 0x200, 9);
	make_private(GFN + 0x1ff, 1);
	make_private(GFN + 0x400, 1);
	punch(PGOFF + 0x200, 0x200);
	assert_int_equal(k.calls, 1);
	assert_nothing_gone();
}

/* The only one is at the edge. */
static void first_or_last_is_private(void **state)
{
	add_folio(PGOFF + 0x200, 9);
	make_private(GFN + 0x200, 1);
	punch(PGOFF + 0x200, 0x200);
	assert_gone(GFN + 0x200, 1);
	add_folio(PGOFF + 0x400, 9);
	make_private(GFN + 0x5ff, 1);
	forget_holes();
	punch(PGOFF + 0x400, 0x200);
	assert_gone(GFN + 0x5ff, 1);
	assert_int_equal(vm->counters.pages_discarded, 2);
}

/* Of a large page only what is in the hole. */
static void part_of_a_large_page(void **state)
{
	add_folio(PGOFF, 9);
	add_folio(PGOFF + 0x200, 9);
	add_folio(PGOFF + 0x400, 9);
	make_private(GFN, 0x600);
	punch(PGOFF + 0x1ff, 0x203);
	assert_gone(GFN + 0x1ff, 0x203);
	assert_int_equal(vm->holes.nr, 1);
	assert_int_equal(vm->counters.pages_discarded, 0x203);
}

static void within_a_large_page(void **state)
{
	add_folio(PGOFF, 9);
	make_private(GFN, 0x200);
	punch(PGOFF + 0x10, 0x20);
	assert_gone(GFN + 0x10, 0x20);
	assert_int_equal(vm->counters.pages_discarded, 0x20);
}

/* --- where a page is in the VM --- */

static void another_file(void **state)
{
	file.f_inode = &inode[1];
	add_folio(PGOFF, 9);
	make_private(GFN, 0x200);
	punch(PGOFF, 0x200);
	file.f_inode = &inode[0];
	assert_nothing_gone();
}

/* In two pieces, which were entered in either order. */
static void mapped_in_pieces(void **state)
{
	static const struct {
		gfn_t gfn;
		u64 pgoff;
	} pieces[2][3] = {
		{ { 0x1000, 0x1000 }, { 0x5000, 0x1100 }, { 0x9000, 0x1200 } },
		{ { 0x9000, 0x1200 }, { 0x5000, 0x1100 }, { 0x1000, 0x1000 } },
	};
	unsigned int i, way;

	make_private(0x1000, 0x200);
	make_private(0x5000, 0x200);
	make_private(0x9000, 0x200);
	for (way = 0; way < 2; way++) {
		rmpe_backing_free(&vm->backings);
		show(1, 0x800, 0x100, 0x1000);
		for (i = 0; i < 3; i++)
			show(0, pieces[way][i].gfn, 0x100, pieces[way][i].pgoff);
		forget_holes();
		vm->counters.pages_discarded = 0;
		add_folio(0x1000, 9);
		add_folio(0x1200, 9);
		punch(0x10f0, 0x120);
		assert_gone(0x10f0, 0x10);
		assert_gone(0x5000, 0x100);
		assert_gone(0x9000, 0x10);
		assert_int_equal(vm->holes.nr, 3);
		assert_int_equal(vm->counters.pages_discarded, 0x120);
	}
}

/* The same pages twice: the guest loses them at both places. */
static void mapped_twice(void **state)
{
	add_folio(PGOFF, 9);
	show(0, 0x40, 0x20, PGOFF + 8);
	make_private(GFN, 0x100);
	make_private(0x40, 0x100);
	punch(PGOFF + 0x10, 4);
	assert_gone(GFN + 0x10, 4);
	assert_gone(0x48, 4);
	assert_int_equal(vm->counters.pages_discarded, 8);
}

/* Of three that follow each other the one in the middle is a page. */
static void small_piece_between(void **state)
{
	show(0, 0x5000, 0x10, 0x1000);
	show(0, 0x5010, 1, 0x1200);
	show(0, 0x5011, 0x10, 0x1010);
	make_private(0x5000, 0x21);
	add_folio(0x1000, 9);
	add_folio(0x1200, 0);
	punch(0x1000, 0x300);
	assert_gone(0x5000, 0x21);
	assert_int_equal(vm->counters.pages_discarded, 0x21);
}

/* A slot comes while one looks: what it continues was looked at already. */
static void slot_comes(void)
{
	show(0, 0x5010, 0x10, 0x1010);
}

static void first_look(void)
{
	unit_before_lock = slot_comes;
}

static void slot_that_comes_meanwhile(void **state)
{
	rmpe_backing_free(&vm->backings);
	show(0, 0x5000, 0x10, 0x1000);
	show(0, 0x9000, 0x10, 0x1000);
	make_private(0x5000, 0x20);
	make_private(0x9000, 0x10);
	add_folio(0x1000, 9);
	unit_before_lock = first_look;
	punch(0x1000, 0x20);
	assert_gone(0x5000, 0x20);
	assert_gone(0x9000, 0x10);
	assert_int_equal(vm->counters.pages_discarded, 0x30);
}

/* The hole ends where the memory begins, or begins where it ends, by a page. */
static void hole_beside_the_memory(void **state)
{
	static const struct {
		u64 page, npages, lost;
	} holes[] = {
		{ 0x1000 - 4, 4, 0 },
		{ 0x1000 - 4, 5, 1 },
		{ 0x1100, 4, 0 },
		{ 0x10ff, 4, 1 },
		{ 0x1000 - 4, 0x108, 0x100 },
	};
	unsigned int i;

	rmpe_backing_free(&vm->backings);
	show(0, 0x5000, 0x100, 0x1000);
	make_private(0x4f00, 0x300);
	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		unsigned int page;

		forget_holes();
		vm->counters.pages_discarded = 0;
		for (page = 0xf00; page < 0x1200; page++)
			add_folio(page, 0);
		punch(holes[i].page, holes[i].npages);
		assert_int_equal(vm->counters.pages_discarded, holes[i].lost);
		assert_int_equal(!!gone(0x5000), holes[i].lost && holes[i].page < 0x1000);
		assert_int_equal(!!gone(0x50ff), holes[i].page + holes[i].npages > 0x1100 &&
				 holes[i].lost);
		assert_int_equal(gone(0x4fff), 0);
		assert_int_equal(gone(0x5100), 0);
	}
}

/* KVM has been asked for it, and has not shown it yet. */
static const struct kvm_memory_slot coming = {
	.base_gfn = 0x5000, .npages = 0x100, .flags = KVM_MEM_GUEST_MEMFD,
	.gmem = { .file = &file, .pgoff = 0x1000 },
};

static void slot_is_coming(void)
{
	vm->coming = rmpe_backing_of(&coming);
	mutex_lock(&vm->lock);
	rmpe_vm_update_watch(vm);
	mutex_unlock(&vm->lock);
}

static void slot_that_came_just_now(void **state)
{
	slot_is_coming();
	show_slot(&coming);
	make_private(0x5000, 2);
	add_folio(0x1000, 0);
	punch(0x1000, 2);
	assert_gone(0x5000, 1);
	assert_int_equal(vm->coming.end, 0);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_HOLES);
}

/* It may not come at all, and nothing of it counts. */
static void slot_that_is_not_there_yet(void **state)
{
	slot_is_coming();
	make_private(0x5000, 2);
	add_folio(0x1000, 0);
	punch(0x1000, 2);
	assert_int_equal(gone(0x5000), 0);
	assert_int_equal(vm->coming.end, 0x5100);
}

/* --- more than there is room for --- */

static void add_runs(unsigned int n)
{
	while (n--) {
		make_private(GFN + 2 * n, 1);
		add_folio(PGOFF + 2 * n, 0);
	}
}

static void many_runs(void **state)
{
	add_runs(MAX_RUNS);
	punch(PGOFF, NPAGES);
	assert_int_equal(vm->holes.nr, MAX_RUNS);
	assert_int_equal(vm->counters.pages_discarded, MAX_RUNS);
	assert_gone(GFN, 1);
	assert_gone(GFN + 2 * (MAX_RUNS - 1), 1);
	assert_false(vm->holes.lost);
}

/* Those that there is room for are known, and that there were more. */
static void too_many_runs(void **state)
{
	add_runs(MAX_RUNS + 3);
	punch(PGOFF, NPAGES);
	assert_int_equal(vm->holes.nr, MAX_RUNS);
	assert_int_equal(vm->counters.pages_discarded, MAX_RUNS);
	assert_gone(GFN + 2 * (MAX_RUNS - 1), 1);
	assert_int_equal(gone(GFN + 2 * MAX_RUNS), 0);
	assert_true(vm->holes.lost);
}

/* A page that follows the last one needs no room. */
static void last_run_goes_on(void **state)
{
	add_runs(MAX_RUNS);
	make_private(GFN + 2 * MAX_RUNS - 1, 1);
	add_folio(PGOFF + 2 * MAX_RUNS - 1, 0);
	punch(PGOFF, NPAGES);
	assert_gone(GFN + 2 * (MAX_RUNS - 1), 2);
	assert_false(vm->holes.lost);
}

static void no_memory(void **state)
{
	make_private(GFN, 2);
	add_folio(PGOFF, 0);
	unit_fail_alloc(1);
	punch(PGOFF, 2);
	assert_true(unit_alloc_failed());
	assert_int_equal(k.calls, 1);
	assert_int_equal(vm->holes.nr, 0);
	assert_int_equal(vm->counters.pages_discarded, 0);
	assert_true(vm->holes.lost);
}

/* What it takes is the VMM's, and nothing of it stays. */
static void memory_that_it_takes(void **state)
{
	size_t objects;

	add_runs(1);
	punch(PGOFF, 4);
	forget_holes();
	add_folio(PGOFF, 0);
	punch(PGOFF, 4);
	objects = unit_live_objects();
	forget_holes();
	add_folio(PGOFF, 0);
	punch(PGOFF, 4);
	assert_int_equal(unit_live_objects(), objects);
	assert_int_equal(vm->counters.pages_discarded, 3);
}

/* --- calls that discard nothing --- */

static void kvm_refuses(void **state)
{
	make_private(GFN, 2);
	add_folio(PGOFF, 0);
	k.error = -EINVAL;
	punch(PGOFF, 2);
	assert_nothing_gone();
	unit_fail_alloc(1);
	punch(PGOFF, 2);
	assert_true(unit_alloc_failed());
	assert_nothing_gone();
	/* It is asked again. */
	k.error = 0;
	punch(PGOFF, 2);
	assert_gone(GFN, 1);
}

static void pages_are_allocated(void **state)
{
	make_private(GFN, 2);
	add_folio(PGOFF, 0);
	assert_int_equal(unit_call(kvm_gmem_fallocate, &file, FALLOC_FL_KEEP_SIZE,
				   PGOFF << PAGE_SHIFT, 2 * PAGE_SIZE), 0);
	assert_int_equal(k.calls, 1);
	assert_int_equal(k.mode, FALLOC_FL_KEEP_SIZE);
	assert_nothing_gone();
}

static void unknown_vm(void **state)
{
	rmpe_vm_del(&kvm);
	make_private(GFN, 2);
	add_folio(PGOFF, 0);
	punch(PGOFF, 2);
	assert_int_equal(k.calls, 1);
	assert_nothing_gone();
	rmpe_vm_add(vm);
}

static void ordinary_vm(void **state)
{
	kvm.arch.vm_type = 0;
	make_private(GFN, 2);
	add_folio(PGOFF, 0);
	punch(PGOFF, 2);
	assert_int_equal(k.calls, 1);
	assert_nothing_gone();
}

static void what_is_hooked(void **state)
{
	assert_string_equal(rmpe_hook_gmem_fallocate.prototype,
			    "s64(struct file *, s32, s64, s64)");
	assert_string_equal(rmpe_hook_gmem_fallocate.without,
			    "private memory that a VMM discards will not be shown");
}

#define discard_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		discard_test(private_pages_are_lost),
		discard_test(other_pages_are_not),
		discard_test(all_shared_already),
		discard_test(first_or_last_is_private),
		discard_test(part_of_a_large_page),
		discard_test(within_a_large_page),
		discard_test(another_file),
		discard_test(mapped_in_pieces),
		discard_test(mapped_twice),
		discard_test(small_piece_between),
		discard_test(slot_that_comes_meanwhile),
		discard_test(hole_beside_the_memory),
		discard_test(slot_that_came_just_now),
		discard_test(slot_that_is_not_there_yet),
		discard_test(many_runs),
		discard_test(too_many_runs),
		discard_test(last_run_goes_on),
		discard_test(no_memory),
		discard_test(memory_that_it_takes),
		discard_test(kvm_refuses),
		discard_test(pages_are_allocated),
		discard_test(unknown_vm),
		discard_test(ordinary_vm),
		discard_test(what_is_hooked),
	};

	return cmocka_run_group_tests_name("discard", tests, NULL, NULL);
}
