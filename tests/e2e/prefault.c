// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_PRE_FAULT_MEMORY: a VMM may have what the guest has asked for mapped before it is
 * touched, and nothing else; or PVALIDATE of a page that was never asked for raised no #NPF.
 */
#include <string.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"
#include "vmm/clock.h"

static void prefault(struct vm *vm, uint64_t gpa, uint64_t pages)
{
	int r = vcpu_prefault(&vm->vcpu[0], gpa, pages * GUEST_PAGE);

	check(!r, "KVM_PRE_FAULT_MEMORY of gpa %#lx: %s", gpa, strerror(r));
}

/* guest_memfd has the page. */
static bool is_there(struct vm *vm, unsigned int n)
{
	expect_page(vm, GPA(n), "state=private source=psc asked=private");
	return !debug_has(vm, "psc_unused", "gfn=0x%lx", GFN(n));
}

/* Nothing is mapped, and the VMM gets no error: the guest's access is seen. */
static void never_asked(const void *arg)
{
	const bool strict = arg;
	struct vm *vm = vm_create(NULL);
	unsigned int v, v2;

	knob_write("mode", strict ? "strict" : "lenient");
	v = op_pvalidate(vm, 0, GPA(0), true, false);
	v2 = op_pvalidate(vm, 0, GPA(1), true, false);
	guard_launch(vm);
	prefault(vm, GPA(0), 2);
	expect_counter(vm, "prefaults_skipped", 2);
	expect_quiet(vm);
	run(vm);
	expect_halted(vm, 0);
	for (unsigned int i = 0; i < 2; i++)
		expect_record(vm, "class=first_touch gfn=0x%lx action=%s", GFN(i),
			      strict ? "vc" : "none");
	if (strict) {
		expect_fault(vm, 0, v, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
		expect_fault(vm, 0, v2, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	} else {
		expect_code(vm, 0, v, 0);
		expect_code(vm, 0, v2, 0);
	}
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Nobody is judged, so nothing is skipped. */
static void off(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int v;

	(void)arg;
	knob_write("mode", "off");
	v = op_pvalidate(vm, 0, GPA(0), true, false);
	guard_launch(vm);
	prefault(vm, GPA(0), 2);
	knob_write("mode", "strict");
	run(vm);
	expect_halted(vm, 0);
	expect_code(vm, 0, v, 0);
	expect_counter(vm, "prefaults_skipped", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Pages that were launched, or that the guest has asked for, in either state. */
static uint64_t prefault_asked(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa == GPA(9)) {
		prefault(v->vm, GPA(0), 4);
		expect_counter(v->vm, "prefaults_skipped", 0);
	}
	return vm_psc(v, psc);
}

static void asked(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = prefault_asked }, "vc");
	unsigned int v[2], r, w;

	(void)arg;
	vm_add_launched(vm, GPA(2), 1, 0x11);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	op_psc(vm, 0, GPA(3), PSC_SHARED);
	op_psc(vm, 0, GPA(5), PSC_PRIVATE);
	op_psc(vm, 0, GPA(9), PSC_SHARED);
	add_meeting(vm);
	v[0] = op_pvalidate(vm, 0, GPA(0), true, false);
	v[1] = op_pvalidate(vm, 0, GPA(1), true, false);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(2));
	w = op_write(vm, 0, VIEW_SHARED, GPA(3), 1);
	run_until_meeting(vm);
	check(is_there(vm, 0), "KVM did not map gfn %#lx", GFN(0));
	check(is_there(vm, 1), "KVM did not map gfn %#lx", GFN(1));
	check(!is_there(vm, 5), "gfn %#lx is mapped, and nobody wanted it", GFN(5));
	run_on(vm);
	expect_code(vm, 0, v[0], 0);
	expect_code(vm, 0, v[1], 0);
	expect_value(vm, 0, r, 0x1111111111111111ull);
	expect_ok(vm, 0, w);
	expect_counter(vm, "prefaults_skipped", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* As QEMU does: it converts, has the pages mapped, and only then answers. */
static uint64_t convert_and_prefault(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	if (psc->to_private)
		prefault(v->vm, psc->gpa, psc->pages);
	return r;
}

static void in_flight(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = convert_and_prefault }, "vc");
	uint64_t e[4];
	unsigned int v;

	(void)arg;
	for (unsigned int i = 0; i < 4; i++)
		e[i] = PSC_ENTRY(GPA(i), PSC_PRIVATE, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, 3), e, 4);
	add_meeting(vm);
	v = op_pvalidate(vm, 0, GPA(0), true, false);
	op_each_page(vm, 0, 4);
	run_until_meeting(vm);
	check(!debug_count(vm, "psc_unused", "%s", ""), "KVM did not map all of the pages");
	run_on(vm);
	expect_code(vm, 0, v, 0);
	expect_counter(vm, "prefaults_skipped", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The attribute is the VMM's own idea: a page in that state is not the guest's by that. */
static void other_attribute(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = vm_psc_claim }, "vc");

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_SHARED);	/* and stays private */
	clean_run(vm);
	vm_set_attr(vm, GPA(1), GUEST_PAGE, false);
	prefault(vm, GPA(0), 2);
	expect_counter(vm, "prefaults_skipped", 2);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* All of a slot in one call: what was launched is mapped, all else is skipped, at once. */
#define LARGE_GPA	0x100000000ul
#define LARGE_PAGES	0x40000ul	/* 1G */

static void whole_slot(const void *arg)
{
	const uint64_t pages = GUEST_MEM_SIZE / GUEST_PAGE;
	struct vm *vm = strict_vm(NULL, "vc");
	uint64_t skipped;
	double begun;

	(void)arg;
	vm_slot_add(vm, 1, LARGE_GPA, LARGE_PAGES * GUEST_PAGE);
	vm_add_launched(vm, GPA(0), 2, 0x11);
	guard_launch(vm);
	prefault(vm, 0, pages);
	skipped = pages - guard_counter(vm, "launch_pages");
	expect_counter(vm, "prefaults_skipped", skipped);
	begun = now_s();
	prefault(vm, LARGE_GPA, LARGE_PAGES);
	diag("  1G is skipped in %.3f s", now_s() - begun);
	expect_counter(vm, "prefaults_skipped", skipped + LARGE_PAGES);
	run(vm);
	expect_halted(vm, 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The module does not know what an older guest has asked for: it is as without it. */
static void older_guest(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int v;

	(void)arg;
	add_meeting(vm);
	v = op_pvalidate(vm, 0, GPA(0), true, false);
	start_until_meeting(vm);
	check(!module_load("mode=strict"), "insmod");
	prefault(vm, GPA(0), 2);
	run_on(vm);
	guard_find(vm);
	expect_file(vm, "history", "partial");
	expect_code(vm, 0, v, 0);
	expect_counter(vm, "prefaults_skipped", 0);
	expect_quiet(vm);
	vm_destroy(vm);
	check(!module_unload(MODULE_NAME), "rmmod");
}

static const struct scenario scenarios[] = {
	{ "prefault.never_asked", never_asked, NULL, 0 },
	{ "prefault.never_asked_strict", never_asked, "strict", 0 },
	{ "prefault.off", off, NULL, 0 },
	{ "prefault.asked", asked, NULL, 0 },
	{ "prefault.in_flight", in_flight, NULL, 0 },
	{ "prefault.other_attribute", other_attribute, NULL, 0 },
	{ "prefault.whole_slot", whole_slot, NULL, 0 },
	{ "prefault.older_guest", older_guest, NULL, SC_UNLOADED },
};

GROUP(prefault_group, scenarios);
