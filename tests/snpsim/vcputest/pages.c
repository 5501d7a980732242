// SPDX-License-Identifier: GPL-2.0-only
/* Page states: validation, RMP checks, PVALIDATE and RMPADJUST. */
#include "vcputest.h"

#define RMPADJUST_ATTR(vmpl, perms, vmsa) ((vmpl) | (perms) << 8 | (uint64_t)(vmsa) << 16)

static void not_validated(void)
{
	struct vm *vm = new_vm(1);
	unsigned int r, w, x, walk, again;

	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0) + 0x18);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0) + 0x20, 1);
	x = op_exec(vm, 0, VIEW_PRIVATE, GPA(0) + 0x30);
	walk = op_walk(vm, 0, GPA(0));
	op_pvalidate(vm, 0, GPA(0), true, false);
	op_write(vm, 0, VIEW_PRIVATE, GPA(0) + 0x20, 0x77);
	op_pvalidate(vm, 0, GPA(0), false, false);
	again = op_read(vm, 0, VIEW_PRIVATE, GPA(0) + 0x20);
	run_to_end(vm);
	expect_fault(vm, 0, r, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(0) + 0x18);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(0) + 0x20);
	expect_fault(vm, 0, x, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(0) + 0x30);
	expect_fault(vm, 0, walk, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GUEST_WALK_VA);
	expect_fault(vm, 0, again, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(0) + 0x20);
	expect_memory_faults(vm, 0, 0);
	vm_destroy(vm);
}

static void pvalidate(void)
{
	struct vm *vm = new_vm(1);
	unsigned int first, second, off, off2, big, odd, untouched;

	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	first = op_pvalidate(vm, 0, GPA(0), true, false);
	second = op_pvalidate(vm, 0, GPA(0), true, false);
	off = op_pvalidate(vm, 0, GPA(0), false, false);
	off2 = op_pvalidate(vm, 0, GPA(0), false, false);
	/* 2M on 4K entries: only the first is the right alignment. */
	big = op_pvalidate(vm, 0, 0x200000, true, true);
	odd = op_pvalidate(vm, 0, 0x201000, true, true);
	/* A launched page is valid already. */
	untouched = op_pvalidate(vm, 0, GUEST_IMAGE_GPA, true, false);
	run_to_end(vm);
	expect_code(vm, 0, first, 0);
	expect_eq(vm_result(vm, 0, first)->carry, 0);
	expect_code(vm, 0, second, 0);
	expect_eq(vm_result(vm, 0, second)->carry, 1);
	expect_code(vm, 0, off, 0);
	expect_eq(vm_result(vm, 0, off)->carry, 0);
	expect_eq(vm_result(vm, 0, off2)->carry, 1);
	expect_code(vm, 0, big, 6);
	expect_code(vm, 0, odd, 1);
	expect_code(vm, 0, untouched, 0);
	expect_eq(vm_result(vm, 0, untouched)->carry, 1);
	vm_destroy(vm);
}

static unsigned int rmpadjust(struct vm *vm, uint64_t gpa, uint64_t attr, bool big)
{
	return op_add(vm, 0, &(struct guest_op){ .code = OP_RMPADJUST, .gpa = gpa,
						 .arg = { attr, big } });
}

static void rmpadjust_codes(void)
{
	struct vm *vm = new_vm(1);
	unsigned int ok, self, level, perms, big, odd, invalid, vmsa, off;

	op_make_private(vm, 0, GPA(0));
	ok = rmpadjust(vm, GPA(0), RMPADJUST_ATTR(1, 0xf, 0), false);
	self = rmpadjust(vm, GPA(0), RMPADJUST_ATTR(0, 0xf, 0), false);
	level = rmpadjust(vm, GPA(0), RMPADJUST_ATTR(4, 0, 0), false);
	perms = rmpadjust(vm, GPA(0), RMPADJUST_ATTR(1, 0x20, 0), false);
	odd = rmpadjust(vm, GPA(1), RMPADJUST_ATTR(1, 0, 0), true);
	op_make_private(vm, 0, 0x200000);
	big = rmpadjust(vm, 0x200000, RMPADJUST_ATTR(1, 0, 0), true);
	op_psc(vm, 0, GPA(2), PSC_PRIVATE);
	invalid = rmpadjust(vm, GPA(2), RMPADJUST_ATTR(1, 0, 0), false);
	vmsa = rmpadjust(vm, GPA(0), RMPADJUST_ATTR(1, 0, 1), false);
	op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	off = rmpadjust(vm, GPA(0), RMPADJUST_ATTR(1, 0, 0), false);
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	run_to_end(vm);
	expect_code(vm, 0, ok, 0);
	expect_code(vm, 0, self, 2);
	expect_code(vm, 0, level, 1);
	expect_code(vm, 0, perms, 1);
	expect_code(vm, 0, odd, 1);
	expect_code(vm, 0, big, 6);
	expect_fault(vm, 0, invalid, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(2));
	expect_code(vm, 0, vmsa, 0);
	expect_no_fault(vm, 0, vmsa + 1);
	expect_code(vm, 0, off, 0);
	expect_no_fault(vm, 0, off + 1);
	vm_destroy(vm);
}

/* What the host is told, and what the guest finds after the host has converted the page. */
static void shared_access_to_private(void)
{
	struct vm *vm = new_vm(1);
	unsigned int read, write, after;
	const struct vm_exit *x;

	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 0x1234);
	read = op_read(vm, 0, VIEW_SHARED, GPA(0));	/* allowed, and not seen */
	write = op_write(vm, 0, VIEW_SHARED, GPA(0) + 8, 0x5678);
	after = op_read(vm, 0, VIEW_SHARED, GPA(0) + 8);
	run_to_end(vm);
	expect_no_fault(vm, 0, read);
	expect_no_fault(vm, 0, write);
	expect_value(vm, 0, after, 0x5678);
	expect_memory_faults(vm, 0, 1);
	x = vcpu_exit(&vm->vcpu[0], KVM_EXIT_MEMORY_FAULT, 0);
	expect_eq(x->gpa, GPA(0));
	expect_eq(x->flags, 0);
	vm_destroy(vm);
}

static void private_access_to_shared(void)
{
	struct vm *vm = new_vm(1);
	unsigned int read, walk, exec;
	const struct vm_exit *x;

	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 0x1234);
	read = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(1), 0);
	walk = op_walk(vm, 0, GPA(1));
	op_psc(vm, 0, GPA(2), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(2), 0xc3);
	exec = op_exec(vm, 0, VIEW_PRIVATE, GPA(2));
	run_to_end(vm);
	/* Converted by the VMM, and then not validated. */
	expect_fault(vm, 0, read, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(0));
	expect_fault(vm, 0, walk, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GUEST_WALK_VA);
	expect_fault(vm, 0, exec, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(2));
	expect_memory_faults(vm, 0, 3);
	for (unsigned int i = 0; i < 3; i++) {
		x = vcpu_exit(&vm->vcpu[0], KVM_EXIT_MEMORY_FAULT, i);
		if (!x)
			break;
		expect_eq(x->gpa, GPA(i));
		expect_eq(x->flags, PAGE_PRIVATE_FLAG);
	}
	vm_destroy(vm);
}

/* Fetches are private, whatever the C-bit of the mapping says. */
static void fetch_without_cbit(void)
{
	struct vm *vm = new_vm(1);
	unsigned int good, bad, write;

	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 0xc3);	/* ret */
	good = op_exec(vm, 0, VIEW_SHARED, GPA(0));
	write = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(1), 0xc3);
	bad = op_exec(vm, 0, VIEW_SHARED, GPA(1));
	run_to_end(vm);
	expect_no_fault(vm, 0, good);
	expect_no_fault(vm, 0, write);
	expect_fault(vm, 0, bad, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GUEST_SHARED_VA + GPA(1));
	expect_memory_faults(vm, 0, 2);
	vm_destroy(vm);
}

/* Contents survive what the VMM does to other pages; a conversion loses them. */
static void contents(void)
{
	struct vm *vm = new_vm(1);
	unsigned int first, second, third;

	for (unsigned int i = 0; i < 8; i++) {
		op_make_private(vm, 0, GPA(i));
		op_write(vm, 0, VIEW_PRIVATE, GPA(i) + 8 * i, 100 + i);
	}
	first = op_read(vm, 0, VIEW_PRIVATE, GPA(3) + 24);
	op_make_shared(vm, 0, GPA(2));
	op_write(vm, 0, VIEW_SHARED, GPA(2), 1);
	second = op_read(vm, 0, VIEW_PRIVATE, GPA(3) + 24);
	op_make_shared(vm, 0, GPA(3));
	op_make_private(vm, 0, GPA(3));
	third = op_read(vm, 0, VIEW_PRIVATE, GPA(3) + 24);
	run_to_end(vm);
	expect_value(vm, 0, first, 103);
	expect_value(vm, 0, second, 103);
	expect_value(vm, 0, third, 0);
	expect_memory_faults(vm, 0, 0);
	vm_destroy(vm);
}

const struct test page_tests[] = {
	{ "pages.not_validated", not_validated },
	{ "pages.pvalidate", pvalidate },
	{ "pages.rmpadjust", rmpadjust_codes },
	{ "pages.shared_access_to_private", shared_access_to_private },
	{ "pages.private_access_to_shared", private_access_to_shared },
	{ "pages.fetch_without_cbit", fetch_without_cbit },
	{ "pages.contents", contents },
	{ 0 }
};
