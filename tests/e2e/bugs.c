// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs that guests in the field had, rebuilt with the same PSCs and accesses, each
 * beside its cure.  KVM hid all of them: it converted the page, and the guest went
 * on.  Where they were: docs/records.md.
 */
#include <stdio.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

#define PVALIDATE_SIZE_MISMATCH	6

static struct vm *lenient_vm(const struct vm_config *cfg)
{
	knob_write("mode", "lenient");
	return vm_create(cfg);
}

/* Takes the record that names the cause, and shows it. */
#define expect_cause(vm, ...)	diag("  report: %s", expect_record(vm, __VA_ARGS__))

/* An operation of its own on each of @n pages from page @first on. */
static unsigned int on_each(struct vm *vm, unsigned int op, unsigned int n)
{
	op_each_page(vm, 0, n);
	return op;
}

static unsigned int validate_pages(struct vm *vm, unsigned int first, unsigned int n)
{
	return on_each(vm, op_pvalidate(vm, 0, GPA(first), true, false), n);
}

/* --- a PSC skipped for a short range: COCONUT-SVSM, pull request 100 --- */

#define STAGE2_PAGES	0x6cu		/* the range in which it was found */
#define LONG_PAGES	(PSC_MAX_ENTRIES + 40u)

/*
 * The request is sent whenever the buffer is full, and, if @fixed, also when the
 * range ends.  Returns how many pages were asked for.
 */
static unsigned int svsm_page_state_change(struct vm *vm, unsigned int n, bool fixed)
{
	uint64_t e[PSC_MAX_ENTRIES];
	unsigned int fill = 0, asked = 0;

	for (unsigned int i = 0; i < n; i++) {
		e[fill++] = PSC_ENTRY(GPA(i), PSC_PRIVATE, 0, 0);
		if (fill == PSC_MAX_ENTRIES || (fixed && i == n - 1)) {
			op_psc_nae(vm, 0, PSC_HDR(0, fill - 1), e, fill);
			asked += fill;
			fill = 0;
		}
	}
	return asked;
}

static void svsm_strict(const void *arg)
{
	unsigned int n = (uintptr_t)arg, asked, good = 0, bad;
	struct vm *vm = strict_vm(NULL, "vc");

	asked = svsm_page_state_change(vm, n, false);
	if (asked)
		good = validate_pages(vm, 0, asked);
	bad = op_pvalidate(vm, 0, GPA(asked), true, false);
	clean_run(vm);
	if (asked)
		expect_ok(vm, 0, good);
	expect_fault(vm, 0, bad, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_cause(vm,
		     "class=first_touch gfn=0x%lx access=private expected=initial source=none psc=none launch=no action=vc",
		     GFN(asked));
	expect_quiet(vm);
	vm_destroy(vm);
}

/* What its authors would have seen: as many reports as pages, and a guest that runs. */
static void svsm_lenient(const void *arg)
{
	struct vm *vm = lenient_vm(NULL);
	unsigned int v, w;

	(void)arg;
	svsm_page_state_change(vm, STAGE2_PAGES, false);
	v = validate_pages(vm, 0, STAGE2_PAGES);
	w = on_each(vm, op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1), STAGE2_PAGES);
	clean_run(vm);
	expect_ok(vm, 0, v);
	expect_ok(vm, 0, w);
	expect_pscs(vm, 0, 0, 0);
	expect_counter(vm, "violations/first_touch", STAGE2_PAGES);
	expect_cause(vm, "class=first_touch gfn=0x%lx psc=none action=none", GFN(0));
	vm_destroy(vm);
}

static void svsm_fixed(const void *arg)
{
	unsigned int n = (uintptr_t)arg, v;
	struct vm *vm = strict_vm(NULL, "vc");

	svsm_page_state_change(vm, n, true);
	v = validate_pages(vm, 0, n);
	clean_run(vm);
	expect_ok(vm, 0, v);
	expect_page_state(vm, GPA(n - 1), "private");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- the page below the GHCB, left shared before kdump: Linux --- */

#define SHARED_PAGES	6u
#define GHCB		4u	/* the page among them that is a CPU's GHCB */

/*
 * All shared pages go back to private, those that may hold a GHCB later than the
 * others.  Which page may: the comparison that was wrong, or the right one.
 */
static void linux_unshare_all(struct vm *vm, bool fixed)
{
	uint64_t ghcb = GPA(GHCB);

	for (unsigned int i = 0; i < SHARED_PAGES; i++) {
		uint64_t addr = GPA(i), end = addr + GUEST_PAGE;

		if (addr <= ghcb && (fixed ? ghcb < end : ghcb <= end))
			continue;
		op_make_private(vm, 0, addr);
	}
	op_make_private(vm, 0, ghcb);
}

static struct vm *linux_crash(struct vm *vm, bool fixed, unsigned int read[SHARED_PAGES])
{
	for (unsigned int i = 0; i < SHARED_PAGES; i++)
		op_psc(vm, 0, GPA(i), PSC_SHARED);
	linux_unshare_all(vm, fixed);
	/* The crash kernel saves the old one's memory, and takes all of it for private. */
	for (unsigned int i = 0; i < SHARED_PAGES; i++)
		read[i] = op_read(vm, 0, VIEW_PRIVATE, GPA(i));
	clean_run(vm);
	return vm;
}

static void kdump_strict(const void *arg)
{
	unsigned int read[SHARED_PAGES];
	struct vm *vm = linux_crash(strict_vm(NULL, "vc"), false, read);

	(void)arg;
	for (unsigned int i = 0; i < SHARED_PAGES; i++) {
		if (i != GHCB - 1)
			expect_ok(vm, 0, read[i]);
	}
	expect_fault(vm, 0, read[GHCB - 1], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_cause(vm,
		     "class=implicit_private gfn=0x%lx access=private op=read expected=shared source=psc psc=shared psc_vcpu=0 psc_gfn=0x%lx psc_pages=1 attr=shared action=vc",
		     GFN(GHCB - 1), GFN(GHCB - 1));
	/* Nothing was converted unasked. */
	expect_page_state(vm, GPA(GHCB - 1), "shared");
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* KVM converts the page, which is not validated: the guest gets a #VC, from the CPU. */
static void kdump_lenient(const void *arg)
{
	unsigned int read[SHARED_PAGES];
	struct vm *vm = linux_crash(lenient_vm(NULL), false, read);

	(void)arg;
	expect_fault(vm, 0, read[GHCB - 1], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_cause(vm, "class=implicit_private gfn=0x%lx psc=shared action=none",
		     GFN(GHCB - 1));
	expect_counter(vm, "vc_injected", 0);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 1);
	expect_quiet(vm);
	vm_destroy(vm);
}

static void kdump_fixed(const void *arg)
{
	unsigned int read[SHARED_PAGES];
	struct vm *vm = linux_crash(strict_vm(NULL, "vc"), true, read);

	(void)arg;
	for (unsigned int i = 0; i < SHARED_PAGES; i++)
		expect_ok(vm, 0, read[i]);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- never asking for private memory: Oak's stage0 before pull request 4972 --- */

#define STAGE0_GPA	0x200000ul
#define STAGE0_PAGES	512u

/* PVALIDATE of 2M, and of each 4K page if that has the wrong size. */
static void stage0_validate(struct vm *vm, unsigned int *huge, unsigned int *small)
{
	*huge = op_pvalidate(vm, 0, STAGE0_GPA, true, true);
	*small = on_each(vm, op_pvalidate(vm, 0, STAGE0_GPA, true, false), STAGE0_PAGES);
}

static void stage0_strict(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int v;

	(void)arg;
	v = op_pvalidate(vm, 0, STAGE0_GPA, true, true);
	clean_run(vm);
	expect_fault(vm, 0, v, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_cause(vm,
		     "class=first_touch gfn=0x%lx access=private expected=initial psc=none psc_age_us=n/a launch=no attr=private action=vc",
		     STAGE0_GPA / GUEST_PAGE);
	expect_pscs(vm, 0, 0, 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* It booted: in 4K pages, since what the host assigns by itself is never larger. */
static void stage0_lenient(const void *arg)
{
	struct vm *vm = lenient_vm(NULL);
	unsigned int huge, small;

	(void)arg;
	stage0_validate(vm, &huge, &small);
	clean_run(vm);
	expect_code(vm, 0, huge, PVALIDATE_SIZE_MISMATCH);
	expect_ok(vm, 0, small);
	expect_counter(vm, "violations/first_touch", STAGE0_PAGES);
	expect_cause(vm, "class=first_touch gfn=0x%lx psc=none action=none",
		     STAGE0_GPA / GUEST_PAGE);
	vm_destroy(vm);
}

static void stage0_fixed(const void *arg)
{
	const uint64_t e[] = { PSC_ENTRY(STAGE0_GPA, PSC_PRIVATE, 1, 0) };
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int huge, small;

	(void)arg;
	op_psc_nae(vm, 0, PSC_HDR(0, 0), e, 1);
	stage0_validate(vm, &huge, &small);
	clean_run(vm);
	expect_ok(vm, 0, small);
	expect_pscs(vm, 1, 0, STAGE0_PAGES);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- validated once more after it was shared: Oak's stage0, pull request 4218 --- */

#define DMA_DATA	0xd0a0d0a0d0a0d0a0ull
#define RAM_PAGES	4u
#define BUFFER		(RAM_PAGES - 1)	/* the page of them that is for the device */

/*
 * RAM is private and validated; one page of it is shared with a device.  Then all
 * RAM is validated again, and with it that page, which the device writes to; or,
 * if @fixed, all but that page.  @again: the last of these.
 */
static void stage0_dma(struct vm *vm, bool fixed, unsigned int *again, unsigned int *read)
{
	for (unsigned int i = 0; i < RAM_PAGES; i++)
		op_make_private(vm, 0, GPA(i));
	op_make_shared(vm, 0, GPA(BUFFER));
	op_write(vm, 0, VIEW_SHARED, GPA(BUFFER), 0);
	for (unsigned int i = 0; i < RAM_PAGES; i++) {
		if (i != BUFFER || !fixed)
			*again = op_pvalidate(vm, 0, GPA(i), true, false);
	}
	add_meeting(vm);
	*read = op_read(vm, 0, VIEW_SHARED, GPA(BUFFER));
	/* The guest starts the device, and waits for it. */
	run_until_meeting(vm);
	*(volatile uint64_t *)vm_hva(vm, GPA(BUFFER)) = DMA_DATA;
	run_on(vm);
}

static void twice_strict(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int again, read;

	(void)arg;
	stage0_dma(vm, false, &again, &read);
	expect_fault(vm, 0, again, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_cause(vm,
		     "class=implicit_private gfn=0x%lx access=private op=read expected=shared source=psc psc=shared psc_gfn=0x%lx psc_pages=1 attr=shared action=vc",
		     GFN(BUFFER), GFN(BUFFER));
	/* The buffer is what it was: the device's data arrives. */
	expect_value(vm, 0, read, DMA_DATA);
	expect_quiet(vm);
	vm_destroy(vm);
}

/*
 * The page is private now, and what the device writes goes to the shared memory that
 * it had before.  Reading an assigned page as shared is no fault: the guest gets
 * something, and nobody notices.
 */
static void twice_lenient(const void *arg)
{
	struct vm *vm = lenient_vm(NULL);
	unsigned int again, read;

	(void)arg;
	stage0_dma(vm, false, &again, &read);
	expect_code(vm, 0, again, 0);
	expect_ok(vm, 0, read);
	check(vm_result(vm, 0, read)->value != DMA_DATA, "the device's data arrived");
	expect_cause(vm, "class=implicit_private gfn=0x%lx psc=shared action=none", GFN(BUFFER));
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 1);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Validating a private page twice changes nothing, as CF says, and is no change of state. */
static void twice_fixed(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int again, read;

	(void)arg;
	stage0_dma(vm, true, &again, &read);
	expect_code(vm, 0, again, 0);
	check(vm_result(vm, 0, again)->carry == 1, "the second PVALIDATE changed something");
	expect_value(vm, 0, read, DMA_DATA);
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "bugs.short_range", svsm_strict, (void *)(uintptr_t)STAGE2_PAGES, 0 },
	{ "bugs.end_of_long_range", svsm_strict, (void *)(uintptr_t)LONG_PAGES, 0 },
	{ "bugs.short_range_lenient", svsm_lenient, NULL, 0 },
	{ "bugs.short_range_fixed", svsm_fixed, (void *)(uintptr_t)STAGE2_PAGES, 0 },
	{ "bugs.end_of_long_range_fixed", svsm_fixed, (void *)(uintptr_t)LONG_PAGES, 0 },
	{ "bugs.page_below_ghcb", kdump_strict, NULL, 0 },
	{ "bugs.page_below_ghcb_lenient", kdump_lenient, NULL, 0 },
	{ "bugs.page_below_ghcb_fixed", kdump_fixed, NULL, 0 },
	{ "bugs.never_asked", stage0_strict, NULL, 0 },
	{ "bugs.never_asked_lenient", stage0_lenient, NULL, 0 },
	{ "bugs.never_asked_fixed", stage0_fixed, NULL, 0 },
	{ "bugs.validated_twice", twice_strict, NULL, 0 },
	{ "bugs.validated_twice_lenient", twice_lenient, NULL, 0 },
	{ "bugs.validated_twice_fixed", twice_fixed, NULL, 0 },
};

GROUP(bugs_group, scenarios);
