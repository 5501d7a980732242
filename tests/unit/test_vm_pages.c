// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM's pages were asked to be, how they were used, and what becomes of that.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>

#include <unit/alloc.h>
#include <unit/observer.h>

#include "fake_host.h"
#include "vm.h"

#define GFN	0x1234567890ULL
#define HUGE	0x40000ULL	/* a GiB's, aligned: costs no memory */

static struct kvm kvm;
static struct rmpe_vm *vm;

static void make_vm(void)
{
	vm = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
	assert_non_null(vm);
	vm->id = 7;
	vm->pid = 410;
	mutex_lock(&vm->lock);
}

static void drop_vm(void)
{
	mutex_unlock(&vm->lock);
	rmpe_vm_release(vm);
}

static int set_up(void **state)
{
	unit_reset();
	jiffies += 6 * HZ;
	host = (struct fake_host){ };
	make_vm();
	return 0;
}

static int tear_down(void **state)
{
	unit_observer = NULL;
	unit_fail_alloc(UNIT_NEVER);
	drop_vm();
	return unit_live_objects() != 0;
}

static enum rmpe_page_state asked(gfn_t gfn)
{
	return rmpe_tracker_state(&vm->asked, gfn);
}

static enum rmpe_page_state used(gfn_t gfn)
{
	return rmpe_tracker_state(&vm->used, gfn);
}

static void add_hole(gfn_t gfn, u64 npages)
{
	const struct rmpe_map_event ev = { .when_ns = 1, .gfn = gfn, .npages = npages };

	rmpe_map_add(&vm->holes, &ev);
	rmpe_vm_update_watch(vm);
}

static bool has_hole(gfn_t gfn)
{
	struct rmpe_map_event ev;

	return rmpe_map_last(&vm->holes, gfn, &ev);
}

static void what_is_watched_for(void **state)
{
	assert_int_equal(rmpe_vm_watch(vm), 0);
	vm->coming.end = 5;
	rmpe_vm_update_watch(vm);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_SLOT);
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_SHARED);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_SLOT | RMPE_WATCH_USED);
	add_hole(GFN, 1);
	assert_int_equal(rmpe_vm_watch(vm),
			 RMPE_WATCH_SLOT | RMPE_WATCH_USED | RMPE_WATCH_HOLES);
	vm->coming.end = 0;
	rmpe_vm_update_watch(vm);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_USED | RMPE_WATCH_HOLES);
	rmpe_map_forget(&vm->holes, GFN, 1);
	rmpe_vm_update_watch(vm);
	/* Once there was one such page, others may come. */
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_NONE);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_USED);
}

static void what_is_asked_for(void **state)
{
	rmpe_vm_set_asked(vm, GFN, 3, RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN - 1), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN + 2), RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN + 3), RMPE_PAGE_NONE);
	assert_int_equal(vm->history_state, RMPE_HISTORY_COMPLETE);
	assert_int_equal(host.printed, 0);
}

/* Of these pages, and of no others. */
static void use_is_void_once_asked(void **state)
{
	gfn_t gfn;

	for (gfn = GFN; gfn < GFN + 6; gfn++)
		rmpe_vm_set_used(vm, gfn, RMPE_PAGE_PRIVATE);
	add_hole(GFN, 6);
	rmpe_vm_set_asked(vm, GFN + 1, 3, RMPE_PAGE_SHARED);
	for (gfn = GFN; gfn < GFN + 6; gfn++) {
		const bool within = gfn >= GFN + 1 && gfn < GFN + 4;

		assert_int_equal(used(gfn), within ? RMPE_PAGE_NONE : RMPE_PAGE_PRIVATE);
		assert_int_equal(has_hole(gfn), !within);
	}
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_USED | RMPE_WATCH_HOLES);
	rmpe_vm_set_asked(vm, GFN, 6, RMPE_PAGE_NONE);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_USED);
	assert_int_equal(used(GFN), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN + 2), RMPE_PAGE_NONE);
}

/* A fault that comes meanwhile looks as long as there is anything to be seen. */
static void reader(void)
{
	if (!(rmpe_vm_watch(vm) & RMPE_WATCH_HOLES)) {
		assert_int_equal(used(GFN), RMPE_PAGE_NONE);
		assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	}
}

static void watch_ends_last(void **state)
{
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_PRIVATE);
	add_hole(GFN, 1);
	unit_observer = reader;
	rmpe_vm_set_asked(vm, GFN, 1, RMPE_PAGE_SHARED);
	unit_observer = NULL;
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_USED);
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_PRIVATE);
	add_hole(GFN, 1);
	unit_observer = reader;
	assert_int_equal(rmpe_vm_replace_asked(vm, GFN, RMPE_PAGE_SHARED), RMPE_PAGE_SHARED);
	assert_int_equal(rmpe_vm_watch(vm), RMPE_WATCH_USED);
}

static void what_is_replaced(void **state)
{
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_PRIVATE);
	add_hole(GFN, 2);
	/* Of a gfn of which nothing is known it is the memory that the caller does without. */
	assert_int_equal(rmpe_vm_replace_asked(vm, GFN, RMPE_PAGE_SHARED), RMPE_PAGE_NONE);
	assert_int_equal(asked(GFN), RMPE_PAGE_NONE);
	assert_int_equal(used(GFN), RMPE_PAGE_PRIVATE);
	assert_true(has_hole(GFN));

	rmpe_vm_set_asked(vm, GFN, 2, RMPE_PAGE_LAUNCHED);
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_PRIVATE);
	rmpe_vm_set_used(vm, GFN + 1, RMPE_PAGE_PRIVATE);
	add_hole(GFN, 2);
	assert_int_equal(rmpe_vm_replace_asked(vm, GFN, RMPE_PAGE_SHARED),
			 RMPE_PAGE_LAUNCHED);
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN + 1), RMPE_PAGE_LAUNCHED);
	assert_int_equal(used(GFN), RMPE_PAGE_NONE);
	assert_int_equal(used(GFN + 1), RMPE_PAGE_PRIVATE);
	assert_false(has_hole(GFN));
	assert_true(has_hole(GFN + 1));
}

static void all_of_a_range(void **state)
{
	const enum rmpe_page_state p = RMPE_PAGE_PRIVATE, s = RMPE_PAGE_SHARED;

	rmpe_vm_set_asked(vm, GFN, 4, RMPE_PAGE_PRIVATE);
	rmpe_vm_set_asked(vm, GFN + 4, 4, RMPE_PAGE_LAUNCHED);
	rmpe_vm_set_asked(vm, GFN + 8, 4, RMPE_PAGE_SHARED);
	assert_true(rmpe_vm_all_asked(vm, GFN, 1, p));
	assert_true(rmpe_vm_all_asked(vm, GFN, 8, p));
	assert_true(rmpe_vm_all_asked(vm, GFN + 3, 2, p));
	assert_true(rmpe_vm_all_asked(vm, GFN + 7, 1, p));
	assert_true(rmpe_vm_all_asked(vm, GFN + 8, 4, s));
	assert_false(rmpe_vm_all_asked(vm, GFN, 9, p));
	assert_false(rmpe_vm_all_asked(vm, GFN - 1, 2, p));
	assert_false(rmpe_vm_all_asked(vm, GFN + 8, 1, p));
	assert_false(rmpe_vm_all_asked(vm, GFN + 8, 5, s));
	assert_false(rmpe_vm_all_asked(vm, GFN + 7, 2, s));
	assert_false(rmpe_vm_all_asked(vm, GFN + 7, 1, s));
	assert_false(rmpe_vm_all_asked(vm, GFN + 12, 1, s));
	assert_false(rmpe_vm_all_asked(vm, GFN + 12, 1, p));
}

/* A request may go beyond what a gpa can have; there is nothing to be asked for there. */
static void range_at_the_end(void **state)
{
	const gfn_t last = RMPE_MAX_GFNS - 1;

	rmpe_vm_set_asked(vm, last, 1, RMPE_PAGE_SHARED);
	assert_true(rmpe_vm_all_asked(vm, last, 1, RMPE_PAGE_SHARED));
	assert_true(rmpe_vm_all_asked(vm, last, 100, RMPE_PAGE_SHARED));
	assert_false(rmpe_vm_all_asked(vm, last - 1, 2, RMPE_PAGE_SHARED));
}

static void memory_that_it_takes(void **state)
{
	size_t one;

	assert_int_equal(rmpe_vm_tracker_bytes(vm), 0);
	rmpe_vm_set_asked(vm, GFN, 1, RMPE_PAGE_SHARED);
	one = rmpe_vm_tracker_bytes(vm);
	assert_int_equal(one, vm->asked.bytes);
	assert_true(one);
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_PRIVATE);
	assert_int_equal(rmpe_vm_tracker_bytes(vm), vm->asked.bytes + vm->used.bytes);
	assert_true(rmpe_vm_tracker_bytes(vm) > one);
}

static void assert_lost(void)
{
	assert_int_equal(vm->history_state, RMPE_HISTORY_LOST);
	assert_true(rmpe_tracker_is_empty(&vm->asked));
	assert_true(rmpe_tracker_is_empty(&vm->used));
	assert_int_equal(vm->watch & RMPE_WATCH_USED, 0);
}

static void history_is_lost(void **state)
{
	rmpe_vm_set_asked(vm, GFN, 3, RMPE_PAGE_SHARED);
	rmpe_vm_set_used(vm, GFN, RMPE_PAGE_PRIVATE);
	add_hole(GFN, 1);
	rmpe_vm_lose_history(vm);
	assert_lost();
	/* What the VMM took away it took away. */
	assert_int_equal(vm->watch, RMPE_WATCH_HOLES);
	assert_int_equal(host.printed, 1);
	assert_string_equal(host.log, "4 rmp_enforce: vm=7 pid=410 history=lost: no memory to track page states, reporting only\n");
	/* Once is enough; and what comes then is tracked again. */
	rmpe_vm_set_asked(vm, GFN, 1, RMPE_PAGE_SHARED);
	assert_int_equal(asked(GFN), RMPE_PAGE_SHARED);
	rmpe_vm_lose_history(vm);
	assert_lost();
	assert_int_equal(host.printed, 1);
}

/* Whoever can make VMs can make them lose their history. */
static void losses_do_not_flood_the_log(void **state)
{
	unsigned int i, round;

	for (round = 1; round <= 2; round++) {
		for (i = 0; i < 50; i++) {
			vm->history_state = RMPE_HISTORY_PARTIAL;
			rmpe_vm_lose_history(vm);
			assert_lost();
		}
		assert_int_equal(host.printed, 20 * round);
		jiffies += 5 * HZ + 1;
	}
}

/* Whatever the memory is missing for. */
static void no_memory(void (*act)(void))
{
	unsigned int nth;

	for (nth = 1;; nth++) {
		drop_vm();
		make_vm();
		rmpe_vm_set_asked(vm, HUGE + 1, 1, RMPE_PAGE_PRIVATE);
		assert_int_equal(rmpe_tracker_set(&vm->used, HUGE, HUGE, RMPE_PAGE_SHARED), 0);
		rmpe_vm_update_watch(vm);
		unit_fail_alloc(nth);
		act();
		if (!unit_alloc_failed())
			break;
		assert_lost();
		unit_fail_alloc(UNIT_NEVER);
	}
	unit_fail_alloc(UNIT_NEVER);
	assert_int_equal(vm->history_state, RMPE_HISTORY_COMPLETE);
	assert_true(nth > 1);
}

static void ask(void)
{
	rmpe_vm_set_asked(vm, GFN, 1, RMPE_PAGE_SHARED);
}

/* Asked for as one, and taken out of what was used. */
static void ask_for_all_but_some(void)
{
	rmpe_vm_set_asked(vm, HUGE, HUGE, RMPE_PAGE_SHARED);
	rmpe_vm_set_asked(vm, HUGE + 5, 1, RMPE_PAGE_PRIVATE);
}

static void replace(void)
{
	rmpe_vm_replace_asked(vm, HUGE + 1, RMPE_PAGE_SHARED);
}

static void use(void)
{
	rmpe_vm_set_used(vm, HUGE + 77, RMPE_PAGE_PRIVATE);
}

static void no_memory_to_ask(void **state)
{
	no_memory(ask);
	no_memory(ask_for_all_but_some);
}

static void no_memory_to_replace(void **state)
{
	no_memory(replace);
}

static void no_memory_to_use(void **state)
{
	no_memory(use);
}

#define pages_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		pages_test(what_is_watched_for),
		pages_test(what_is_asked_for),
		pages_test(use_is_void_once_asked),
		pages_test(watch_ends_last),
		pages_test(what_is_replaced),
		pages_test(all_of_a_range),
		pages_test(range_at_the_end),
		pages_test(memory_that_it_takes),
		pages_test(history_is_lost),
		pages_test(losses_do_not_flood_the_log),
		pages_test(no_memory_to_ask),
		pages_test(no_memory_to_replace),
		pages_test(no_memory_to_use),
	};

	return cmocka_run_group_tests_name("vm_pages", tests, NULL, NULL);
}
