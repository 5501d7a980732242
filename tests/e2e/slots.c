// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots that go, come back, or come with other memory, while the guest runs.
 */
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
	run_on(vm);
	expect_value(vm, 0, op[0], 7);
	expect_value(vm, 0, op[1], 7);
	/* The VMM has set all of the slot to private; that is on the host. */
	expect_record(vm, "class=host gfn=0x%lx expected=shared attr=private",
		      VM_SLOT1_GPA / GUEST_PAGE + 1);
	expect_fault(vm, 0, op[2], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch gfn=0x%lx action=vc", VM_SLOT1_GPA / GUEST_PAGE + 2);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Other memory at the same place: all that was asked for is void. */
static void replaced(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int op[3];

	(void)arg;
	slot_script(vm, op);
	run_until_meeting(vm);
	vm_slot_delete(vm, 1);
	vm_slot_restore(vm, 1, true);
	expect_page_state(vm, VM_SLOT1_GPA, "none");
	expect_page_state(vm, PAGE(1), "none");
	run_on(vm);
	expect_fault(vm, 0, op[0], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch gfn=0x%lx expected=initial action=vc",
		      VM_SLOT1_GPA / GUEST_PAGE);
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
	guard_launch(vm);
	run(vm);
	expect_halted(vm, 0);
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

static const struct scenario scenarios[] = {
	{ "slots.comes_back", comes_back, NULL, 0 },
	{ "slots.comes_back_partly", comes_back, "partly", 0 },
	{ "slots.away_at_the_answer", away_at_the_answer, NULL, 0 },
	{ "slots.replaced", replaced, NULL, 0 },
	{ "slots.without_guest_memfd", without_guest_memfd, NULL, 0 },
};

GROUP(slots_group, scenarios);
