// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every class of access by every kind of access that can have it, in lenient
 * mode, in strict mode with #VC, and in strict mode with termination.
 */
#include <stdio.h>
#include <unistd.h>
#include "ap.h"
#include "guard.h"
#include "meeting.h"
#include "module.h"

enum how { WRITE, READ, FETCH, WALK, PVALIDATE };

#define HOWS	5
#define BIT(n)	(1u << (n))
#define ALL_PRIVATE	(BIT(WRITE) | BIT(READ) | BIT(FETCH) | BIT(WALK) | BIT(PVALIDATE))

/* PVALIDATE's #NPF is that of a read. */
static const char *const op_names[HOWS] = { "write", "read", "fetch", "walk", "read" };
static const char *const how_names[HOWS] = { "write", "read", "fetch", "walk", "pvalidate" };

#define SENTINEL	0x1122334455667788ull

struct class_case {
	const char *class;
	unsigned int number;
	unsigned int hows;	/* kinds of access that can have the class */
	unsigned int view;
	/* What the guest or the launch did to the page before. */
	enum { NOTHING, LAUNCHED, ASKED_PRIVATE, ASKED_SHARED } before;
	const char *expected;	/* fields of the record that all accesses share */
	bool enforced;		/* by default */
	bool vmm_converts;	/* KVM_EXIT_MEMORY_FAULT when it is not stopped */
};

static const struct class_case implicit_private = {
	.class = "implicit_private", .number = CLASS_IMPLICIT_PRIVATE,
	.hows = ALL_PRIVATE, .view = VIEW_PRIVATE, .before = ASKED_SHARED,
	.expected = "access=private expected=shared source=psc psc=shared attr=shared launch=no",
	.enforced = true, .vmm_converts = true,
};

static const struct class_case implicit_shared = {
	.class = "implicit_shared", .number = CLASS_IMPLICIT_SHARED,
	.hows = BIT(WRITE) | BIT(READ), .view = VIEW_SHARED, .before = ASKED_PRIVATE,
	.expected = "access=shared expected=private source=psc psc=private attr=private launch=no",
	.enforced = true, .vmm_converts = true,
};

static const struct class_case implicit_shared_launched = {
	.class = "implicit_shared", .number = CLASS_IMPLICIT_SHARED,
	.hows = BIT(WRITE) | BIT(READ), .view = VIEW_SHARED, .before = LAUNCHED,
	.expected = "access=shared expected=private source=launch psc=none psc_age_us=n/a "
		    "psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a attr=private launch=yes",
	.enforced = true, .vmm_converts = true,
};

static const struct class_case first_touch = {
	.class = "first_touch", .number = CLASS_FIRST_TOUCH,
	.hows = ALL_PRIVATE, .view = VIEW_PRIVATE, .before = NOTHING,
	.expected = "access=private expected=initial source=none psc=none attr=private launch=no "
		    "pfn=none",
	.enforced = true,
};

static const struct class_case initial_shared = {
	.class = "initial_shared", .number = CLASS_INITIAL_SHARED,
	.hows = BIT(WRITE) | BIT(READ), .view = VIEW_SHARED, .before = NOTHING,
	.expected = "access=shared expected=initial source=none psc=none attr=private launch=no",
	.vmm_converts = true,
};

static uint64_t gpa_of(enum how how)
{
	return GUEST_FREE_GPA + how * 3 * GUEST_PAGE;
}

static void prepare(struct vm *vm, const struct class_case *c, uint64_t gpa)
{
	switch (c->before) {
	case NOTHING:
		break;
	case LAUNCHED:
		vm_add_launched(vm, gpa, 1, 0xaa);
		break;
	case ASKED_PRIVATE:
		op_psc(vm, 0, gpa, PSC_PRIVATE);
		break;
	case ASKED_SHARED:
		op_psc(vm, 0, gpa, PSC_SHARED);
		break;
	}
}

static unsigned int access_op(struct vm *vm, const struct class_case *c, enum how how,
			      uint64_t gpa)
{
	switch (how) {
	case WRITE:
		return op_write(vm, 0, c->view, gpa, SENTINEL);
	case READ:
		return op_read(vm, 0, c->view, gpa);
	case FETCH:
		return op_exec(vm, 0, c->view, gpa);
	case WALK:
		return op_walk(vm, 0, gpa);
	case PVALIDATE:
		return op_pvalidate(vm, 0, gpa, true, false);
	}
	return 0;
}

static bool write_landed(struct vm *vm, uint64_t gpa)
{
	return *(volatile uint64_t *)vm_hva(vm, gpa) == SENTINEL;
}

/* What the guest sees of an access that KVM and the VMM resolved. */
static void expect_resolved(struct vm *vm, const struct class_case *c, enum how how,
			    unsigned int op)
{
	if (c->view == VIEW_SHARED)
		expect_ok(vm, 0, op);
	else if (how == PVALIDATE)
		expect_code(vm, 0, op, 0);
	else	/* the page is the guest's now, but not validated */
		expect_fault(vm, 0, op, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	if (c->view == VIEW_SHARED && how == WRITE)
		check(write_landed(vm, gpa_of(how)), "the write did not land");
}

static unsigned int how_many(const struct class_case *c)
{
	return __builtin_popcount(c->hows);
}

#define for_each_how(c, how)					\
	for (enum how how = 0; how < HOWS; how++)		\
		if ((c)->hows & BIT(how))

static void counter_of_class(struct vm *vm, const struct class_case *c, unsigned int n)
{
	char name[64];

	snprintf(name, sizeof(name), "violations/%s", c->class);
	expect_counter(vm, name, n);
}

/* Reported once for each page, and else as without the module. */
static void reported(const struct class_case *c, const char *mode)
{
	struct vm *vm = vm_create(NULL);
	unsigned int op[HOWS], again[HOWS] = { 0 };

	for_each_how(c, how) {
		prepare(vm, c, gpa_of(how));
		op[how] = access_op(vm, c, how, gpa_of(how));
		if (how == WRITE || how == READ)
			again[how] = access_op(vm, c, how, gpa_of(how));
	}
	clean_run(vm);
	for_each_how(c, how) {
		expect_resolved(vm, c, how, op[how]);
		if (again[how])
			expect_resolved(vm, c, how, again[how]);
		expect_record(vm, "class=%s gfn=0x%lx op=%s %s n=1 vcpu=0 rip=n/a mode=%s action=none escalated=no",
			      c->class, gpa_of(how) / GUEST_PAGE, op_names[how], c->expected,
			      mode);
	}
	expect_quiet(vm);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, c->vmm_converts ? how_many(c) : 0);
	counter_of_class(vm, c, how_many(c));
	expect_counter(vm, "violations/enforced", 0);
	expect_counter(vm, "vc_injected", 0);
	expect_file(vm, "state", "running");
	vm_destroy(vm);
}

static void lenient(const void *arg)
{
	reported(arg, "lenient");
}

/* Classes that are not the guest's fault are not enforced in strict mode. */
static void strict_reported(const void *arg)
{
	knob_write("mode", "strict");
	reported(arg, "strict");
}

static void strict_vc(const void *arg)
{
	const struct class_case *c = arg;
	struct vm *vm = vm_create(NULL);
	unsigned int op[HOWS];

	knob_write("mode", "strict");
	for_each_how(c, how) {
		prepare(vm, c, gpa_of(how));
		op[how] = access_op(vm, c, how, gpa_of(how));
	}
	clean_run(vm);
	for_each_how(c, how) {
		expect_fault(vm, 0, op[how], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
		check(!write_landed(vm, gpa_of(how)), "the write landed");
		expect_record(vm, "class=%s gfn=0x%lx op=%s %s n=1 mode=strict action=vc escalated=no",
			      c->class, gpa_of(how) / GUEST_PAGE, op_names[how], c->expected);
	}
	expect_quiet(vm);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	counter_of_class(vm, c, how_many(c));
	expect_counter(vm, "violations/enforced", how_many(c));
	expect_injected(vm, how_many(c));
	vm_destroy(vm);
}

static void terminated_by(const struct class_case *c, enum how how)
{
	struct vm *vm = vm_create(NULL);
	unsigned int op;

	prepare(vm, c, gpa_of(how));
	op = access_op(vm, c, how, gpa_of(how));
	op_set_flag(vm, 0, 0, 1);
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, op);
	check(!vm_get_flag(vm, 0), "the guest went on after its %s", how_names[how]);
	check(!write_landed(vm, gpa_of(how)), "the write landed");
	expect_record(vm, "class=%s gfn=0x%lx op=%s %s n=1 mode=strict action=terminate escalated=no",
		      c->class, gpa_of(how) / GUEST_PAGE, op_names[how], c->expected);
	expect_quiet(vm);
	expect_crash(vm, 0, gpa_of(how), c->number);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	counter_of_class(vm, c, 1);
	expect_counter(vm, "violations/enforced", 1);
	expect_counter(vm, "vc_injected", 0);
	expect_file(vm, "state", "terminated");
	vm_destroy(vm);
}

static void strict_terminate(const void *arg)
{
	knob_write("mode", "strict");
	knob_write("action", "terminate");
	for_each_how((const struct class_case *)arg, how)
		terminated_by(arg, how);
}

/*
 * Launch pages of every type that a guest may use as memory are private from
 * the start: no PSC is due, and none is missed.
 */
static void launch_pages(const void *arg)
{
	static const unsigned int types[] = {
		KVM_SEV_SNP_PAGE_TYPE_NORMAL, KVM_SEV_SNP_PAGE_TYPE_ZERO,
		KVM_SEV_SNP_PAGE_TYPE_UNMEASURED,
	};
	struct vm *vm = vm_create(NULL);
	unsigned int before, r[3], w[3];

	(void)arg;
	knob_write("mode", "strict");
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t gpa = GUEST_FREE_GPA + i * 2 * GUEST_PAGE;

		vm_add_launch_page(vm, gpa, 2, types[i], 0x5a);
		r[i] = op_read(vm, 0, VIEW_PRIVATE, gpa);
		w[i] = op_write(vm, 0, VIEW_PRIVATE, gpa + GUEST_PAGE, 1);
	}
	guard_launch(vm);
	before = guard_counter(vm, "launch_pages");
	run(vm);
	expect_halted(vm, 0);
	check(before >= 6, "only %u launch pages seen", before);
	for (unsigned int i = 0; i < 3; i++) {
		expect_ok(vm, 0, w[i]);
		expect_value(vm, 0, r[i], types[i] == KVM_SEV_SNP_PAGE_TYPE_ZERO ?
					  0 : 0x5a5a5a5a5a5a5a5aull);
	}
	expect_quiet(vm);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	vm_destroy(vm);
}

/*
 * The documented blind spot: a shared read of a private page that is mapped
 * faults on no hardware.  Nothing is reported, and nothing else goes wrong.
 */
static void mapped_private_read(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int r;

	(void)arg;
	knob_write("mode", "strict");
	op_make_private(vm, 0, GUEST_FREE_GPA);
	op_write(vm, 0, VIEW_PRIVATE, GUEST_FREE_GPA, SENTINEL);
	op_read(vm, 0, VIEW_PRIVATE, GUEST_FREE_GPA);
	r = op_read(vm, 0, VIEW_SHARED, GUEST_FREE_GPA);
	clean_run(vm);
	/* Some translations are dropped at any time; if this one was, it counts. */
	if (vm_result(vm, 0, r)->faults)
		expect_record(vm, "class=implicit_shared op=read");
	expect_quiet(vm);
	vm_destroy(vm);
}

/*
 * The hardware takes every fetch for private, whatever the C-bit says: code of
 * a private page runs through a shared mapping as well, and nobody is at fault.
 */
static void fetch_is_private(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int x;

	(void)arg;
	op_make_private(vm, 0, GUEST_FREE_GPA);
	op_write(vm, 0, VIEW_PRIVATE, GUEST_FREE_GPA, 0xc3);	/* RET */
	x = op_exec(vm, 0, VIEW_SHARED, GUEST_FREE_GPA);
	clean_run(vm);
	expect_ok(vm, 0, x);
	expect_quiet(vm);
	vm_destroy(vm);
}

/*
 * What is expected is what the guest has asked for, whatever KVM let it do meanwhile:
 * to go back to that is no violation.
 */
static void state_by_use(const void *arg)
{
	struct vm *vm = vm_create(NULL);

	(void)arg;
	vm_add_launched(vm, GUEST_FREE_GPA, 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GUEST_FREE_GPA, 1);
	op_write(vm, 0, VIEW_PRIVATE, GUEST_FREE_GPA, 1);
	op_psc(vm, 0, GUEST_FREE_GPA, PSC_SHARED);
	op_write(vm, 0, VIEW_PRIVATE, GUEST_FREE_GPA, 1);
	clean_run(vm);
	expect_record(vm, "class=implicit_shared expected=private source=launch launch=yes used=no n=1");
	expect_record(vm, "class=implicit_private expected=shared source=psc psc=shared launch=no used=no n=2");
	expect_quiet(vm);
	check(debug_has(vm, "page_state",
			"gfn=0x%lx last=0x%lx state=private source=use asked=shared",
			GUEST_FREE_GPA / GUEST_PAGE, GUEST_FREE_GPA / GUEST_PAGE),
	      "page_state does not say that the page was never asked for");
	vm_destroy(vm);
}

/*
 * vCPU 1 runs at VMPL 1, without rights on one page: no matter of page state,
 * so it is reported and left to the guest, which grants the rights.
 */
static void vmpl(const void *arg)
{
	const uint64_t vmsa = GUEST_FREE_GPA, page = GUEST_FREE_GPA + GUEST_PAGE;
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2, .parked = 1 << 1 });
	unsigned int create, r;

	(void)arg;
	knob_write("mode", "strict");
	vm_add_launched(vm, page, 1, 0x77);
	create = add_ap(vm, 1, vmsa, 1);
	op_wait_flag(vm, 0, FLAG_GO, 1);
	grant_vmpl1(vm, page, 1);
	op_set_flag(vm, 1, FLAG_READY, 1);
	r = op_read(vm, 1, VIEW_PRIVATE, page);
	guard_launch(vm);
	vm_start(vm);
	check(vm_wait_flag(vm, FLAG_READY, 1, PATIENCE_MS / 2), "vCPU 1 did not start at VMPL 1");
	for (unsigned int i = 0; i < 1000 && !guard_counter(vm, "violations/vmpl"); i++)
		usleep(1000);
	vm_set_flag(vm, FLAG_GO, 1);
	vm_wait(vm, PATIENCE_MS);
	expect_code(vm, 0, create, 0);
	expect_halted(vm, 0);
	expect_halted(vm, 1);
	expect_value(vm, 1, r, 0x7777777777777777ull);
	expect_record(vm, "class=vmpl vcpu=1 gfn=0x%lx op=read access=private expected=private source=launch mode=strict action=none",
		      page / GUEST_PAGE);
	/* However often it faulted. */
	expect_counter(vm, "violations/vmpl", 1);
	expect_quiet(vm);
	expect_counter(vm, "violations/enforced", 0);
	expect_counter(vm, "violations/host", 0);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "classes.lenient.implicit_private", lenient, &implicit_private, 0 },
	{ "classes.lenient.implicit_shared", lenient, &implicit_shared, 0 },
	{ "classes.lenient.implicit_shared_launched", lenient, &implicit_shared_launched, 0 },
	{ "classes.lenient.first_touch", lenient, &first_touch, 0 },
	{ "classes.lenient.initial_shared", lenient, &initial_shared, 0 },
	{ "classes.strict_vc.implicit_private", strict_vc, &implicit_private, 0 },
	{ "classes.strict_vc.implicit_shared", strict_vc, &implicit_shared, 0 },
	{ "classes.strict_vc.implicit_shared_launched", strict_vc, &implicit_shared_launched, 0 },
	{ "classes.strict_vc.first_touch", strict_vc, &first_touch, 0 },
	{ "classes.strict_vc.initial_shared", strict_reported, &initial_shared, 0 },
	{ "classes.strict_terminate.implicit_private", strict_terminate, &implicit_private, 0 },
	{ "classes.strict_terminate.implicit_shared", strict_terminate, &implicit_shared, 0 },
	{ "classes.strict_terminate.implicit_shared_launched", strict_terminate,
	  &implicit_shared_launched, 0 },
	{ "classes.strict_terminate.first_touch", strict_terminate, &first_touch, 0 },
	{ "classes.fetch_is_private", fetch_is_private, NULL, 0 },
	{ "classes.state_by_use", state_by_use, NULL, 0 },
	{ "classes.vmpl", vmpl, NULL, 0 },
	{ "classes.launch_pages", launch_pages, NULL, 0 },
	{ "classes.mapped_private_read", mapped_private_read, NULL, 0 },
};

GROUP(classes_group, scenarios);
