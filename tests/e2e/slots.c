// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots that go, come back, or come with other memory, while the guest runs.
 */
#include <sys/ioctl.h>
#include <unistd.h>
#include "guard.h"
#include "meeting.h"

#define PAGE(n)	(VM_SLOT1_GPA + (n) * GUEST_PAGE)

static void slot_script(struct vm *vm, unsigned int op[3])
{
	vm_slot_add(vm, 1, VM_SLOT1_GPA, 16 * GUEST_PAGE);
	op_make_private(vm, 0, VM_SLOT1_GPA);
	op_write(vm, 0, VIEW_PRIVATE, VM_SLOT1_GPA, 7);
	op_psc(vm, 0, PAGE(1), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, PAGE(1), 7);
	for (unsigned int i = 7; i < 13; i++)
		op_psc(vm, 0, PAGE(i), PSC_PRIVATE);
	add_meeting(vm);
	op[0] = op_read(vm, 0, VIEW_PRIVATE, VM_SLOT1_GPA);
	op[1] = op_read(vm, 0, VIEW_SHARED, PAGE(1));
	op[2] = op_pvalidate(vm, 0, PAGE(2), true, false);
}

/* The guest finds its data, and goes on from what it has asked for. */
static void run_on_with_same_memory(struct vm *vm, const unsigned int op[3])
{
	run_on(vm);
	expect_value(vm, 0, op[0], 7);
	expect_value(vm, 0, op[1], 7);
	expect_fault(vm, 0, op[2], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch gfn=0x%lx action=vc", VM_SLOT1_GPA / GUEST_PAGE + 2);
}

/*
 * The same memory comes back: so do the states of its pages, but of those at whose
 * place there was another memory meanwhile.
 */
static void comes_back(const void *arg)
{
	const bool partly = arg;
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int op[3];

	slot_script(vm, op);
	run_until_meeting(vm);
	expect_page_state(vm, VM_SLOT1_GPA, "private");
	vm_slot_delete(vm, 1);
	if (partly) {
		vm_slot_add(vm, 2, PAGE(8), 4 * GUEST_PAGE);
		vm_slot_delete(vm, 2);
	}
	vm_slot_restore(vm, 1, false);
	expect_page_state(vm, VM_SLOT1_GPA, "private");
	expect_page_state(vm, PAGE(1), "shared");
	expect_page_state(vm, PAGE(7), "private");
	expect_page_state(vm, PAGE(8), partly ? "none" : "private");
	expect_page_state(vm, PAGE(11), partly ? "none" : "private");
	expect_page_state(vm, PAGE(12), "private");
	run_on_with_same_memory(vm, op);
	/* The VMM has set all of the slot to private: the class is host. */
	expect_record(vm, "class=host gfn=0x%lx expected=shared attr=private",
		      VM_SLOT1_GPA / GUEST_PAGE + 1);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* With other memory at the same place all that was asked for is void. */
static void run_on_with_other_memory(struct vm *vm, const unsigned int op[3])
{
	vm_slot_restore(vm, 1, true);
	expect_page_state(vm, VM_SLOT1_GPA, "none");
	expect_page_state(vm, PAGE(1), "none");
	run_on(vm);
	expect_fault(vm, 0, op[0], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch gfn=0x%lx expected=initial action=vc",
		      VM_SLOT1_GPA / GUEST_PAGE);
}

static void replaced(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int op[3];

	(void)arg;
	slot_script(vm, op);
	run_until_meeting(vm);
	vm_slot_delete(vm, 1);
	run_on_with_other_memory(vm, op);
	expect_value(vm, 0, op[1], 0);
	expect_record(vm, "class=initial_shared gfn=0x%lx action=none",
		      VM_SLOT1_GPA / GUEST_PAGE + 1);
	expect_record(vm, "class=first_touch gfn=0x%lx action=vc", VM_SLOT1_GPA / GUEST_PAGE + 2);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* ROMs and devices can't change their state, so there is nothing to judge. */
static void without_guest_memfd(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int r, w, m;

	(void)arg;
	vm_slot_add_plain(vm, 1, VM_SLOT1_GPA, 4 * GUEST_PAGE);
	*(uint64_t *)vm_hva(vm, VM_SLOT1_GPA) = 99;
	r = op_read(vm, 0, VIEW_SHARED, VM_SLOT1_GPA);
	w = op_write(vm, 0, VIEW_SHARED, PAGE(1), 1);
	m = op_read(vm, 0, VIEW_SHARED, 0x30000000ul);
	clean_run(vm);
	expect_value(vm, 0, r, 99);
	expect_ok(vm, 0, w);
	expect_fault(vm, 0, m, VECTOR_VC, 0x400, 1);	/* MMIO, for the guest to emulate */
	expect_page_state(vm, VM_SLOT1_GPA, "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The PSC was done, and the guest may rely on it, wherever the slot was meanwhile. */
static uint64_t convert_and_delete(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	if (psc->gpa == VM_SLOT1_GPA && !psc->to_private)
		vm_slot_delete(v->vm, 1);
	return r;
}

static void away_at_the_answer(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = convert_and_delete }, "vc");
	unsigned int w;

	(void)arg;
	vm_slot_add(vm, 1, VM_SLOT1_GPA, 16 * GUEST_PAGE);
	op_make_private(vm, 0, VM_SLOT1_GPA);
	op_make_shared(vm, 0, VM_SLOT1_GPA);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_SHARED, VM_SLOT1_GPA, 7);
	run_until_meeting(vm);
	vm_slot_restore(vm, 1, false);
	expect_page_state(vm, VM_SLOT1_GPA, "shared");
	run_on(vm);
	expect_ok(vm, 0, w);
	expect_record(vm, "class=host gfn=0x%lx expected=shared source=psc attr=private",
		      VM_SLOT1_GPA / GUEST_PAGE);
	expect_quiet(vm);
	vm_destroy(vm);
}

/*
 * A device is put before the memory.  What the guest asks for there meanwhile holds when
 * the memory comes back: a page that was known, one that was not, and some at once.
 */
static void another_in_its_place(const void *arg)
{
	const uint64_t some[] = {
		PSC_ENTRY(PAGE(8), PSC_SHARED, 0, 0),
		PSC_ENTRY(PAGE(9), PSC_SHARED, 0, 0),
	};
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = vm_psc_claim }, "vc");

	(void)arg;
	vm_slot_add(vm, 1, VM_SLOT1_GPA, 16 * GUEST_PAGE);
	for (unsigned int i = 7; i < 13; i++)
		op_psc(vm, 0, PAGE(i), PSC_PRIVATE);
	add_meeting(vm);
	op_psc(vm, 0, PAGE(1), PSC_SHARED);
	op_psc(vm, 0, PAGE(7), PSC_SHARED);
	op_psc_nae(vm, 0, PSC_HDR(0, 1), some, 2);
	run_until_meeting(vm);
	vm_slot_delete(vm, 1);
	vm_slot_add_plain(vm, 2, VM_SLOT1_GPA, 16 * GUEST_PAGE);
	run_on(vm);
	vm_slot_delete(vm, 2);
	vm_slot_restore(vm, 1, false);
	expect_page_state(vm, PAGE(0), "none");
	expect_page_state(vm, PAGE(1), "shared");
	expect_page_state(vm, PAGE(7), "shared");
	expect_page_state(vm, PAGE(8), "shared");
	expect_page_state(vm, PAGE(9), "shared");
	expect_page_state(vm, PAGE(10), "private");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- slots that KVM does not create after all --- */

#define SLOT_PAGES	16u

/*
 * Pages that another slot shows already: Linux 7.3 has told the architecture of the slot
 * when it finds that out, 6.12 has not. Or pages that the file does not have.
 */
static void fail_to_create(struct vm *vm, bool beyond_end)
{
	struct kvm_userspace_memory_region2 r = {
		.slot = 2,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = VM_SLOT1_GPA,
		.memory_size = SLOT_PAGES * GUEST_PAGE,
		.userspace_addr = (uint64_t)vm->slot[1].mem,
		.guest_memfd_offset = beyond_end ? GUEST_PAGE : 0,
		.guest_memfd = vm->slot[beyond_end].gmem,
	};

	check(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, &r), "KVM creates such a slot");
}

/* What was there before comes back, and is as the guest has asked. */
static void create_fails(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int op[3];

	slot_script(vm, op);
	run_until_meeting(vm);
	vm_slot_delete(vm, 1);
	fail_to_create(vm, arg);
	expect_page_state(vm, VM_SLOT1_GPA, "private");
	expect_page_state(vm, PAGE(1), "shared");
	vm_slot_restore(vm, 1, false);
	vm_set_attr(vm, PAGE(1), GUEST_PAGE, false);
	expect_page_state(vm, VM_SLOT1_GPA, "private");
	expect_page_state(vm, PAGE(12), "private");
	run_on_with_same_memory(vm, op);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Other memory comes after the attempt: what was asked for is void, as without it. */
static void create_fails_then_other(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int op[3];

	(void)arg;
	slot_script(vm, op);
	run_until_meeting(vm);
	vm_slot_delete(vm, 1);
	fail_to_create(vm, false);
	run_on_with_other_memory(vm, op);
	vm_destroy(vm);
}

enum { FLAG_END = 2 };

/* The VMM knows that there is no memory, for a moment. */
static int wait_for_slot(struct vcpu *v, uint64_t gpa, uint64_t size, bool to_private)
{
	if (gpa < VM_SLOT1_GPA)
		return vm_convert(v->vm, gpa, size, to_private);
	usleep(100);
	return 0;
}

/* The guest reads on and on, while its memory goes, another can't come, and it comes back. */
static void create_fails_under_fire(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_memory_fault = wait_for_slot }, "vc");
	unsigned int r;

	(void)arg;
	vm_slot_add(vm, 1, VM_SLOT1_GPA, SLOT_PAGES * GUEST_PAGE);
	op_make_private(vm, 0, VM_SLOT1_GPA);
	op_write(vm, 0, VIEW_PRIVATE, VM_SLOT1_GPA, 7);
	op_set_flag(vm, 0, FLAG_READY, 1);
	r = op_read(vm, 0, VIEW_PRIVATE, VM_SLOT1_GPA);
	op_loop_until(vm, 0, r, FLAG_END);
	run_until_meeting(vm);
	for (unsigned int i = 0; i < 40; i++) {
		vm_slot_delete(vm, 1);
		fail_to_create(vm, i % 2);
		vm_slot_restore(vm, 1, false);
		usleep(i % 4 * 1000);
	}
	vm_set_flag(vm, FLAG_END, 1);
	vm_wait(vm, PATIENCE_MS);
	expect_halted(vm, 0);
	expect_value(vm, 0, r, 7);
	check(!vm_result(vm, 0, r)->faults, "a read faulted");
	expect_counter(vm, "violations/first_touch", 0);
	expect_counter(vm, "violations/host", 0);
	expect_counter(vm, "violations/enforced", 0);
	expect_page_state(vm, VM_SLOT1_GPA, "private");
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "slots.comes_back", comes_back, NULL, 0 },
	{ "slots.comes_back_partly", comes_back, "partly", 0 },
	{ "slots.away_at_the_answer", away_at_the_answer, NULL, 0 },
	{ "slots.another_in_its_place", another_in_its_place, NULL, 0 },
	{ "slots.replaced", replaced, NULL, 0 },
	{ "slots.create_fails", create_fails, NULL, 0 },
	{ "slots.create_fails_early", create_fails, "early", 0 },
	{ "slots.create_fails_then_other", create_fails_then_other, NULL, 0 },
	{ "slots.create_fails_under_fire", create_fails_under_fire, NULL, 0 },
	{ "slots.without_guest_memfd", without_guest_memfd, NULL, 0 },
};

GROUP(slots_group, scenarios);
