// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom strict mode stops: no guest for what KVM resolved while nobody looked, or for going
 * back to what it has asked for; but each for a new stray access.
 */
#include <errno.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

#define SENTINEL	0x1122334455667788ull

static void expect_stopped(struct vm *vm, unsigned int op)
{
	expect_fault(vm, 0, op, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
}

/* --- off, and then strict --- */

struct way {
	const char *action;
	bool per_vm;		/* by the VM's own files, or by those of all */
};

static const struct way global_vc = { "vc", false };
static const struct way global_terminate = { "terminate", false };
static const struct way per_vm_vc = { "vc", true };
static const struct way per_vm_terminate = { "terminate", true };

static void set(struct vm *vm, const struct way *way, const char *name, const char *value)
{
	check(!(way->per_vm ? guard_write(vm, name, value) : knob_write(name, value)),
	      "%s=%s is refused", name, value);
}

enum { STRAY_SHARED, STRAY_PRIVATE, WENT_BACK, UNTOUCHED };

/*
 * While the mode is off, a launched page is used as shared, a shared one as private, and
 * one as shared and as private again. Strict mode finds the first two as they are, and
 * leaves them alone; what is new, it stops.
 */
static void off_then_strict(const void *arg)
{
	const struct way *way = arg;
	const bool ends = way->action[0] == 't';
	struct vm *vm = vm_create(NULL);
	unsigned int w, p, back, new;

	vm_add_launched(vm, GPA(STRAY_SHARED), 1, 0xaa);
	vm_add_launched(vm, GPA(WENT_BACK), 1, 0xaa);
	vm_add_launched(vm, GPA(UNTOUCHED), 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(STRAY_SHARED), 1);
	op_psc(vm, 0, GPA(STRAY_PRIVATE), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(STRAY_PRIVATE), 1);
	op_pvalidate(vm, 0, GPA(STRAY_PRIVATE), true, false);
	op_write(vm, 0, VIEW_PRIVATE, GPA(STRAY_PRIVATE), 2);
	op_write(vm, 0, VIEW_SHARED, GPA(WENT_BACK), 1);
	op_pvalidate(vm, 0, GPA(WENT_BACK), true, false);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_SHARED, GPA(STRAY_SHARED), SENTINEL);
	p = op_write(vm, 0, VIEW_PRIVATE, GPA(STRAY_PRIVATE), 3);
	new = op_write(vm, 0, VIEW_SHARED, GPA(UNTOUCHED), SENTINEL);
	back = op_write(vm, 0, VIEW_SHARED, GPA(WENT_BACK), SENTINEL);

	guard_launch(vm);
	set(vm, way, "mode", "off");
	start_until_meeting(vm);
	expect_quiet(vm);
	expect_counter(vm, "npf_judged", 0);
	expect_page(vm, GPA(STRAY_SHARED), "state=shared source=use asked=launched");
	expect_page(vm, GPA(STRAY_PRIVATE), "state=private source=use asked=shared");
	expect_page(vm, GPA(UNTOUCHED), "state=launched source=launch asked=launched");
	set(vm, way, "action", way->action);
	set(vm, way, "mode", "strict");
	vm_unmap(vm, GPA(STRAY_SHARED), GUEST_PAGE, false);
	vm_unmap(vm, GPA(STRAY_PRIVATE), GUEST_PAGE, true);
	go_on(vm);

	expect_ok(vm, 0, w);
	expect_ok(vm, 0, p);
	check(*(volatile uint64_t *)vm_hva(vm, GPA(STRAY_SHARED)) == SENTINEL,
	      "the write did not land");
	expect_record(vm,
		      "class=implicit_shared gfn=0x%lx expected=private source=launch launch=yes used=no n=1 mode=strict action=%s",
		      GFN(UNTOUCHED), way->action);
	if (ends) {
		expect_never_finished(vm, 0, new);
		expect_crash(vm, 0, GPA(UNTOUCHED), CLASS_IMPLICIT_SHARED);
	} else {
		expect_halted(vm, 0);
		expect_stopped(vm, new);
		expect_stopped(vm, back);
		expect_record(vm,
			      "class=implicit_shared gfn=0x%lx launch=yes used=no n=1 action=vc",
			      GFN(WENT_BACK));
	}
	expect_counter(vm, "violations/enforced", ends ? 1 : 2);
	expect_counter(vm, "violations/implicit_private", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- back to what was asked for --- */

/*
 * Each page is used otherwise than it was asked for, which is reported once; then as it was
 * asked for, which is not reported; then it is abused again.
 */
static void going_back(const void *arg)
{
	const bool strict = arg;
	const char *action = strict ? "vc" : "none";
	struct vm *vm = vm_create(NULL);
	unsigned int a, b, c, again[3];

	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_pvalidate(vm, 0, GPA(0), true, false);	/* stands for load_unaligned_zeropad() */
	vm_add_launched(vm, GPA(1), 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	op_make_private(vm, 0, GPA(2));
	op_write(vm, 0, VIEW_PRIVATE, GPA(2), 1);
	op_write(vm, 0, VIEW_SHARED, GPA(2), 1);
	add_meeting(vm);
	a = op_write(vm, 0, VIEW_SHARED, GPA(0), 2);
	op_pvalidate(vm, 0, GPA(1), true, false);
	b = op_write(vm, 0, VIEW_PRIVATE, GPA(1), 2);
	op_pvalidate(vm, 0, GPA(2), true, false);
	c = op_write(vm, 0, VIEW_PRIVATE, GPA(2), 2);
	again[0] = op_pvalidate(vm, 0, GPA(0), true, false);
	again[1] = op_write(vm, 0, VIEW_SHARED, GPA(1), 3);
	again[2] = op_write(vm, 0, VIEW_SHARED, GPA(2), 3);
	run_until_meeting(vm);
	if (strict)
		knob_write("mode", "strict");
	run_on(vm);

	expect_ok(vm, 0, a);
	expect_ok(vm, 0, b);
	expect_ok(vm, 0, c);
	for (unsigned int i = 0; i < 3; i++) {
		if (strict)
			expect_stopped(vm, again[i]);
		else
			expect_ok(vm, 0, again[i]);
	}
	expect_record(vm,
		      "class=implicit_private gfn=0x%lx expected=shared source=psc psc=shared attr=shared used=no n=1 action=none",
		      GFN(0));
	expect_record(vm, "class=implicit_shared gfn=0x%lx source=launch launch=yes used=no n=1 action=none",
		      GFN(1));
	expect_record(vm, "class=implicit_shared gfn=0x%lx source=psc psc=private used=no n=1 action=none",
		      GFN(2));
	expect_record(vm,
		      "class=implicit_private gfn=0x%lx expected=shared source=psc psc=shared attr=shared used=no n=2 action=%s",
		      GFN(0), action);
	expect_record(vm, "class=implicit_shared gfn=0x%lx source=launch launch=yes used=no n=2 action=%s",
		      GFN(1), action);
	expect_record(vm, "class=implicit_shared gfn=0x%lx source=psc psc=private used=no n=2 action=%s",
		      GFN(2), action);
	expect_counter(vm, "violations/implicit_private", 2);
	expect_counter(vm, "violations/implicit_shared", 4);
	expect_counter(vm, "violations/host", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* A page that was never asked for has no state to go back to. */
static void never_asked(const void *arg)
{
	struct vm *vm = vm_create(NULL);

	(void)arg;
	op_pvalidate(vm, 0, GPA(0), true, false);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_pvalidate(vm, 0, GPA(0), true, false);
	clean_run(vm);
	expect_record(vm, "class=first_touch expected=initial source=none attr=private used=no n=1");
	expect_record(vm,
		      "class=initial_shared expected=initial source=none attr=private used=private n=2");
	expect_record(vm, "class=first_touch expected=initial source=none attr=shared used=shared n=3");
	expect_quiet(vm);
	expect_page(vm, GPA(0), "state=private source=use asked=none");
	vm_destroy(vm);
}

/* In strict mode it may be shared, as it was from the start, and is not private by that. */
static void never_asked_strict(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w, p, w2;

	(void)arg;
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	p = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	add_meeting(vm);
	w2 = op_write(vm, 0, VIEW_SHARED, GPA(0), 2);
	run_until_meeting(vm);
	vm_unmap(vm, GPA(0), GUEST_PAGE, false);
	run_on(vm);
	expect_ok(vm, 0, w);
	expect_stopped(vm, p);
	expect_ok(vm, 0, w2);
	expect_record(vm, "class=initial_shared used=no action=none");
	expect_record(vm, "class=first_touch used=shared action=vc");
	expect_counter(vm, "violations/initial_shared", 1);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* A completed PSC wipes out what was used before; one that was refused does not. */
static uint64_t refuse_private(struct vcpu *v, const struct psc *psc)
{
	return psc->to_private ? EINVAL : vm_psc(v, psc);
}

static void psc_after_use(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = refuse_private });

	(void)arg;
	for (unsigned int i = 0; i < 2; i++) {
		vm_add_launched(vm, GPA(i), 1, 0xaa);
		op_write(vm, 0, VIEW_SHARED, GPA(i), 1);
	}
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	clean_run(vm);
	expect_record(vm, "class=implicit_shared gfn=0x%lx", GFN(0));
	expect_record(vm, "class=implicit_shared gfn=0x%lx", GFN(1));
	expect_page(vm, GPA(0), "state=shared source=psc asked=shared");
	expect_page(vm, GPA(1), "state=shared source=use asked=launched");
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "verdicts.off_then_strict", off_then_strict, &global_vc, 0 },
	{ "verdicts.off_then_strict_terminate", off_then_strict, &global_terminate, 0 },
	{ "verdicts.off_then_strict_per_vm", off_then_strict, &per_vm_vc, 0 },
	{ "verdicts.off_then_strict_per_vm_terminate", off_then_strict, &per_vm_terminate, 0 },
	{ "verdicts.going_back", going_back, NULL, 0 },
	{ "verdicts.going_back_strict", going_back, "strict", 0 },
	{ "verdicts.never_asked", never_asked, NULL, 0 },
	{ "verdicts.never_asked_strict", never_asked_strict, NULL, 0 },
	{ "verdicts.psc_after_use", psc_after_use, NULL, 0 },
};

GROUP(verdicts_group, scenarios);
