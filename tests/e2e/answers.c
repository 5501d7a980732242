// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSCs whose answer is no, or half a yes, or late: what another vCPU may do
 * meanwhile, and what holds afterwards.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include "guard.h"
#include "module.h"

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
	expect_record(vm, "class=initial_shared gfn=0x%lx psc=none refused=shared refused_ret=%d",
		      GFN(0), EINVAL);
	expect_fault(vm, 0, w2, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm,
		      "class=first_touch gfn=0x%lx psc=none refused=private refused_ret=%d action=vc",
		      GFN(2), EINVAL);
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
	op_each_page(vm, 0, 4);
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
	expect_record(vm,
		      "class=host gfn=0x%lx access=private expected=private attr=shared refused=shared refused_ret=%d hole_age_us=n/a action=none",
		      GFN(0), EINVAL);
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

/* --- a KVM_RUN that fails before KVM looks at the answer --- */

/* There are no such registers to be synchronised. */
static void fail_run(struct vcpu *v, uint64_t answer)
{
	v->run->hypercall.ret = answer;
	v->run->kvm_valid_regs = ~0ull;
	check(ioctl(v->fd, KVM_RUN, 0) < 0 && errno == EINVAL, "KVM_RUN did not fail");
	v->run->kvm_valid_regs = 0;
}

static void fail_runs(struct vcpu *v, uint64_t answer)
{
	for (unsigned int i = 0; i < 3; i++)
		fail_run(v, answer);
}

static uint64_t fail_then_done(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa == GPA(0))
		fail_runs(v, EAGAIN);
	return vm_psc(v, psc);
}

/* It is done, and that is what counts: not what was in the run page before or after. */
static void expect_done_once(uint64_t (*on_psc)(struct vcpu *v, const struct psc *psc))
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = on_psc }, "vc");
	unsigned int p, w;

	vm_add_launched(vm, GPA(0), 1, 0xaa);
	p = op_psc(vm, 0, GPA(0), PSC_SHARED);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_code(vm, 0, p, PSC_RESP_OK);
	expect_ok(vm, 0, w);
	expect_pscs(vm, 1, 0, 1);
	expect_page_state(vm, GPA(0), "shared");
	expect_quiet(vm);
	vm_destroy(vm);
}

static void failing_run(const void *arg)
{
	(void)arg;
	expect_done_once(fail_then_done);
}

static uint64_t fail_then_refused(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa != GPA(0))
		return vm_psc(v, psc);
	fail_runs(v, 0);
	return EINVAL;
}

/* The other way round: the guest is told no, and goes on using its page as it is. */
static void failing_run_refused(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = fail_then_refused }, "vc");
	unsigned int p, r;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0x11);
	p = op_psc(vm, 0, GPA(0), PSC_SHARED);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	clean_run(vm);
	check(vm_result(vm, 0, p)->code >> 32, "the guest was not told of the refusal");
	expect_value(vm, 0, r, 0x1111111111111111ull);
	expect_pscs(vm, 0, 1, 0);
	expect_page_state(vm, GPA(0), "launched");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* KVM takes the answer before it looks at immediate_exit; a later one is ignored. */
static uint64_t fail_then_interrupt(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	if (psc->gpa != GPA(0))
		return r;
	v->run->immediate_exit = 1;
	fail_runs(v, EAGAIN);
	v->run->hypercall.ret = r;
	check(ioctl(v->fd, KVM_RUN, 0) < 0 && errno == EINTR, "KVM_RUN ignored immediate_exit");
	v->run->immediate_exit = 0;
	fail_run(v, EAGAIN);
	return EINVAL;
}

static void failing_run_interrupted(const void *arg)
{
	(void)arg;
	expect_done_once(fail_then_interrupt);
}

static uint64_t fail_in_batch(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa == GPA(2))
		fail_runs(v, EAGAIN);
	if (psc->gpa == GPA(4))
		fail_runs(v, 0);
	return psc->gpa == GPA(4) ? EINVAL : vm_psc(v, psc);
}

/* Three ranges of one request: the second is done, the third is refused. */
static void failing_run_in_batch(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = fail_in_batch }, "vc");
	unsigned int p, w[2], r;
	uint64_t e[3];

	(void)arg;
	vm_add_launched(vm, GPA(0), 5, 0x11);
	for (unsigned int i = 0; i < 3; i++)
		e[i] = PSC_ENTRY(GPA(2 * i), PSC_SHARED, 0, 0);
	p = op_psc_nae(vm, 0, PSC_HDR(0, 2), e, 3);
	w[0] = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	w[1] = op_write(vm, 0, VIEW_SHARED, GPA(2), 1);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(4));
	clean_run(vm);
	expect_code(vm, 0, p, PSC_ERROR_GENERIC);
	expect_ok(vm, 0, w[0]);
	expect_ok(vm, 0, w[1]);
	expect_value(vm, 0, r, 0x1111111111111111ull);
	expect_pscs(vm, 2, 1, 2);
	expect_page_state(vm, GPA(2), "shared");
	expect_page_state(vm, GPA(4), "launched");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- an answer whose low half is zero --- */

#define LOW_HALF_ZERO	(1ull << 32)

static uint64_t answer_in_high_half(struct vcpu *v, const struct psc *psc)
{
	return in_free_range(psc) ? LOW_HALF_ZERO : vm_psc(v, psc);
}

static struct vm *low_half_vm(void)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .on_psc = answer_in_high_half }, "vc");

	vm_add_launched(vm, GPA(0), 1, 0x11);
	return vm;
}

static void expect_not_done(struct vm *vm)
{
	expect_counter(vm, "psc_completed", GUEST_BOOT_PSCS(0));
	expect_page_state(vm, GPA(0), "launched");
	check(!debug_has(vm, "psc_history", "gfn=0x%lx result=completed", GFN(0)),
	      "psc_history says that it was done");
	expect_quiet(vm);
}

/* Linux 6.12 takes it for a no; to 7.3 it is no answer, and KVM_RUN fails. */
static void low_half_zero(const void *arg)
{
	struct vm *vm = low_half_vm();
	unsigned int p, r;

	(void)arg;
	p = op_psc(vm, 0, GPA(0), PSC_SHARED);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	guard_launch(vm);
	run(vm);
	if (vm->vcpu[0].state == VCPU_HALTED) {
		check(vm_result(vm, 0, p)->code >> 32, "the guest took the answer for a yes");
		expect_value(vm, 0, r, 0x1111111111111111ull);
		expect_counter(vm, "psc_refused", 1);
	} else {
		diag("  KVM_RUN fails for such an answer");
	}
	expect_not_done(vm);
	vm_destroy(vm);
}

/* The guest gets it whole from a plain hypercall. */
static void low_half_zero_hypercall(const void *arg)
{
	struct vm *vm = low_half_vm();
	unsigned int h, r;

	(void)arg;
	h = op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = GPA(0),
					      .arg = { 1, 0 } });
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	clean_run(vm);
	expect_code(vm, 0, h, LOW_HALF_ZERO);
	expect_value(vm, 0, r, 0x1111111111111111ull);
	expect_counter(vm, "psc_refused", 1);
	expect_not_done(vm);
	vm_destroy(vm);
}

/* --- while a PSC is in flight --- */

enum { FLAG_GO, FLAG_TOUCHED };

static void let_other_touch(struct vcpu *v, const struct psc *psc)
{
	if (!in_free_range(psc) || v->index)
		return;
	vm_set_flag(v->vm, FLAG_GO, 1);
	check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2),
	      "the other vCPU did not get on while the PSC was in flight");
}

static uint64_t wait_for_touch(struct vcpu *v, const struct psc *psc)
{
	let_other_touch(v, psc);
	return vm_psc(v, psc);
}

static uint64_t convert_then_wait(struct vcpu *v, const struct psc *psc)
{
	uint64_t r = vm_psc(v, psc);

	let_other_touch(v, psc);
	return r;
}

/*
 * vCPU 0 asks for a page to be shared, vCPU 1 touches it before the answer: writes to it as
 * shared, or, if @launched, reads the launched page as private.
 */
static struct vm *touch_in_flight(uint64_t (*on_psc)(struct vcpu *v, const struct psc *psc),
				  bool launched, unsigned int *touch)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .on_psc = on_psc }, "vc");

	if (launched)
		vm_add_launched(vm, GPA(0), 1, 0x11);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	*touch = launched ? op_read(vm, 1, VIEW_PRIVATE, GPA(0)) :
			    op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	return vm;
}

/* In the state that was asked for. */
static void in_flight_new_state(const void *arg)
{
	unsigned int w, w2;
	struct vm *vm = touch_in_flight(wait_for_touch, false, &w2);

	(void)arg;
	w = op_write(vm, 0, VIEW_SHARED, GPA(0) + 8, 1);
	clean_run(vm);
	expect_ok(vm, 0, w);
	expect_ok(vm, 1, w2);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx access=shared op=write action=none",
		      GFN(0));
	expect_counter(vm, "violations/in_flight", 1);
	expect_counter(vm, "violations/enforced", 0);
	expect_page_state(vm, GPA(0), "shared");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* In the state that the page still has: there is nothing to report. */
static void in_flight_old_state(const void *arg)
{
	unsigned int r;
	struct vm *vm = touch_in_flight(wait_for_touch, true, &r);

	(void)arg;
	clean_run(vm);
	expect_value(vm, 1, r, 0x1111111111111111ull);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* In the old state, when the VMM has converted but not answered yet. */
static void in_flight_converted(const void *arg)
{
	unsigned int r;
	struct vm *vm = touch_in_flight(convert_then_wait, true, &r);

	(void)arg;
	clean_run(vm);
	expect_fault(vm, 1, r, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx access=private action=none",
		      GFN(0));
	expect_counter(vm, "violations/enforced", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Where the policy says so, a touch in flight is an error too. */
static void in_flight_enforced(const void *arg)
{
	unsigned int w;
	struct vm *vm = touch_in_flight(wait_for_touch, false, &w);

	(void)arg;
	check(!knob_write("policy/in_flight", "enforce"), "policy/in_flight can't be written");
	clean_run(vm);
	expect_fault(vm, 1, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx action=vc", GFN(0));
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "answers.refused", refused, NULL, 0 },
	{ "answers.refused_in_batch", refused_in_batch, NULL, 0 },
	{ "answers.partly_applied", partly_applied, NULL, 0 },
	{ "answers.failing_run", failing_run, NULL, 0 },
	{ "answers.failing_run_refused", failing_run_refused, NULL, 0 },
	{ "answers.failing_run_interrupted", failing_run_interrupted, NULL, 0 },
	{ "answers.failing_run_in_batch", failing_run_in_batch, NULL, 0 },
	{ "answers.low_half_zero", low_half_zero, NULL, 0 },
	{ "answers.low_half_zero_hypercall", low_half_zero_hypercall, NULL, 0 },
	{ "answers.in_flight_new_state", in_flight_new_state, NULL, 0 },
	{ "answers.in_flight_old_state", in_flight_old_state, NULL, 0 },
	{ "answers.in_flight_converted", in_flight_converted, NULL, 0 },
	{ "answers.in_flight_enforced", in_flight_enforced, NULL, 0 },
};

GROUP(answers_group, scenarios);
