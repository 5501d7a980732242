// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of a completed PSC are recorded: those that a guest_memfd has, or had.  And
 * whether the guest has asked for anything new.
 */
#include "one_guest.h"

#include <unit/alloc.h>

#include "backing.h"

#define NEXT	DEVICE			/* of a slot with guest_memfd in its place */

static u64 redundant(void)
{
	return guest.vm->counters.psc_redundant;
}

/* Is a PSC one that asks for nothing new?  Its event says the same. */
static bool asks_nothing_new(gfn_t gfn, u64 npages, bool private)
{
	const u64 before = redundant();
	struct rmpe_psc_event ev;

	guest_psc(VCPU, gfn, npages, private);
	assert_true(rmpe_history_get(&guest.vm->history, guest.vm->history.seq, &ev));
	assert_int_equal(redundant(), before + ev.redundant);
	return ev.redundant;
}

static void assert_range(gfn_t first, gfn_t end, enum rmpe_page_state state)
{
	gfn_t gfn;

	for (gfn = first; gfn < end; gfn++)
		if (guest_asked(gfn) != state)
			fail_msg("gfn 0x%llx is %d, not %d", gfn, guest_asked(gfn), state);
}

static void assert_nothing_asked(void)
{
	assert_true(rmpe_tracker_is_empty(&guest.vm->asked));
}

static void launch(gfn_t gfn, u64 npages)
{
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_asked(guest.vm, gfn, npages, RMPE_PAGE_LAUNCHED);
	mutex_unlock(&guest.vm->lock);
}

/* A slot was at these gfns, and another file's too. */
static void had(gfn_t first, gfn_t end)
{
	const struct rmpe_backing backing = {
		.inode = &guest.inode,
		.first = first,
		.end = end,
		.offset = first,
	};

	mutex_lock(&guest.vm->lock);
	assert_int_equal(rmpe_backing_add(&guest.vm->backings, &backing), 0);
	mutex_unlock(&guest.vm->lock);
}

static void no_slots(void)
{
	guest.kvm.memslots.nr = 0;
}

static void in_one_slot(void **state)
{
	guest_psc(VCPU, MEMORY, MEMORY_END - MEMORY, true);
	assert_range(MEMORY, MEMORY_END, RMPE_PAGE_PRIVATE);
	assert_range(MEMORY - 1, MEMORY, RMPE_PAGE_NONE);
	assert_range(DEVICE, DEVICE_END, RMPE_PAGE_NONE);
	guest_psc(VCPU, A, 2, false);
	assert_range(A - 1, A, RMPE_PAGE_PRIVATE);
	assert_range(A, A + 2, RMPE_PAGE_SHARED);
	assert_range(A + 2, A + 3, RMPE_PAGE_PRIVATE);
	guest_psc(VCPU, MEMORY_END - 1, 1, false);
	assert_range(MEMORY_END - 1, MEMORY_END, RMPE_PAGE_SHARED);
}

/* More than a slot has, on either side: the rest is no guest_memfd's. */
static void beyond_a_slot(void **state)
{
	guest_psc(VCPU, MEMORY_END - 2, 3, true);
	assert_range(MEMORY_END - 2, MEMORY_END, RMPE_PAGE_PRIVATE);
	assert_range(MEMORY_END, DEVICE_END, RMPE_PAGE_NONE);
	guest_psc(VCPU, MEMORY - 2, 3, true);
	assert_range(MEMORY - 2, MEMORY, RMPE_PAGE_NONE);
	assert_range(MEMORY, MEMORY + 1, RMPE_PAGE_PRIVATE);
	assert_range(MEMORY + 1, MEMORY_END - 2, RMPE_PAGE_NONE);
}

static void across_slots(void **state)
{
	guest_psc(VCPU, 0, HIGH_END + 5, false);
	assert_range(0, MEMORY, RMPE_PAGE_NONE);
	assert_range(MEMORY, MEMORY_END, RMPE_PAGE_SHARED);
	assert_range(DEVICE, DEVICE_END, RMPE_PAGE_NONE);
	assert_range(HIGH - 1, HIGH, RMPE_PAGE_NONE);
	assert_range(HIGH, HIGH_END, RMPE_PAGE_SHARED);
	assert_range(HIGH_END, HIGH_END + 5, RMPE_PAGE_NONE);
	/* From the middle of one to the middle of another. */
	guest_psc(VCPU, A, HIGH + 3 - A, true);
	assert_range(MEMORY, A, RMPE_PAGE_SHARED);
	assert_range(A, MEMORY_END, RMPE_PAGE_PRIVATE);
	assert_range(HIGH, HIGH + 3, RMPE_PAGE_PRIVATE);
	assert_range(HIGH + 3, HIGH_END, RMPE_PAGE_SHARED);
}

/* The gfns are the guest's to choose: no memory is spent on those that nothing is at. */
static void without_memory(void **state)
{
	assert_false(asks_nothing_new(DEVICE, 1, true));
	assert_false(asks_nothing_new(DEVICE, DEVICE_END - DEVICE, true));
	assert_false(asks_nothing_new(HIGH_END, 0x1000000, true));
	assert_false(asks_nothing_new(MEMORY - 1, 1, true));
	no_slots();
	assert_false(asks_nothing_new(A, 1, true));
	assert_false(asks_nothing_new(A, 2, true));
	assert_nothing_asked();
	assert_int_equal(guest.vm->counters.psc_completed, 6);
}

/* A slot may be away for a moment: what its pages are matters when they come back. */
static void slot_is_away(void **state)
{
	had(MEMORY, MEMORY_END);
	had(HIGH, HIGH_END);
	no_slots();
	guest_psc(VCPU, MEMORY_END - 2, 4, true);
	assert_range(MEMORY_END - 3, MEMORY_END - 2, RMPE_PAGE_NONE);
	assert_range(MEMORY_END - 2, MEMORY_END, RMPE_PAGE_PRIVATE);
	assert_range(MEMORY_END, MEMORY_END + 2, RMPE_PAGE_NONE);
	guest_psc(VCPU, MEMORY - 1, 2, true);
	assert_range(MEMORY - 1, MEMORY, RMPE_PAGE_NONE);
	assert_range(MEMORY, MEMORY + 1, RMPE_PAGE_PRIVATE);
	/* Of both. */
	guest_psc(VCPU, A, HIGH + 2 - A, false);
	assert_range(A - 1, A, RMPE_PAGE_NONE);
	assert_range(A, MEMORY_END, RMPE_PAGE_SHARED);
	assert_range(HIGH, HIGH + 2, RMPE_PAGE_SHARED);
	assert_range(HIGH + 2, HIGH + 3, RMPE_PAGE_NONE);
	assert_range(DEVICE, DEVICE_END, RMPE_PAGE_NONE);
	/* Of one page nothing is known yet. */
	guest_psc(VCPU, HIGH + 9, 1, true);
	assert_range(HIGH + 9, HIGH + 10, RMPE_PAGE_PRIVATE);
}

/* Others that only touch the range have no part in it. */
static void slots_are_away_beside(void **state)
{
	had(A - 4, A);
	had(A, A + 2);
	had(A + 2, A + 6);
	no_slots();
	assert_false(asks_nothing_new(A, 2, true));
	assert_true(asks_nothing_new(A, 2, true));
	assert_range(A - 4, A, RMPE_PAGE_NONE);
	assert_range(A, A + 2, RMPE_PAGE_PRIVATE);
	assert_range(A + 2, A + 6, RMPE_PAGE_NONE);
}

/* One part is there, and one part away. */
static void slot_is_away_in_part(void **state)
{
	had(DEVICE, DEVICE + 8);
	guest_psc(VCPU, MEMORY_END - 2, 6, true);
	assert_range(MEMORY_END - 2, DEVICE + 4, RMPE_PAGE_PRIVATE);
	assert_range(DEVICE + 4, DEVICE_END, RMPE_PAGE_NONE);
	assert_true(asks_nothing_new(MEMORY_END - 2, 6, true));
	assert_false(asks_nothing_new(MEMORY_END - 2, 7, true));
	assert_true(asks_nothing_new(MEMORY_END - 2, 7, true));
}

static void nothing_new_in_one_slot(void **state)
{
	assert_false(asks_nothing_new(A, 4, true));
	assert_true(asks_nothing_new(A, 4, true));
	assert_true(asks_nothing_new(A + 1, 1, true));
	assert_true(asks_nothing_new(A + 3, 1, true));
	/* One more than was asked for, in front and behind. */
	assert_false(asks_nothing_new(A - 1, 5, true));
	assert_false(asks_nothing_new(A - 1, 6, true));
	assert_true(asks_nothing_new(A - 1, 6, true));

	assert_false(asks_nothing_new(A, 4, false));
	assert_true(asks_nothing_new(A, 4, false));
	assert_false(asks_nothing_new(A - 1, 6, true));
}

static void nothing_new_of_one_page(void **state)
{
	assert_false(asks_nothing_new(A, 1, true));
	assert_true(asks_nothing_new(A, 1, true));
	assert_false(asks_nothing_new(A, 1, false));
	assert_true(asks_nothing_new(A, 1, false));
	assert_false(asks_nothing_new(A, 1, true));
	assert_range(A, A + 1, RMPE_PAGE_PRIVATE);
}

/* What was populated at launch is private. */
static void nothing_new_of_launched(void **state)
{
	launch(A, 4);
	assert_true(asks_nothing_new(A, 1, true));
	assert_true(asks_nothing_new(A, 4, true));
	assert_range(A, A + 4, RMPE_PAGE_PRIVATE);
	launch(A, 4);
	assert_false(asks_nothing_new(A, 1, false));
	assert_false(asks_nothing_new(A, 4, false));
}

/* In each of the parts; whichever of them it is that is new. */
static void nothing_new_across_slots(void **state)
{
	const u64 all = HIGH + 4 - A;

	assert_false(asks_nothing_new(A, all, true));
	assert_true(asks_nothing_new(A, all, true));
	guest_psc(VCPU, A, 1, false);
	assert_false(asks_nothing_new(A, all, true));
	guest_psc(VCPU, HIGH + 3, 1, false);
	assert_false(asks_nothing_new(A, all, true));
	assert_true(asks_nothing_new(A, all, true));
}

/* Of a page of which something is known nobody looks whether it is there. */
static void known_page_without_slot(void **state)
{
	guest_psc(VCPU, A, 2, true);
	no_slots();
	assert_true(asks_nothing_new(A, 1, true));
	assert_false(asks_nothing_new(A, 1, false));
	assert_range(A, A + 1, RMPE_PAGE_SHARED);
	assert_false(asks_nothing_new(A, 2, true));
	assert_range(A, A + 1, RMPE_PAGE_SHARED);
}

static void slot_comes(unsigned int i, gfn_t gfn, u64 npages, struct file *file)
{
	guest.slot[i] = (struct kvm_memory_slot){
		.base_gfn = gfn,
		.npages = npages,
		.flags = KVM_MEM_GUEST_MEMFD,
		.gmem.file = file,
	};
	mutex_lock(&guest.vm->lock);
	guest.vm->coming = rmpe_backing_of(&guest.slot[i]);
	rmpe_vm_update_watch(guest.vm);
	mutex_unlock(&guest.vm->lock);
}

/* A slot with other pages has come: what was asked for the old ones is void before. */
static void new_slot(void **state)
{
	guest_psc(VCPU, DEVICE - 2, 4, true);
	had(DEVICE, DEVICE_END);
	guest_psc(VCPU, DEVICE, 4, true);
	guest.inode.i_ino++;
	slot_comes(1, NEXT, 0x100, &fake_gmem);
	assert_false(asks_nothing_new(NEXT, 1, true));
	assert_int_equal(guest.vm->coming.end, 0);
	assert_int_equal(guest.vm->watch, 0);
	assert_range(NEXT, NEXT + 1, RMPE_PAGE_PRIVATE);
	assert_range(NEXT + 1, NEXT + 4, RMPE_PAGE_NONE);
	assert_range(MEMORY_END - 2, MEMORY_END, RMPE_PAGE_PRIVATE);
	assert_int_equal(guest.vm->backings.nr, 1);
}

/* It is prepared, and not there yet. */
static void new_slot_not_there(void **state)
{
	had(DEVICE, DEVICE_END);
	guest_psc(VCPU, DEVICE, 4, true);
	slot_comes(3, HIGH_END, 0x100, &fake_gmem);
	assert_true(asks_nothing_new(DEVICE, 4, true));
	assert_int_equal(guest.vm->coming.end, HIGH_END + 0x100);
}

/* How a page was used before it was asked for means nothing any more. */
static void use_is_forgotten(void **state)
{
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_used(guest.vm, A, RMPE_PAGE_SHARED);
	rmpe_vm_set_used(guest.vm, A + 1, RMPE_PAGE_SHARED);
	rmpe_vm_set_used(guest.vm, A + 2, RMPE_PAGE_SHARED);
	mutex_unlock(&guest.vm->lock);
	guest_psc(VCPU, A, 1, true);
	assert_int_equal(guest_used(A), RMPE_PAGE_NONE);
	assert_int_equal(guest_used(A + 1), RMPE_PAGE_SHARED);
	guest_psc(VCPU, A, 2, true);
	assert_int_equal(guest_used(A + 1), RMPE_PAGE_NONE);
	assert_int_equal(guest_used(A + 2), RMPE_PAGE_SHARED);
	/* Of one that was asked for before, alone: not its neighbours'. */
	guest_psc(VCPU, A + 4, 3, true);
	set_used(A + 4, RMPE_PAGE_SHARED);
	set_used(A + 5, RMPE_PAGE_SHARED);
	set_used(A + 6, RMPE_PAGE_SHARED);
	guest_psc(VCPU, A + 5, 1, true);
	assert_int_equal(guest_used(A + 4), RMPE_PAGE_SHARED);
	assert_int_equal(guest_used(A + 5), RMPE_PAGE_NONE);
	assert_int_equal(guest_used(A + 6), RMPE_PAGE_SHARED);
}

static void no_memory_to_record(void **state)
{
	guest_asks(VCPU, A, 2, true);
	unit_fail_alloc(1);
	vmm_answers(VCPU, 0);
	assert_true(unit_alloc_failed());
	assert_int_equal(fake_kvm.calls, 1);
	assert_int_equal(guest.vm->history_state, RMPE_HISTORY_LOST);
	assert_int_equal(guest.vm->counters.psc_completed, 1);
	assert_nothing_asked();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(in_one_slot),
		GUEST_TEST(beyond_a_slot),
		GUEST_TEST(across_slots),
		GUEST_TEST(without_memory),
		GUEST_TEST(slot_is_away),
		GUEST_TEST(slots_are_away_beside),
		GUEST_TEST(slot_is_away_in_part),
		GUEST_TEST(nothing_new_in_one_slot),
		GUEST_TEST(nothing_new_of_one_page),
		GUEST_TEST(nothing_new_of_launched),
		GUEST_TEST(nothing_new_across_slots),
		GUEST_TEST(known_page_without_slot),
		GUEST_TEST(new_slot),
		GUEST_TEST(new_slot_not_there),
		GUEST_TEST(use_is_forgotten),
		GUEST_TEST(no_memory_to_record),
	};

	return cmocka_run_group_tests_name("psc_range", tests, NULL, NULL);
}
