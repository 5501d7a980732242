// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that were asked to be private, and that guest_memfd does not have.
 */
#include "one_vm.h"

#include <linux/sched.h>

#include <signal.h>

#include <unit/mutex.h>

#include "psc_unused.h"

#define GIB	0x40000ULL	/* gfns */
#define LOW	0x100ULL
#define LOW_END	0x200ULL
#define SHIFT	0x40		/* of the file, where the slot begins */
#define HIGH	0x300000000ULL	/* beyond 32 bits */

static struct task_struct task = { .group_leader = &task, .tgid = 410, .comm = "cat" };

static void slot(gfn_t first, u64 npages, unsigned long pgoff, u32 flags)
{
	show_slot(&(struct kvm_memory_slot){
		.base_gfn = first,
		.npages = npages,
		.flags = flags,
		.gmem = { .file = &fake_gmem, .pgoff = pgoff },
	});
}

/* Indices of the file. */
static void pages(unsigned long index, unsigned long nr)
{
	static char page;

	while (nr--)
		unit_xa_store(&fake_gmem.f_mapping->i_pages, index++, 0, &page);
}

static int set_up(void **state)
{
	begin_kvm();
	unit_current = &task;
	sigemptyset(&task.pending);
	add_one_vm();
	slot(LOW, LOW_END - LOW, SHIFT, KVM_MEM_GUEST_MEMFD);
	return 0;
}

static int tear_down(void **state)
{
	remove_one_vm();
	xa_destroy(&fake_gmem.f_mapping->i_pages);
	return end_kvm() || host.file_refs || unit_mutexes();
}

static void assert_next(gfn_t from, gfn_t first, gfn_t end)
{
	gfn_t f = 0, e = 0;

	assert_true(rmpe_unused_next(vm, from, &f, &e));
	assert_int_equal(f, first);
	assert_int_equal(e, end);
	assert_false(srcu_read_lock_held(&kvm.srcu));
	assert_int_equal(unit_mutexes(), 0);
	assert_int_equal(host.file_refs, 0);
}

static void assert_none(gfn_t from)
{
	gfn_t f, e;

	assert_false(rmpe_unused_next(vm, from, &f, &e));
	assert_false(srcu_read_lock_held(&kvm.srcu));
}

static void nothing_asked(void **state)
{
	assert_none(0);
}

static void only_private_by_request(void **state)
{
	ask(LOW, 4, RMPE_PAGE_SHARED);
	ask(LOW + 4, 4, RMPE_PAGE_LAUNCHED);
	assert_none(0);
	ask(LOW + 8, 4, RMPE_PAGE_PRIVATE);
	assert_next(0, LOW + 8, LOW + 12);
	assert_none(LOW + 12);
}

/* From the middle of a range, or from its last page. */
static void where_to_begin(void **state)
{
	ask(LOW + 0x10, 0x10, RMPE_PAGE_PRIVATE);
	assert_next(LOW + 0x10, LOW + 0x10, LOW + 0x20);
	assert_next(LOW + 0x18, LOW + 0x18, LOW + 0x20);
	assert_next(LOW + 0x1f, LOW + 0x1f, LOW + 0x20);
	assert_none(LOW + 0x20);
}

static void pages_split_it(void **state)
{
	ask(LOW, 0x10, RMPE_PAGE_PRIVATE);
	pages(SHIFT, 2);
	pages(SHIFT + 5, 1);
	pages(SHIFT + 0xf, 1);
	assert_next(0, LOW + 2, LOW + 5);
	assert_next(LOW + 5, LOW + 6, LOW + 0xf);
	assert_none(LOW + 0xf);
}

/* Pages just outside of the range are of others. */
static void neighbours_do_not_count(void **state)
{
	ask(LOW + 1, 3, RMPE_PAGE_PRIVATE);
	pages(SHIFT, 1);
	pages(SHIFT + 4, 1);
	assert_next(0, LOW + 1, LOW + 4);
}

static void all_used(void **state)
{
	ask(LOW, 3, RMPE_PAGE_PRIVATE);
	pages(SHIFT, 3);
	assert_none(0);
	assert_int_equal(host.file_refs, 0);
}

/* A page of 2M is there for each of its gfns. */
static void a_large_page(void **state)
{
	static char page;

	slot(GIB, 0x400, 0x800, KVM_MEM_GUEST_MEMFD);
	ask(GIB, 0x400, RMPE_PAGE_PRIVATE);
	unit_xa_store(&fake_gmem.f_mapping->i_pages, 0x800, 9, &page);
	assert_next(0, GIB + 0x200, GIB + 0x400);
}

/* What the slot does not show is not known. */
static void cut_to_the_slot(void **state)
{
	ask(LOW - 0x20, LOW_END - LOW + 0x40, RMPE_PAGE_PRIVATE);
	assert_next(0, LOW, LOW_END);
	assert_none(LOW_END);
}

static void no_guest_memfd(void **state)
{
	slot(LOW_END, 0x100, 0, 0);
	slot(LOW_END + 0x100, 0x10, 0x400, KVM_MEM_GUEST_MEMFD);
	ask(LOW_END, 0x110, RMPE_PAGE_PRIVATE);
	assert_next(0, LOW_END + 0x100, LOW_END + 0x110);
}

static void the_file_is_gone(void **state)
{
	ask(LOW, 3, RMPE_PAGE_PRIVATE);
	host.file_gone = true;
	assert_none(0);
}

/* The second slot's is told once the first slot's are not there. */
static void slots_in_turn(void **state)
{
	slot(LOW_END, 0x10, 0x400, KVM_MEM_GUEST_MEMFD);
	ask(LOW_END - 2, 4, RMPE_PAGE_PRIVATE);
	assert_next(0, LOW_END - 2, LOW_END);
	pages(SHIFT + LOW_END - LOW - 2, 2);
	assert_next(0, LOW_END, LOW_END + 2);
}

static void beyond_32_bits(void **state)
{
	slot(HIGH, 0x1000, 0x100000000, KVM_MEM_GUEST_MEMFD);
	ask(HIGH + 0x10, 0x10, RMPE_PAGE_PRIVATE);
	pages(0x100000010, 1);
	assert_next(0, HIGH + 0x11, HIGH + 0x20);
	assert_none(HIGH + 0x20);
}

/* The last gfn that there is. */
static void the_last_gfn(void **state)
{
	slot(RMPE_MAX_GFNS - 2, 2, 0, KVM_MEM_GUEST_MEMFD);
	ask(RMPE_MAX_GFNS - 1, 1, RMPE_PAGE_PRIVATE);
	assert_next(0, RMPE_MAX_GFNS - 1, RMPE_MAX_GFNS);
	assert_none(RMPE_MAX_GFNS);
}

/* Who waits for kvm->srcu does not wait for a whole guest. */
static void a_gib_at_a_time(void **state)
{
	slot(GIB, 4 * GIB, 0x1000, KVM_MEM_GUEST_MEMFD);
	ask(GIB, 3 * GIB - 5, RMPE_PAGE_PRIVATE);
	assert_next(0, GIB, 2 * GIB);
	assert_next(2 * GIB, 2 * GIB, 3 * GIB);
	assert_next(3 * GIB, 3 * GIB, 4 * GIB - 5);
	assert_none(4 * GIB - 5);
}

/* A GiB without any is passed over. */
static void far_ahead(void **state)
{
	slot(5 * GIB, 1, 0x1000, KVM_MEM_GUEST_MEMFD);
	ask(GIB, 6 * GIB, RMPE_PAGE_PRIVATE);
	assert_next(0, 5 * GIB, 5 * GIB + 1);
}

static void a_killed_reader(void **state)
{
	ask(LOW, 3, RMPE_PAGE_PRIVATE);
	sigaddset(&task.pending, SIGINT);
	assert_next(0, LOW, LOW + 3);
	sigaddset(&task.pending, SIGKILL);
	assert_none(0);
}

/* The map is locked, and nothing else. */
static unsigned int locks;
static void count_lock(void)
{
	assert_false(srcu_read_lock_held(&kvm.srcu));
	locks++;
	unit_before_lock = count_lock;
}

static void locked_for_a_run_at_a_time(void **state)
{
	ask(LOW, 1, RMPE_PAGE_PRIVATE);
	ask(LOW + 4, 1, RMPE_PAGE_PRIVATE);
	pages(SHIFT, 1);
	locks = 0;
	unit_before_lock = count_lock;
	assert_next(0, LOW + 4, LOW + 5);
	unit_before_lock = NULL;
	/* Before it, the first, between both, the second. */
	assert_int_equal(locks, 4);
}

#define UNUSED_TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNUSED_TEST(nothing_asked),
		UNUSED_TEST(only_private_by_request),
		UNUSED_TEST(where_to_begin),
		UNUSED_TEST(pages_split_it),
		UNUSED_TEST(neighbours_do_not_count),
		UNUSED_TEST(all_used),
		UNUSED_TEST(a_large_page),
		UNUSED_TEST(cut_to_the_slot),
		UNUSED_TEST(no_guest_memfd),
		UNUSED_TEST(the_file_is_gone),
		UNUSED_TEST(slots_in_turn),
		UNUSED_TEST(beyond_32_bits),
		UNUSED_TEST(the_last_gfn),
		UNUSED_TEST(a_gib_at_a_time),
		UNUSED_TEST(far_ahead),
		UNUSED_TEST(a_killed_reader),
		UNUSED_TEST(locked_for_a_run_at_a_time),
	};

	return cmocka_run_group_tests_name("psc_unused", tests, NULL, NULL);
}
