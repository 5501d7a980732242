// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a record says of the PSCs that a page has had, however long ago: the last one that
 * was completed and the last one that was refused. And PSCs that lead nowhere: that ask for
 * what is, or that nobody makes use of.
 */
#include <errno.h>
#include <unistd.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"
#include "vmm/clock.h"

/* --- the last refused one --- */

static unsigned int psc_nr;
static unsigned int refused_nr;		/* which of the guest's own is refused, from 1 */
static uint64_t refusal;
static uint64_t refused_at;

static uint64_t refuse_one(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa < GUEST_FREE_GPA || ++psc_nr != refused_nr)
		return vm_psc(v, psc);
	refused_at = now_us();
	return refusal;
}

/* COCONUT-SVSM 69: it asks to have its page back, is told no, and does not listen. */
static void refused(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = refuse_one }, "vc");
	uint64_t age;
	const char *r;
	unsigned int w;

	(void)arg;
	refused_nr = 2;
	refusal = EINVAL;	/* beside EAGAIN all that KVM 7.3 takes for a refusal */
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	run_until_meeting(vm);
	usleep(200000);
	run_on(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	r = expect_record(vm,
			  "class=implicit_private gfn=0x%lx expected=shared source=psc psc=shared psc_gfn=0x%lx psc_pages=1 action=vc refused=private refused_ret=%d",
			  GFN(0), GFN(0), EINVAL);
	age = record_number(r, "refused_age_us");
	check(age >= 200000 && age <= now_us() - refused_at + 2000, "refused_age_us=%lu", age);
	check(record_number(r, "psc_age_us") >= age, "it was refused before it was shared: %s", r);
	check(debug_has(vm, "psc_history", "gfn=0x%lx to=private result=refused ret=%d redundant=no",
			GFN(0), EINVAL), "psc_history does not have the VMM's answer");
	check(debug_has(vm, "psc_history", "gfn=0x%lx to=shared result=completed ret=0 redundant=no",
			GFN(0)), "psc_history does not have the VMM's answer");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Once one is completed, the refusal before it has no part in anything. */
static void refused_then_done(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = refuse_one });

	(void)arg;
	refused_nr = 1;
	refusal = EINVAL;
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	clean_run(vm);
	expect_record(vm,
		      "class=implicit_private psc=shared refused=none refused_age_us=n/a refused_ret=n/a");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* It is known for as long as a completed one. */
static void refused_long_ago(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = refuse_one });
	unsigned int start;

	(void)arg;
	refused_nr = 2;
	refusal = EINVAL;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	start = op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	op_loop(vm, 0, start, 2206);
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	clean_run(vm);
	check(!debug_has(vm, "psc_history", "gfn=0x%lx", GFN(0)), "the list reaches back that far");
	expect_record(vm,
		      "class=implicit_private gfn=0x%lx psc=shared psc_gfn=0x%lx psc_pages=1 refused=private refused_ret=%d",
		      GFN(0), GFN(0), EINVAL);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* A part of what was refused is asked for again, and done. */
static void refused_range(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = refuse_one });
	uint64_t e[4];

	(void)arg;
	refused_nr = 1;
	refusal = EINVAL;
	for (unsigned int i = 0; i < 4; i++)
		e[i] = PSC_ENTRY(GPA(i), PSC_PRIVATE, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, 3), e, 4);
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	for (unsigned int i = 0; i < 5; i++)
		op_write(vm, 0, VIEW_PRIVATE, GPA(i), 1);
	clean_run(vm);
	expect_record(vm, "class=first_touch gfn=0x%lx psc=none refused=private refused_ret=%d",
		      GFN(0), EINVAL);
	expect_record(vm, "class=implicit_private gfn=0x%lx psc=shared refused=none", GFN(1));
	for (unsigned int i = 2; i < 4; i++)
		expect_record(vm,
			      "class=first_touch gfn=0x%lx psc=none refused=private refused_ret=%d",
			      GFN(i), EINVAL);
	expect_record(vm, "class=first_touch gfn=0x%lx psc=none refused=none", GFN(4));
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- the last completed one, long ago --- */

#define RANGE	16u
#define SPLIT	8u	/* the page of it that is changed by itself later */
#define OTHER	64u

static uint64_t asked_at, split_at, last_at;

static uint64_t take_time(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	if (psc->gpa == GPA(0))
		asked_at = now_us();
	if (psc->gpa == GPA(SPLIT))
		split_at = now_us();
	last_at = now_us();
	return r;
}

/* To a millisecond or so; the answer is taken only after the VMM has given it. */
static void expect_age(const char *record, uint64_t at)
{
	uint64_t age = record_number(record, "psc_age_us");

	check(age + 100000 * scenario_slowness >= last_at - at && age <= now_us() - at + 2000,
	      "psc_age_us=%lu, not %lu to %lu", age, last_at - at, now_us() - at);
}

/*
 * A range is shared, one page of it is made private, and then the guest asks for other pages
 * @arg times: each part of the range knows its PSC.
 */
static void long_ago(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = take_time });
	uint64_t e[RANGE];
	unsigned int start;
	const char *r;

	for (unsigned int i = 0; i < RANGE; i++)
		e[i] = PSC_ENTRY(GPA(i), PSC_SHARED, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, RANGE - 1), e, RANGE);
	op_psc(vm, 0, GPA(SPLIT), PSC_PRIVATE);
	start = op_psc(vm, 0, GPA(OTHER), PSC_SHARED);
	op_loop(vm, 0, start, (uintptr_t)arg);
	op_read(vm, 0, VIEW_PRIVATE, GPA(3));
	op_write(vm, 0, VIEW_SHARED, GPA(SPLIT), 1);
	op_read(vm, 0, VIEW_PRIVATE, GPA(RANGE - 1));
	op_read(vm, 0, VIEW_PRIVATE, GPA(RANGE));
	clean_run(vm);
	check(!debug_has(vm, "psc_history", "gfn=0x%lx", GFN(0)), "the list reaches back that far");
	r = expect_record(vm,
			  "class=implicit_private gfn=0x%lx source=psc psc=shared psc_vcpu=0 psc_gfn=0x%lx psc_pages=%u",
			  GFN(3), GFN(0), SPLIT);
	expect_age(r, asked_at);
	r = expect_record(vm,
			  "class=implicit_shared gfn=0x%lx source=psc psc=private psc_vcpu=0 psc_gfn=0x%lx psc_pages=1",
			  GFN(SPLIT), GFN(SPLIT));
	expect_age(r, split_at);
	r = expect_record(vm,
			  "class=implicit_private gfn=0x%lx source=psc psc=shared psc_vcpu=0 psc_gfn=0x%lx psc_pages=%u",
			  GFN(RANGE - 1), GFN(SPLIT + 1), RANGE - SPLIT - 1);
	expect_age(r, asked_at);
	/* That there was none is known as well. */
	expect_record(vm, "class=first_touch gfn=0x%lx psc=none psc_age_us=n/a", GFN(RANGE));
	expect_quiet(vm);
	vm_destroy(vm);
}

/* In the list it is there as the guest asked for it. */
static void lately(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	uint64_t e[RANGE];

	(void)arg;
	for (unsigned int i = 0; i < RANGE; i++)
		e[i] = PSC_ENTRY(GPA(i), PSC_SHARED, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, RANGE - 1), e, RANGE);
	op_psc(vm, 0, GPA(SPLIT), PSC_PRIVATE);
	op_read(vm, 0, VIEW_PRIVATE, GPA(3));
	clean_run(vm);
	expect_record(vm, "class=implicit_private psc=shared psc_gfn=0x%lx psc_pages=%u", GFN(0),
		      RANGE);
	vm_destroy(vm);
}

/* --- PSCs that change nothing --- */

static void redundant(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = refuse_one }, "vc");
	uint64_t e[2];

	(void)arg;
	refused_nr = 8;
	refusal = EINVAL;
	vm_add_launched(vm, GPA(4), 2, 0x11);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_psc(vm, 0, GPA(0), PSC_SHARED);	/* redundant */
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);	/* redundant */
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	for (unsigned int i = 0; i < 2; i++)
		e[i] = PSC_ENTRY(GPA(4 + i), PSC_PRIVATE, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, 1), e, 2);	/* redundant: launched */
	for (unsigned int i = 0; i < 2; i++)
		e[i] = PSC_ENTRY(GPA(1 + i), PSC_SHARED, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, 1), e, 2);	/* one of the two is new */
	op_psc(vm, 0, GPA(0), PSC_SHARED);	/* refused */
	op_psc(vm, 0, GPA(3), PSC_PRIVATE);
	clean_run(vm);
	expect_pscs(vm, 8, 1, 10);
	expect_counter(vm, "psc_redundant", 3);
	check(debug_count(vm, "psc_history", "redundant=yes") == 3, "psc_history has %u",
	      debug_count(vm, "psc_history", "redundant=yes"));
	check(debug_has(vm, "psc_history", "gfn=0x%lx to=shared result=completed ret=0 redundant=yes",
			GFN(0)), "the second one of gfn %#lx", GFN(0));
	check(debug_has(vm, "psc_history", "gfn=0x%lx to=shared result=refused ret=%d redundant=no",
			GFN(0), EINVAL), "the refused one of gfn %#lx", GFN(0));
	check(debug_has(vm, "psc_history", "gfn=0x%lx pages=2 to=private redundant=yes", GFN(4)),
	      "the one of launched pages");
	check(debug_has(vm, "psc_history", "gfn=0x%lx pages=2 to=shared redundant=no", GFN(1)),
	      "the one of which a half is new");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* What a stray access has made of the page does not count. */
static void redundant_after_use(const void *arg)
{
	struct vm *vm = vm_create(NULL);

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_pvalidate(vm, 0, GPA(0), true, false);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	clean_run(vm);
	expect_record(vm, "class=implicit_private gfn=0x%lx", GFN(0));
	expect_counter(vm, "psc_redundant", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- asked for, and never used --- */

/* edk2 5036: pages are asked for, and others are validated. */
static void unused(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	uint64_t e[8];
	unsigned int v;

	(void)arg;
	for (unsigned int i = 0; i < 8; i++)
		e[i] = PSC_ENTRY(GPA(i), PSC_PRIVATE, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, 7), e, 8);
	op_psc(vm, 0, GPA(20), PSC_SHARED);	/* shared ones can't be told */
	op_pvalidate(vm, 0, GPA(3), true, false);
	v = op_pvalidate(vm, 0, GPA(8), true, false);
	add_meeting(vm);
	op_pvalidate(vm, 0, GPA(0), true, false);
	op_each_page(vm, 0, 8);
	run_until_meeting(vm);
	check(debug_has(vm, "psc_unused", "gfn=0x%lx last=0x%lx", GFN(0), GFN(2)),
	      "the pages before the one that was used");
	check(debug_has(vm, "psc_unused", "gfn=0x%lx last=0x%lx", GFN(4), GFN(7)),
	      "the pages after the one that was used");
	check(debug_count(vm, "psc_unused", "%s", "") == 2, "psc_unused has %u lines",
	      debug_count(vm, "psc_unused", "%s", ""));
	run_on(vm);
	expect_fault(vm, 0, v, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch gfn=0x%lx action=vc", GFN(8));
	check(!debug_count(vm, "psc_unused", "%s", ""), "psc_unused has lines");
	/* What is gone is not in use. */
	check(!vm_punch(vm, GPA(5), GUEST_PAGE), "the VMM can't punch a hole");
	check(debug_has(vm, "psc_unused", "gfn=0x%lx last=0x%lx", GFN(5), GFN(5)),
	      "the page that the VMM has taken away");
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "history.refused", refused, NULL, 0 },
	{ "history.refused_then_done", refused_then_done, NULL, 0 },
	{ "history.refused_long_ago", refused_long_ago, NULL, 0 },
	{ "history.refused_range", refused_range, NULL, 0 },
	{ "history.lately", lately, NULL, 0 },
	{ "history.long_ago", long_ago, (void *)2206, 0 },
	{ "history.very_long_ago", long_ago, (void *)5000, SC_SLOW },
	{ "history.redundant", redundant, NULL, 0 },
	{ "history.redundant_after_use", redundant_after_use, NULL, 0 },
	{ "history.unused", unused, NULL, 0 },
};

GROUP(history_group, scenarios);
