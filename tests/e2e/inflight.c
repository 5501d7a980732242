// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses that come before the answer to the PSC that they need: they are settled when it
 * is known. Where strict mode would act, the vCPU waits for it. (answers.c has those that
 * nothing depends on.)
 */
#include <errno.h>
#include <unistd.h>
#include "guard.h"
#include "module.h"

#define ALL_PAGES	(1ul << 40)	/* of a plain hypercall's */

enum { FLAG_GO = 1, FLAG_TOUCHED, FLAG_STOP };

/* --- one PSC, held until the other vCPU's accesses are known --- */

struct held {
	const char *mode, *action;
	const char *policy;	/* of the class, if not the default */
	uint64_t answer;	/* 0: done */
	bool private;		/* a page that was never asked for; else a launched one */
};

static const struct held *held;

static uint64_t hold(struct vcpu *v, const struct psc *psc)
{
	const bool waits = held->mode[0] == 's' && !held->policy;

	if (psc->gpa < GUEST_FREE_GPA)
		return vm_psc(v, psc);
	vm_set_flag(v->vm, FLAG_GO, 1);
	wait_for_counter(v->vm, "violations/in_flight", 1);
	if (waits) {
		usleep(20000);
		check(!vm_get_flag(v->vm, FLAG_TOUCHED), "vCPU 1 did not wait for the answer");
	} else {
		check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2),
		      "vCPU 1 waited for the answer");
	}
	return held->answer ?: vm_psc(v, psc);
}

/* What is to be seen of the access itself. */
static void expect_outcome(struct vm *vm, unsigned int op)
{
	const bool strict = held->mode[0] == 's' && !held->policy;

	if (!strict || !held->answer)
		expect_ok(vm, 1, op);
	else if (held->action[0] == 't')
		expect_never_finished(vm, 1, op);
	else
		expect_fault(vm, 1, op, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
}

static void one_psc(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2, .on_psc = hold });
	const char *class, *state, *outcome = "none";
	unsigned int op;

	held = arg;
	class = held->private ? "first_touch" : "implicit_shared";
	state = held->private ? "private" : "shared";
	knob_write("mode", held->mode);
	knob_write("action", held->action);
	if (held->policy)
		knob_write("policy/implicit_shared", held->policy);
	else if (held->mode[0] == 's')
		outcome = held->action;
	if (!held->private)
		vm_add_launched(vm, GPA(0), 1, 0x11);
	op_psc(vm, 0, GPA(0), held->private ? PSC_PRIVATE : PSC_SHARED);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	op = held->private ? op_pvalidate(vm, 1, GPA(0), true, false) :
			     op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	guard_launch(vm);
	run(vm);
	expect_outcome(vm, op);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx access=%s n=1 mode=%s action=none",
		      GFN(0), state, held->mode);
	if (held->answer)
		expect_record(vm,
			      "class=%s vcpu=1 gfn=0x%lx access=%s psc=none n=2 mode=%s action=%s refused=%s refused_ret=%d",
			      class, GFN(0), state, held->mode, outcome, state, EINVAL);
	expect_quiet(vm);
	expect_counter(vm, "violations/in_flight", 1);
	expect_counter(vm, "violations/enforced", held->answer && *outcome != 'n');
	vm_destroy(vm);
}

static const struct held done = { "strict", "vc", NULL, 0, false };
static const struct held refused = { "strict", "vc", NULL, EINVAL, false };
static const struct held refused_terminate = { "strict", "terminate", NULL, EINVAL, false };
static const struct held done_private = { "strict", "vc", NULL, 0, true };
static const struct held refused_private = { "strict", "vc", NULL, EINVAL, true };
static const struct held done_lenient = { "lenient", "vc", NULL, 0, false };
static const struct held refused_lenient = { "lenient", "vc", NULL, EINVAL, false };
static const struct held done_report = { "strict", "vc", "report", 0, false };
static const struct held refused_report = { "strict", "vc", "report", EINVAL, false };

static uint64_t off_meanwhile(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa < GUEST_FREE_GPA)
		return vm_psc(v, psc);
	vm_set_flag(v->vm, FLAG_GO, 1);
	wait_for_counter(v->vm, "violations/in_flight", 1);
	knob_write("mode", "off");
	check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2), "vCPU 1 waits with mode=off");
	return EINVAL;
}

/* With mode=off nobody waits, and nothing more is told. */
static void off_while_waiting(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .on_psc = off_meanwhile },
				  "vc");
	unsigned int w;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0x11);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	w = op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_ok(vm, 1, w);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx n=1 mode=strict action=none", GFN(0));
	expect_quiet(vm);
	expect_counter(vm, "psc_refused", 1);
	expect_counter(vm, "violations/implicit_shared", 0);
	vm_destroy(vm);
}

/* Of one PSC 16 accesses are settled, whatever the guest does: they take up memory. */
#define EARLY		20u
#define SETTLED		16u

static uint64_t refuse_when_touched(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa < GUEST_FREE_GPA)
		return vm_psc(v, psc);
	vm_set_flag(v->vm, FLAG_GO, 1);
	check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2), "vCPU 1 did not get on");
	return EINVAL;
}

static void many_early(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2,
						       .on_psc = refuse_when_touched });
	uint64_t e[EARLY];
	unsigned int w;

	(void)arg;
	vm_add_launched(vm, GPA(0), EARLY, 0x11);
	for (unsigned int i = 0; i < EARLY; i++)
		e[i] = PSC_ENTRY(GPA(i), PSC_SHARED, 0, 0);
	op_psc_nae(vm, 0, PSC_HDR(0, EARLY - 1), e, EARLY);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	w = op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_each_page(vm, 1, EARLY);
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_ok(vm, 1, w);
	expect_counter(vm, "psc_refused", 1);
	expect_counter(vm, "violations/in_flight", EARLY);
	expect_counter(vm, "violations/implicit_shared", SETTLED);
	expect_counter(vm, "violations/enforced", 0);
	vm_destroy(vm);
}

/* --- two PSCs, and the first to be answered is refused --- */

static unsigned int both;
static uint64_t second_answer;	/* 0: done */

static uint64_t refuse_the_first(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa < GUEST_FREE_GPA)
		return vm_psc(v, psc);
	if (__atomic_add_fetch(&both, 1, __ATOMIC_SEQ_CST) == 2)
		vm_set_flag(v->vm, FLAG_GO, 1);
	check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2), "vCPU 1 did not get on");
	if (v == &v->vm->vcpu[0])
		return EINVAL;
	wait_for_counter(v->vm, "psc_refused", 1);
	return second_answer ?: vm_psc(v, psc);
}

/* The access is settled with the last PSC that was there before it, and once. */
static void two_pscs(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 3,
						       .on_psc = refuse_the_first });
	unsigned int w;

	both = 0;
	second_answer = (uintptr_t)arg;
	vm_add_launched(vm, GPA(0), 1, 0x11);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_psc(vm, 2, GPA(0), PSC_SHARED);
	op_wait_flag(vm, 1, FLAG_GO, 1);
	w = op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_ok(vm, 1, w);
	expect_record(vm, "class=in_flight vcpu=1 gfn=0x%lx n=1 action=none", GFN(0));
	if (second_answer)
		expect_record(vm, "class=implicit_shared vcpu=1 gfn=0x%lx n=2 action=none",
			      GFN(0));
	expect_quiet(vm);
	expect_counter(vm, "violations/in_flight", 1);
	expect_counter(vm, "violations/implicit_shared", !!second_answer);
	expect_counter(vm, "psc_refused", second_answer ? 2 : 1);
	vm_destroy(vm);
}

/* --- an access that was there first --- */

static uint64_t answer_after_faults(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa >= GUEST_FREE_GPA)
		wait_for_counter(v->vm, "vc_injected", guard_counter(v->vm, "vc_injected") + 3);
	return vm_psc(v, psc);
}

/*
 * A PSC that is asked for only after the access excuses nothing: the vCPU, whose handler
 * tries again and again, gets one #VC after another until it is done.
 */
static void asked_too_late(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2,
						       .on_psc = answer_after_faults }, "vc");
	const volatile struct guest_result *r;
	unsigned int w;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0x11);
	op_wait_flag(vm, 0, FLAG_GO, 1);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	w = op_write(vm, 1, VIEW_SHARED, GPA(0), 1);
	op_last(vm, 1)->on_fault = ON_FAULT_RETRY;
	op_last(vm, 1)->limit = 100;
	op_last(vm, 1)->outs = 100;
	guard_launch(vm);
	vm_start(vm);
	wait_for_counter(vm, "vc_injected", 1);
	vm_set_flag(vm, FLAG_GO, 1);
	vm_wait(vm, PATIENCE_MS);
	expect_halted(vm, 0);
	expect_halted(vm, 1);
	r = vm_result(vm, 1, w);
	check(r->state == RESULT_OK && r->faults >= 3 && r->faults <= 16,
	      "the access ended in state %u after %u faults", r->state, r->faults);
	expect_record(vm, "class=implicit_shared vcpu=1 gfn=0x%lx psc=none action=vc", GFN(0));
	expect_counter(vm, "violations/in_flight", 0);
	expect_counter(vm, "violations/enforced", 1);
	expect_page_state(vm, GPA(0), "shared");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- always one in flight --- */

static unsigned int arrived;

/* Two vCPUs ask in turn, and neither is answered before the other has asked. */
static uint64_t refuse_after_next(struct vcpu *v, const struct psc *psc)
{
	unsigned int me;

	if (psc->pages < ALL_PAGES)
		return vm_psc(v, psc);
	me = __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	vm_set_flag(v->vm, FLAG_GO, 1);
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) == me && !v->stop &&
	       v->vm->vcpu[0].state == VCPU_RUNNING && !vm_get_flag(v->vm, FLAG_STOP))
		usleep(100);
	return EINVAL;
}

#define STRAYS	8u

/*
 * The guest has all its memory in a request to shared that is refused, and another one
 * by then, all the time: as if it had asked for none.
 */
static struct vm *evade(const char *action, unsigned int w[STRAYS])
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 3,
						       .on_psc = refuse_after_next });
	const struct guest_op all = { .code = OP_PSC_HYPERCALL, .gpa = 0,
				      .arg = { ALL_PAGES, 0 } };

	knob_write("mode", action ? "strict" : "lenient");
	knob_write("action", action ?: "vc");
	vm_add_launched(vm, GPA(0), STRAYS, 0x11);
	for (unsigned int i = 1; i < 3; i++)
		op_loop_until(vm, i, op_add(vm, i, &all), FLAG_STOP);
	op_wait_flag(vm, 0, FLAG_GO, 1);
	for (unsigned int i = 0; i < STRAYS; i++)
		w[i] = op_write(vm, 0, VIEW_SHARED, GPA(i), 1);
	op_set_flag(vm, 0, FLAG_STOP, 1);
	guard_launch(vm);
	run(vm);
	return vm;
}

static void evade_vc(const void *arg)
{
	unsigned int w[STRAYS];
	struct vm *vm = evade("vc", w);

	(void)arg;
	for (unsigned int i = 0; i < 3; i++)
		expect_halted(vm, i);
	for (unsigned int i = 0; i < STRAYS; i++) {
		expect_fault(vm, 0, w[i], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
		expect_record(vm, "class=in_flight gfn=0x%lx n=1 action=none", GFN(i));
		expect_record(vm,
			      "class=implicit_shared gfn=0x%lx n=2 action=vc refused=shared refused_ret=%d",
			      GFN(i), EINVAL);
	}
	expect_quiet(vm);
	expect_counter(vm, "violations/in_flight", STRAYS);
	expect_counter(vm, "violations/enforced", STRAYS);
	expect_counter(vm, "psc_completed", guard_counter(vm, "psc_requests") -
					    guard_counter(vm, "psc_refused"));
	vm_destroy(vm);
}

static void evade_terminate(const void *arg)
{
	unsigned int w[STRAYS];
	struct vm *vm = evade("terminate", w);

	(void)arg;
	expect_never_finished(vm, 0, w[0]);
	expect_crash(vm, 0, GPA(0), CLASS_IMPLICIT_SHARED);
	expect_record(vm, "class=in_flight gfn=0x%lx action=none", GFN(0));
	expect_record(vm, "class=implicit_shared gfn=0x%lx action=terminate refused=shared",
		      GFN(0));
	expect_quiet(vm);
	expect_file(vm, "state", "terminated");
	vm_destroy(vm);
}

/* KVM resolves them at once; what they were is told when it is known, of each once. */
static void evade_lenient(const void *arg)
{
	unsigned int w[STRAYS];
	struct vm *vm = evade(NULL, w);

	(void)arg;
	for (unsigned int i = 0; i < STRAYS; i++)
		expect_ok(vm, 0, w[i]);
	expect_counter(vm, "violations/in_flight", STRAYS);
	expect_counter(vm, "violations/implicit_shared", STRAYS);
	expect_counter(vm, "violations/enforced", 0);
	vm_destroy(vm);
}

/* --- right accesses --- */

static uint64_t refuse_all_when_touched(struct vcpu *v, const struct psc *psc)
{
	if (psc->pages < ALL_PAGES)
		return vm_psc(v, psc);
	vm_set_flag(v->vm, FLAG_GO, 1);
	check(vm_wait_flag(v->vm, FLAG_TOUCHED, 1, PATIENCE_MS / 2),
	      "a right access was held");
	return EINVAL;
}

/* Whatever is in flight: pages are used as they were asked for, without a delay. */
static void right_is_never_held(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2,
						       .on_psc = refuse_all_when_touched }, "vc");
	unsigned int r, p, w, v;

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0x11);
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	op_psc(vm, 0, GPA(2), PSC_SHARED);
	op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = 0,
					  .arg = { ALL_PAGES, 0 } });
	op_wait_flag(vm, 1, FLAG_GO, 1);
	r = op_read(vm, 1, VIEW_PRIVATE, GPA(0));
	p = op_pvalidate(vm, 1, GPA(1), true, false);
	w = op_write(vm, 1, VIEW_SHARED, GPA(2), 1);
	v = op_make_private(vm, 1, GPA(3));
	op_set_flag(vm, 1, FLAG_TOUCHED, 1);
	clean_run(vm);
	expect_value(vm, 1, r, 0x1111111111111111ull);
	expect_code(vm, 1, p, 0);
	expect_ok(vm, 1, w);
	expect_code(vm, 1, v, 0);
	expect_quiet(vm);
	expect_counter(vm, "violations/in_flight", 0);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "inflight.done", one_psc, &done, 0 },
	{ "inflight.refused", one_psc, &refused, 0 },
	{ "inflight.refused_terminate", one_psc, &refused_terminate, 0 },
	{ "inflight.done_private", one_psc, &done_private, 0 },
	{ "inflight.refused_private", one_psc, &refused_private, 0 },
	{ "inflight.done_lenient", one_psc, &done_lenient, 0 },
	{ "inflight.refused_lenient", one_psc, &refused_lenient, 0 },
	{ "inflight.done_report", one_psc, &done_report, 0 },
	{ "inflight.refused_report", one_psc, &refused_report, 0 },
	{ "inflight.off_while_waiting", off_while_waiting, NULL, 0 },
	{ "inflight.many_early", many_early, NULL, 0 },
	{ "inflight.refused_then_done", two_pscs, NULL, 0 },
	{ "inflight.refused_twice", two_pscs, (void *)EINVAL, 0 },
	{ "inflight.asked_too_late", asked_too_late, NULL, 0 },
	{ "inflight.evade", evade_vc, NULL, 0 },
	{ "inflight.evade_terminate", evade_terminate, NULL, 0 },
	{ "inflight.evade_lenient", evade_lenient, NULL, 0 },
	{ "inflight.right_is_never_held", right_is_never_held, NULL, 0 },
};

GROUP(inflight_group, scenarios);
