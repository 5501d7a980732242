// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSCs whose answer is no, or half a yes, or late: what another vCPU may do
 * meanwhile, and what holds afterwards.
 */
#include <errno.h>
#include "guard.h"
#include "module.h"

#define GPA(n)	(GUEST_FREE_GPA + (n) * GUEST_PAGE)

static bool in_free_range(const struct psc *psc)
{
	return psc->gpa >= GUEST_FREE_GPA;
}

static uint64_t refuse(struct vcpu *v, const struct psc *psc)
{
	return in_free_range(psc) ? EINVAL : vm_psc(v, psc);
}

static void refused(const void *arg)
{
	const uint64_t e[] = { PSC_ENTRY(GPA(2), PSC_PRIVATE, 0, 0) };
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = refuse }, "vc");
	unsigned int m, n, w, w2;

	(void)arg;
	m = op_psc(vm, 0, GPA(0), PSC_SHARED);
	n = op_psc_nae(vm, 0, PSC_HDR(0, 0), e, 1);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	w2 = op_write(vm, 0, VIEW_PRIVATE, GPA(2), 1);
	clean_run(vm);
	check(vm_result(vm, 0, m)->code >> 32, "the guest was not told of the refusal (MSR)");
	expect_code(vm, 0, n, PSC_ERROR_GENERIC);
	expect_pscs(vm, 0, 2, 0);
	expect_psc_done(vm, GPA(0), 1, false, false);
	expect_psc_done(vm, GPA(2), 1, true, false);
	expect_page_state(vm, GPA(0), "shared");	/* by use, see the record */
	expect_page_state(vm, GPA(2), "none");
	/* It goes on regardless: what was refused has never been granted. */
	expect_ok(vm, 0, w);
	expect_record(vm, "class=initial_shared gfn=0x%lx psc=none", GPA(0) / GUEST_PAGE);
	expect_fault(vm, 0, w2, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch gfn=0x%lx psc=none action=vc", GPA(2) / GUEST_PAGE);
	expect_quiet(vm);
	vm_destroy(vm);
}

static uint64_t apply_two(struct vcpu *v, const struct psc *psc)
{
	return in_free_range(psc) && !psc->to_private ? vm_psc_partly(v, psc, 2) : vm_psc(v, psc);
}

/*
 * Four private pages are to be shared; the VMM converts two and reports an
 * error.  The guest rightly takes them all for private: what it finds amiss at
 * the first two is the host's doing.
 */
static void partly_applied(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = apply_two }, "vc");
	uint64_t e[4], f[4];
	unsigned int p, r, r2;

	(void)arg;
	for (unsigned int i = 0; i < 4; i++) {
		e[i] = PSC_ENTRY(GPA(i), PSC_PRIVATE, 0, 0);
		f[i] = PSC_ENTRY(GPA(i), PSC_SHARED, 0, 0);
	}
	op_psc_nae(vm, 0, PSC_HDR(0, 3), e, 4);
	op_pvalidate(vm, 0, GPA(0), true, false);
	op_last(vm, 0)->repeat = 4;
	op_last(vm, 0)->stride = GUEST_PAGE;
	op_write(vm, 0, VIEW_PRIVATE, GPA(3), 77);
	p = op_psc_nae(vm, 0, PSC_HDR(0, 3), f, 4);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(3));
	r2 = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	clean_run(vm);
	expect_code(vm, 0, p, PSC_ERROR_GENERIC);
	expect_pscs(vm, 1, 1, 4);
	expect_value(vm, 0, r, 77);
	/* KVM and the VMM convert it back: a new page, not validated. */
	expect_fault(vm, 0, r2, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=host gfn=0x%lx access=private expected=private attr=shared action=none",
		      GPA(0) / GUEST_PAGE);
	expect_counter(vm, "violations/host", 1);
	expect_counter(vm, "violations/enforced", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The third range of a batch is refused: the first two stay done. */
static unsigned int ranges;

static uint64_t refuse_third(struct vcpu *v, const struct psc *psc)
{
	return in_free_range(psc) && ++ranges == 3 ? EINVAL : vm_psc(v, psc);
}

static void refused_in_batch(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = refuse_third }, "vc");
	unsigned int p, w;
	uint64_t e[5];

	(void)arg;
	for (unsigned int i = 0; i < 5; i++)
		e[i] = PSC_ENTRY(GPA(2 * i), PSC_SHARED, 0, 0);
	p = op_psc_nae(vm, 0, PSC_HDR(0, 4), e, 5);
	w = op_write(vm, 0, VIEW_SHARED, GPA(2), 1);
	clean_run(vm);
	expect_code(vm, 0, p, PSC_ERROR_GENERIC);
	expect_ok(vm, 0, w);
	expect_pscs(vm, 2, 1, 2);
	expect_page_state(vm, GPA(2), "shared");
	expect_page_state(vm, GPA(4), "none");
	expect_page_state(vm, GPA(6), "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- while a PSC is in flight --- */

enum { FLAG_GO, FLAG_TOUCHED };

static uint64_t wait_for_touch(struct vcpu *v, const struct psc *psc)
{
	if (!in_free_range(psc) || v->index)
		return vm_psc(v, psc);
	vm_set_flag(v->vm, FLAG_GO, 1);
	check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2),
	      "the other vCPU did not get on while the PSC was in flight");
	return vm_psc(v, psc);
}

static uint64_t convert_then_wait(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	if (in_free_range(psc) && !v->index) {
		vm_set_flag(v->vm, FLAG_GO, 1);
		check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2),
		      "the other vCPU did not get on while the PSC was in flight");
	}
	return r;
}

/* vCPU 0 asks, vCPU 1 touches before the answer, in the state that was asked for */
static void in_flight_new_state(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .on_psc = wait_for_touch }, "vc");
	unsigned int w, w2;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0) + 8, 1);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	w2 = op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_ok(vm, 0, w);
	expect_ok(vm, 1, w2);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx access=shared op=write action=none",
		      GPA(0) / GUEST_PAGE);
	expect_counter(vm, "violations/in_flight", 1);
	expect_counter(vm, "violations/enforced", 0);
	expect_page_state(vm, GPA(0), "shared");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* ... in the state that the page still has: nothing to say */
static void in_flight_old_state(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .on_psc = wait_for_touch }, "vc");
	unsigned int r;

	(void)arg;
	vm_add_launch_page(vm, GPA(0), 1, KVM_SEV_SNP_PAGE_TYPE_NORMAL, 0x11);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	r = op_read(vm, 1, VIEW_PRIVATE, GPA(0));
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_value(vm, 1, r, 0x1111111111111111ull);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* ... in the old state, when the VMM has converted but not answered yet */
static void in_flight_converted(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .on_psc = convert_then_wait }, "vc");
	unsigned int r;

	(void)arg;
	vm_add_launch_page(vm, GPA(0), 1, KVM_SEV_SNP_PAGE_TYPE_NORMAL, 0x11);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	r = op_read(vm, 1, VIEW_PRIVATE, GPA(0));
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_fault(vm, 1, r, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx access=private action=none",
		      GPA(0) / GUEST_PAGE);
	expect_counter(vm, "violations/enforced", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Where the policy says so, a touch in flight is an error too. */
static void in_flight_enforced(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .on_psc = wait_for_touch }, "vc");
	unsigned int w;

	(void)arg;
	check(!knob_write("policy/in_flight", "enforce"), "policy/in_flight can't be written");
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	w = op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_fault(vm, 1, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx action=vc", GPA(0) / GUEST_PAGE);
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "answers.refused", refused, NULL, 0 },
	{ "answers.refused_in_batch", refused_in_batch, NULL, 0 },
	{ "answers.partly_applied", partly_applied, NULL, 0 },
	{ "answers.in_flight_new_state", in_flight_new_state, NULL, 0 },
	{ "answers.in_flight_old_state", in_flight_old_state, NULL, 0 },
	{ "answers.in_flight_converted", in_flight_converted, NULL, 0 },
	{ "answers.in_flight_enforced", in_flight_enforced, NULL, 0 },
};

GROUP(answers_group, scenarios);
