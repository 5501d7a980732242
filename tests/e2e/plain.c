// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without the module: what KVM and a VMM that follows it do with each kind of
 * access.  The other themes build on this; it also shows that the guests are
 * what they claim to be.
 */
#include <errno.h>
#include <linux/kvm.h>
#include "guard.h"

#define SENTINEL	0x1122334455667788ull

static uint64_t shared_word(struct vm *vm, uint64_t gpa)
{
	return *(volatile uint64_t *)vm_hva(vm, gpa);
}

/* Private and shared pages that the guest has asked for: no exit but for the PSCs. */
static void well_behaved(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int psc, w, r, valid, wp, rp;

	(void)arg;
	psc = op_psc(vm, 0, GPA(0), PSC_SHARED);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), SENTINEL);
	r = op_read(vm, 0, VIEW_SHARED, GPA(0));
	valid = op_make_private(vm, 0, GPA(1));
	wp = op_write(vm, 0, VIEW_PRIVATE, GPA(1), 42);
	rp = op_read(vm, 0, VIEW_PRIVATE, GPA(1));
	run(vm);
	expect_halted(vm, 0);
	expect_code(vm, 0, psc, PSC_RESP_OK);
	expect_ok(vm, 0, w);
	expect_value(vm, 0, r, SENTINEL);
	expect_code(vm, 0, valid, 0);
	expect_ok(vm, 0, wp);
	expect_value(vm, 0, rp, 42);
	check(shared_word(vm, GPA(0)) == SENTINEL, "the VMM does not see the shared page");
	expect_exits(vm, 0, KVM_EXIT_HYPERCALL, GUEST_BOOT_PSCS(0) + 2);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	vm_destroy(vm);
}

/* A conversion that nobody asked for: the write lands, and no interface says so. */
static void implicit_shared(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	const struct vm_exit *x;
	unsigned int w, w2;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), SENTINEL);
	op_make_private(vm, 0, GPA(1));
	op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);
	w2 = op_write(vm, 0, VIEW_SHARED, GPA(1), SENTINEL);
	run(vm);
	expect_halted(vm, 0);
	expect_ok(vm, 0, w);
	expect_ok(vm, 0, w2);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 2);
	x = vcpu_exit(&vm->vcpu[0], KVM_EXIT_MEMORY_FAULT, 0);
	check(x && x->gpa == GPA(0) && x->error == EFAULT && !x->flags,
	      "MEMORY_FAULT does not name the page as shared");
	check(shared_word(vm, GPA(0)) == SENTINEL, "the write did not land");
	check(shared_word(vm, GPA(1)) == SENTINEL, "the write did not land");
	vm_destroy(vm);
}

static void implicit_private(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	const struct vm_exit *x;
	unsigned int op[5], v;

	(void)arg;
	for (unsigned int i = 0; i < 5; i++)
		op_psc(vm, 0, GPA(i), PSC_SHARED);
	op[0] = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op[1] = op_read(vm, 0, VIEW_PRIVATE, GPA(1));
	op[2] = op_exec(vm, 0, VIEW_PRIVATE, GPA(2));
	op[3] = op_walk(vm, 0, GPA(3));
	v = op_pvalidate(vm, 0, GPA(4), true, false);
	op[4] = op_write(vm, 0, VIEW_PRIVATE, GPA(4), 1);
	run(vm);
	expect_halted(vm, 0);
	for (unsigned int i = 0; i < 4; i++)
		expect_fault(vm, 0, op[i], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_code(vm, 0, v, 0);
	expect_ok(vm, 0, op[4]);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 5);
	for (unsigned int i = 0; i < 5; i++) {
		x = vcpu_exit(&vm->vcpu[0], KVM_EXIT_MEMORY_FAULT, i);
		check(x && x->gpa == GPA(i) && x->flags == KVM_MEMORY_EXIT_FLAG_PRIVATE,
		      "MEMORY_FAULT %u does not name the page as private", i);
	}
	vm_destroy(vm);
}

/* KVM resolves it, and the VMM does not see it. */
static void first_touch(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w, v, after;

	(void)arg;
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	v = op_pvalidate(vm, 0, GPA(1), true, false);
	after = op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);
	run(vm);
	expect_halted(vm, 0);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_code(vm, 0, v, 0);
	expect_ok(vm, 0, after);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	vm_destroy(vm);
}

/* Code and page tables of a page that was asked for and validated do work. */
static void fetch_and_walk(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int x, w;

	(void)arg;
	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 0xc3);	/* RET */
	x = op_exec(vm, 0, VIEW_PRIVATE, GPA(0));
	op_make_private(vm, 0, GPA(1));
	op_write(vm, 0, VIEW_PRIVATE, GPA(1), GPA(0) | vm->cbit | 3);
	w = op_walk(vm, 0, GPA(1));
	run(vm);
	expect_halted(vm, 0);
	expect_ok(vm, 0, x);
	expect_value(vm, 0, w, 0xc3);
	vm_destroy(vm);
}

/* Several vCPUs, flags and waiting, and the guest's own end of the VM. */
static void two_vcpus(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2 });
	unsigned int w, r;

	(void)arg;
	op_make_private(vm, 0, GPA(0));
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 7);
	op_set_flag(vm, 0, 0, 1);
	op_wait_flag(vm, 0, 1, 1);
	op_add(vm, 0, &(struct guest_op){ .code = OP_TERMINATE, .arg = { GUEST_TERM_SET, 9 } });
	op_wait_flag(vm, 1, 0, 1);
	r = op_read(vm, 1, VIEW_PRIVATE, GPA(0));
	op_set_flag(vm, 1, 1, 1);
	run(vm);
	expect_halted(vm, 1);
	expect_ok(vm, 0, w);
	expect_value(vm, 1, r, 7);
	expect_term(vm, 0, 9);
	vm_destroy(vm);
}

static void realmode_ap(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2, .realmode = 1 << 1 });
	uint64_t go = 1 | (GUEST_LOW_GPA >> 4) << 16 | (uint64_t)GUEST_RM_READ << 32;
	unsigned int done;

	(void)arg;
	vm_add_launched(vm, GUEST_LOW_GPA, 1, 0x5a);
	op_write(vm, 0, VIEW_PRIVATE, GUEST_REALMODE_GPA + GUEST_RM_CONTROL, go);
	done = op_add(vm, 0, &(struct guest_op){
			.code = OP_WAIT_WORD, .gpa = GUEST_REALMODE_GPA + GUEST_RM_DONE,
			.arg = { 1 } });
	run(vm);
	expect_halted(vm, 0);
	expect_halted(vm, 1);
	expect_value(vm, 0, done, 0x5a5a0001);
	vm_destroy(vm);
}

static void no_handler(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w;

	(void)arg;
	op_add(vm, 0, &(struct guest_op){ .code = OP_IDT, .arg = { 0 } });
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_exits(vm, 0, KVM_EXIT_SHUTDOWN, 1);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "plain.well_behaved", well_behaved, NULL, SC_UNLOADED },
	{ "plain.implicit_shared", implicit_shared, NULL, SC_UNLOADED },
	{ "plain.implicit_private", implicit_private, NULL, SC_UNLOADED },
	{ "plain.first_touch", first_touch, NULL, SC_UNLOADED },
	{ "plain.fetch_and_walk", fetch_and_walk, NULL, SC_UNLOADED },
	{ "plain.two_vcpus", two_vcpus, NULL, SC_UNLOADED },
	{ "plain.realmode_ap", realmode_ap, NULL, SC_UNLOADED },
	{ "plain.no_handler", no_handler, NULL, SC_UNLOADED },
};

GROUP(plain_group, scenarios);
