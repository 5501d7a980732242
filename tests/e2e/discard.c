// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private memory that the VMM takes away: KVM brings a new page, which is not validated,
 * and a guest that was not prepared for that dies of it. Who is to blame has to be known.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

static void punch(struct vm *vm, unsigned int n, unsigned int pages)
{
	check(!vm_punch(vm, GPA(n), pages * GUEST_PAGE), "the VMM can't punch a hole");
}

static unsigned int use_private(struct vm *vm, unsigned int n)
{
	op_make_private(vm, 0, GPA(n));
	return op_write(vm, 0, VIEW_PRIVATE, GPA(n), 7);
}

static void expect_no_holes(struct vm *vm)
{
	check(!debug_count(vm, "holes", "%s", ""), "holes has a line");
}

/*
 * Two pages of five were there: a launched one and one that the guest has asked for. The
 * guest, whose handler ends it, goes at the first.
 */
static void explained(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	const char *r;
	unsigned int w;
	char path[64];

	(void)arg;
	vm_add_launched(vm, GPA(4), 1, 0x11);
	use_private(vm, 0);
	op_psc(vm, 0, GPA(2), PSC_PRIVATE);
	op_psc(vm, 0, GPA(3), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(3), 7);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 8);
	op_last(vm, 0)->on_fault = ON_FAULT_TERMINATE;
	run_until_meeting(vm);
	expect_counter(vm, "pages_discarded", 0);
	punch(vm, 0, 5);
	expect_counter(vm, "pages_discarded", 2);
	check(debug_has(vm, "holes", "gfn=0x%lx last=0x%lx", GFN(0), GFN(0)), "gfn %#lx", GFN(0));
	check(debug_has(vm, "holes", "gfn=0x%lx last=0x%lx", GFN(4), GFN(4)), "gfn %#lx", GFN(4));
	check(debug_count(vm, "holes", "%s", "") == 2, "holes has %u lines",
	      debug_count(vm, "holes", "%s", ""));
	expect_quiet(vm);
	usleep(200000);
	go_on(vm);
	expect_never_finished(vm, 0, w);
	expect_term(vm, 0, GUEST_TERM_VC);
	r = expect_record(vm,
			  "class=host gfn=0x%lx access=private op=write expected=private source=psc psc=private attr=private n=1 mode=strict action=none",
			  GFN(0));
	check(record_number(r, "hole_age_us") >= 200000 &&
	      record_number(r, "hole_age_us") < 1000ull * PATIENCE_MS,
	      "hole_age_us is not how long the page has been gone: %s", r);
	expect_quiet(vm);
	expect_counter(vm, "violations/host", 1);
	expect_counter(vm, "violations/enforced", 0);
	expect_counter(vm, "vc_injected", 0);
	/* A new page is there; of the other one nothing has changed. */
	check(!debug_has(vm, "holes", "gfn=0x%lx", GFN(0)), "the page is still said to be gone");
	check(debug_has(vm, "holes", "gfn=0x%lx", GFN(4)), "the page is not said to be gone");
	expect_page_state(vm, GPA(0), "private");
	expect_page_state(vm, GPA(4), "launched");
	snprintf(path, sizeof(path), MODULE_NAME ": vm=%u ", guard_id(vm));
	vm_destroy(vm);
	expect_log(path, "ended: psc=8 violations=1 enforced=0 suppressed=0 discarded=2");
}

/* It is reported once: the page that the guest validates again is like any other. */
static void told_once(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int v, w, r;

	(void)arg;
	use_private(vm, 0);
	add_meeting(vm);
	v = op_pvalidate(vm, 0, GPA(0), true, false);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 9);
	op_set_flag(vm, 0, 3, 1);
	op_wait_flag(vm, 0, 4, 1);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	run_until_meeting(vm);
	punch(vm, 0, 1);
	vm_set_flag(vm, FLAG_GO, 1);
	check(vm_wait_flag(vm, 3, 1, PATIENCE_MS), "the guest did not go on");
	vm_unmap(vm, GPA(0), GUEST_PAGE, true);
	vm_set_flag(vm, 4, 1);
	vm_wait(vm, PATIENCE_MS);
	expect_halted(vm, 0);
	expect_code(vm, 0, v, 0);
	expect_ok(vm, 0, w);
	expect_value(vm, 0, r, 9);
	expect_record(vm, "class=host gfn=0x%lx op=read attr=private action=none", GFN(0));
	expect_quiet(vm);
	expect_counter(vm, "pages_discarded", 1);
	expect_no_holes(vm);
	vm_destroy(vm);
}

/* The guest sends a new PSC, to private or to shared, before it touches the page. */
static void asked_anew(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w, s;

	(void)arg;
	use_private(vm, 0);
	use_private(vm, 1);
	add_meeting(vm);
	w = use_private(vm, 0);
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	s = op_write(vm, 0, VIEW_SHARED, GPA(1), 8);
	run_until_meeting(vm);
	punch(vm, 0, 2);
	check(debug_has(vm, "holes", "gfn=0x%lx last=0x%lx", GFN(0), GFN(1)), "gfn %#lx", GFN(0));
	run_on(vm);
	expect_ok(vm, 0, w);
	expect_ok(vm, 0, s);
	expect_quiet(vm);
	expect_counter(vm, "pages_discarded", 2);
	expect_no_holes(vm);
	vm_destroy(vm);
}

/* What the VMM gives back in the course of a PSC it was asked to give back. */
static void conversions_are_none(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int start;

	(void)arg;
	vm_add_launched(vm, GPA(1), 1, 0x11);
	op_make_shared(vm, 0, GPA(1));
	start = use_private(vm, 0) - 2;
	op_make_shared(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_loop(vm, 0, start, 5);
	clean_run(vm);
	expect_counter(vm, "pages_discarded", 0);
	expect_no_holes(vm);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Memory that goes for a stray access is none either: that has a record of its own. */
static void strays_are_none(const void *arg)
{
	struct vm *vm = vm_create(NULL);

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0x11);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_record(vm, "class=implicit_shared gfn=0x%lx hole_age_us=n/a", GFN(0));
	expect_counter(vm, "pages_discarded", 0);
	expect_no_holes(vm);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* While the module does not judge, it keeps account all the same. */
static void off(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int r;

	(void)arg;
	knob_write("mode", "off");
	use_private(vm, 0);
	add_meeting(vm);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	run_until_meeting(vm);
	punch(vm, 0, 1);
	expect_counter(vm, "pages_discarded", 1);
	knob_write("mode", "strict");
	run_on(vm);
	expect_fault(vm, 0, r, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=host gfn=0x%lx attr=private action=none", GFN(0));
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "discard.explained", explained, NULL, 0 },
	{ "discard.told_once", told_once, NULL, 0 },
	{ "discard.asked_anew", asked_anew, NULL, 0 },
	{ "discard.conversions_are_none", conversions_are_none, NULL, 0 },
	{ "discard.strays_are_none", strays_are_none, NULL, 0 },
	{ "discard.off", off, NULL, 0 },
};

GROUP(discard_group, scenarios);
