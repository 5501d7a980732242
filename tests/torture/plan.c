// SPDX-License-Identifier: GPL-2.0-only
/*
 * Planning a round.
 *
 * vCPUs run in parallel, and yet all that they see is to be known beforehand: so
 * within a round a page belongs to the first vCPU that has a step for it, and
 * steps of others for it are left out.  Rounds in which a PSC is held are in
 * three parts, one after the other: its vCPU up to that PSC, all others, the
 * rest; there the pages of that PSC are everybody's.  An access that waits for its
 * answer is the last one of its vCPU's round, and belongs to the second part and,
 * again, to the third.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "e2e/ap.h"
#include "plan.h"

#define PORT	0x1000
#define MAX_OUTS	200
#define MAX_DELAY_MS	2000
#define STEP_OPS	2	/* operations of a step, at most */
#define GRANT_OPS	2	/* ... and what may come after all of vCPU 0's: plan_grant() */
#define RET	0xc3	/* all that is written is executable */

struct planner {
	struct plan *plan;
	struct model *m;
	struct vm *vm;
	bool alone;	/* other vCPUs have ended their round, or not begun it */
};

static unsigned int steps_of_entry(const struct step *s)
{
	return s->huge ? 512 : 1;
}

/* May this vCPU use the pages?  If so, they are its own. */
static bool own(struct planner *p, unsigned int vcpu, uint64_t gfn, uint64_t pages)
{
	uint8_t *owner = &p->plan->owner[gfn - ARENA_GFN];

	if (gfn < ARENA_GFN || gfn + pages > ARENA_GFN + ARENA_PAGES)
		return false;
	for (uint64_t i = 0; !p->alone && i < pages; i++) {
		if (owner[i] && owner[i] != vcpu + 1)
			return false;
	}
	if (!p->alone)
		memset(owner, vcpu + 1, pages);
	return true;
}

static struct plan_op *new_op(struct vcpu_plan *v, const struct step *s)
{
	struct plan_op *op = &v->op[v->nops++];

	*op = (struct plan_op){ .step = s };
	return op;
}

/* Would the guest execute what nobody has written? */
static bool runs_wild(const struct step *s, const struct page *p)
{
	return s->kind == STEP_ACCESS && s->what == ACCESS_FETCH && p->present &&
	       p->validated && (p->private_word & 0xff) != RET;
}

static bool is_stack(const struct step *s)
{
	return s->kind == STEP_ACCESS && s->what == ACCESS_STACK;
}

static void write_access(struct planner *p, const struct step *s, uint64_t value)
{
	uint64_t gpa = s->gfn * GUEST_PAGE;
	unsigned int view = s->private ? VIEW_PRIVATE : VIEW_SHARED;

	if (s->kind == STEP_VALIDATE_2M) {
		op_pvalidate(p->vm, s->vcpu, gpa, true, true);
		return;
	}
	switch ((enum access)s->what) {
	case ACCESS_READ:
		op_read(p->vm, s->vcpu, view, gpa);
		break;
	case ACCESS_WRITE:
		op_write(p->vm, s->vcpu, view, gpa, value);
		break;
	case ACCESS_FETCH:
		op_exec(p->vm, s->vcpu, view, gpa);
		break;
	case ACCESS_WALK:
		op_walk(p->vm, s->vcpu, gpa);
		op_last(p->vm, s->vcpu)->arg[0] = WALK_ENTRY;
		break;
	case ACCESS_STACK:
		op_add(p->vm, s->vcpu, &(struct guest_op){
			.code = OP_FAULT_ON_STACK, .view = view, .gpa = gpa,
			.arg = { s->class == EVENT_EXCEPTION ? 0 : PORT },
		});
		break;
	case ACCESS_VALIDATE:
	case ACCESS_RESCIND:
		op_pvalidate(p->vm, s->vcpu, gpa, s->what == ACCESS_VALIDATE, false);
		break;
	}
}

static void add_records(struct vcpu_plan *v, const struct step *s, const struct outcome *o)
{
	for (unsigned int i = 0; i < o->ntold; i++)
		v->record[v->nrecords++] = (struct plan_record){ o->told[i], s, v->nops - 1 };
}

static struct outcome access_of(struct model *m, const struct step *s, uint64_t value)
{
	return s->kind == STEP_VALIDATE_2M ? model_validate_2m(m, s->vcpu, s->gfn) :
	       model_access(m, s->vcpu, s->gfn, s->private, s->what, value);
}

/* What it would come to; @ends: with the guest's end. */
static struct outcome try_access(const struct model *m, const struct step *s, bool *ends)
{
	static struct model copy;
	struct outcome o;

	copy = *m;
	o = access_of(&copy, s, 0);
	*ends = copy.terminated;
	return o;
}

/*
 * No event can be delivered to a stack that the hardware refuses. And it is not the time
 * for the guest's end, unless the step says so; with a second NMI held back, an NMI would
 * not come.
 */
static bool may_use_stack(struct planner *p, const struct step *s)
{
	bool ends;
	struct outcome o = try_access(p->m, s, &ends);

	return s->class < NR_EVENTS && !o.fault && !o.waits && (!ends || s->early) &&
	       !(s->class == EVENT_NMI && p->m->nmis[s->vcpu].held);
}

static void send_events(struct model *m, unsigned int vcpu, const struct plan_op *op, bool hold)
{
	model_nmi(m, vcpu, op->nmis, hold);
	m->nmis[vcpu].irqs += op->irqs;
}

static void plan_event(struct planner *p, const struct step *s, struct plan_op *op)
{
	op->nmis = s->class == EVENT_NMI;
	op->irqs = s->class == EVENT_IRQ;
	if (!p->m->terminated)
		send_events(p->m, s->vcpu, op, false);
}

/* What the VMM does to the pages; true if its answer is "done". */
static bool carry_out(struct model *m, const struct range *r)
{
	switch (r->answer) {
	case ANSWER_DONE:
		return model_convert(m, r->gfn, r->pages, r->to_private);
	case ANSWER_PREFAULT:
		if (!model_convert(m, r->gfn, r->pages, r->to_private))
			return false;
		if (model_all_in_slot(m, r->gfn, r->pages))
			model_prefault(m, r->gfn, r->pages);
		return true;
	case ANSWER_PARTLY:
		if (r->part)
			model_convert(m, r->gfn, r->part, r->to_private);
		return false;
	case ANSWER_CONVERT_REFUSE:
		model_convert(m, r->gfn, r->pages, r->to_private);
		return false;
	case ANSWER_PART_DONE:
		if (r->part)
			model_convert(m, r->gfn, r->part, r->to_private);
		return true;
	case ANSWER_REST:
		model_convert(m, r->gfn + r->part, r->pages - r->part, r->to_private);
		return false;
	case ANSWER_ATTRIBUTE:
		if (model_all_in_slot(m, r->gfn, r->pages))
			model_set_attr(m, r->gfn, r->pages, r->to_private);
		return true;
	case ANSWER_CLAIM:
		return true;
	default:
		return false;
	}
}

/* What an access that waits for the PSC that is held back comes to once that is answered. */
static struct outcome try_end_of_wait(struct planner *p, const struct step *s, bool *ends)
{
	static struct model copy;
	const struct range *held = &p->plan->vcpu[p->plan->holder].range[0];
	bool done;

	copy = *p->m;
	done = held->early ? held->done : carry_out(&copy, held);
	model_psc_answer(&copy, p->plan->holder, done);
	return try_access(&copy, s, ends);
}

/*
 * Of the last vCPU: PVALIDATE is not for VMPL 1, and only one access can wait for a right.
 * One that waits for a PSC does not end the guest after that either, while others run, nor
 * wait for a right then: vCPU 0 would not know.
 */
static bool may_use_at_vmpl1(struct planner *p, const struct step *s)
{
	struct outcome o;
	bool ends;

	if (s->kind != STEP_ACCESS || s->what > ACCESS_FETCH)
		return false;
	o = try_access(p->m, s, &ends);
	if (o.waits) {
		o = try_end_of_wait(p, s, &ends);
		return !ends && !o.ambiguous && !o.needs_grant;
	}
	if (ends && model_action(p->m) == ACTION_VC && !s->early)
		return false;
	return !o.ambiguous && !(o.needs_grant && p->plan->holder >= 0);
}

/* vCPU 0 waits until the VMM has seen that, and permits it. */
static void plan_grant(struct planner *p)
{
	const struct vcpu_plan *v = &p->plan->vcpu[p->m->vmpl1];
	const struct step *s = v->op[v->nops - 1].step;

	op_wait_flag(p->vm, 0, PLAN_FLAG, ++p->m->grants);
	new_op(&p->plan->vcpu[0], NULL);
	grant_vmpl1(p->vm, s->gfn * GUEST_PAGE, 1);
	new_op(&p->plan->vcpu[0], NULL);
}

static void plan_access(struct planner *p, const struct step *s)
{
	struct vcpu_plan *v = &p->plan->vcpu[s->vcpu];
	const struct page *page = model_page(p->m, s->gfn);
	uint64_t value = (uint64_t)p->m->answered << 32 | v->nops << 16 | s->vcpu << 8 | RET;
	struct plan_op *op;
	struct outcome o;

	/* Only data have a shared view; what is no memory would be a device. */
	if (!s->private && s->kind == STEP_ACCESS && s->what > ACCESS_WRITE &&
	    s->what != ACCESS_STACK)
		return;
	if (!page || !page->has_slot || runs_wild(s, page) || !own(p, s->vcpu, s->gfn, 1))
		return;
	if (is_stack(s) && !may_use_stack(p, s))
		return;
	if (model_is_vmpl1(p->m, s->vcpu) && !may_use_at_vmpl1(p, s))
		return;
	o = access_of(p->m, s, value);
	if (o.ambiguous)
		return;
	write_access(p, s, value);
	op = new_op(v, s);
	op->outcome = o;
	op->value = value;
	if (is_stack(s))
		plan_event(p, s, op);
	add_records(v, s, &o);
	v->conversions += o.converted;
	v->waits = o.waits || o.needs_grant;
	v->wait_record = v->nrecords - v->waits;
	if (o.needs_grant)
		p->plan->grantee = s->vcpu;
	v->ends = p->m->terminated;
	v->stopped = o.ntold && o.told[o.ntold - 1].action == ACTION_VC;
}

/* The answer is there: what the access comes to now. */
static void plan_end_of_wait(struct planner *p, struct vcpu_plan *v)
{
	struct plan_op *op = &v->op[v->nops - 1];
	uint64_t npf = p->m->count.npf;
	struct outcome o = access_of(p->m, op->step, op->value);
	/* Nobody has waited for what may be a repeat: it may have come after the answer only. */
	const bool sure = !v->record[v->wait_record].told.perhaps;

	if (o.ambiguous || o.waits)
		abort();
	/* It was a mismatch before, so that it takes no second one. */
	if (p->m->count.npf > npf)
		p->m->count.npf = npf + sure + o.converted;
	/* Its last fault came before the VMM changed the page, or after. */
	for (unsigned int i = 0; i < o.ntold; i++)
		o.told[i].error_known = false;
	op->outcome = o;
	add_records(v, op->step, &o);
	v->conversions += o.converted;
	v->ends = p->m->terminated;
}

/* --- PSC --- */

static struct range *request(struct planner *p, unsigned int vcpu, const struct range *r)
{
	struct vcpu_plan *v = &p->plan->vcpu[vcpu];

	model_psc_request(p->m, vcpu, r->gfn, r->pages, r->to_private);
	p->m->inflight[vcpu].undone = r->answer == ANSWER_CONVERT_REFUSE ||
				      r->answer == ANSWER_PARTLY || r->answer == ANSWER_REST;
	v->range[v->nranges] = *r;
	return &v->range[v->nranges++];
}

uint64_t plan_refusal(const struct range *r)
{
	return r->answer == ANSWER_CONVERT_REFUSE ? EAGAIN : EINVAL;
}

/* Records of early accesses come with the answer, by all vCPUs. */
static void answer(struct planner *p, unsigned int vcpu, struct range *r, bool done)
{
	struct settled s = model_psc_answer(p->m, vcpu, done);

	r->done = done;
	r->redundant = s.redundant;
	for (unsigned int i = 0; i < s.n; i++) {
		struct vcpu_plan *v = &p->plan->vcpu[s.passed[i].vcpu];

		v->record[v->nrecords++] = (struct plan_record){ s.passed[i].told, NULL, 0 };
	}
	p->plan->settled += s.n;
}

static void write_psc(struct planner *p, const struct step *s)
{
	uint64_t entry[PSC_MAX_ENTRIES];

	switch (s->what) {
	case PATH_MSR:
		op_psc(p->vm, s->vcpu, s->gfn * GUEST_PAGE, s->private ? PSC_PRIVATE : PSC_SHARED);
		break;
	case PATH_HYPERCALL:
		op_add(p->vm, s->vcpu, &(struct guest_op){
			.code = OP_PSC_HYPERCALL, .gpa = s->gfn * GUEST_PAGE,
			.arg = { s->pages, s->private ? 1 << 4 : 0 },
		});
		break;
	default:
		for (unsigned int i = 0; i < s->pages; i++)
			entry[i] = PSC_ENTRY((s->gfn + i * s->stride) * GUEST_PAGE,
					     s->private ? PSC_PRIVATE : PSC_SHARED, s->huge, 0);
		op_psc_nae(p->vm, s->vcpu, PSC_HDR(0, s->pages - 1), entry, s->pages);
	}
}

/* KVM makes one range of entries that follow each other. */
static unsigned int ranges_of(const struct step *s)
{
	return s->what == PATH_NAE && s->stride > steps_of_entry(s) ? s->pages : 1;
}

static bool fits(struct planner *p, const struct step *s)
{
	struct vcpu_plan *v = &p->plan->vcpu[s->vcpu];
	uint64_t pages = (uint64_t)(s->pages - 1) * s->stride + steps_of_entry(s);

	if (!s->pages || v->nranges + ranges_of(s) > PLAN_RANGES)
		return false;
	if (s->what == PATH_NAE &&
	    (s->pages > PSC_MAX_ENTRIES || s->stride < steps_of_entry(s) ||
	     p->vm->script[s->vcpu]->ndata + (s->pages + 1) * 8 >
	     sizeof(p->vm->script[s->vcpu]->data)))
		return false;
	return own(p, s->vcpu, s->gfn, s->what == PATH_MSR ? 1 : pages);
}

static void plan_psc(struct planner *p, const struct step *s)
{
	struct vcpu_plan *v = &p->plan->vcpu[s->vcpu];
	unsigned int n = ranges_of(s), of_range;
	struct plan_op *op;

	if (!fits(p, s))
		return;
	of_range = s->what == PATH_MSR ? 1 :
		   (n == 1 ? s->pages : 1) * (s->what == PATH_NAE ? steps_of_entry(s) : 1);
	write_psc(p, s);
	op = new_op(v, s);
	op->entries = s->pages;
	for (unsigned int i = 0; i < n && !op->refused; i++) {
		struct range r = {
			.gfn = s->gfn + i * s->stride, .pages = of_range,
			.to_private = s->private, .part = s->part % of_range,
			.answer = i == n - 1 ? s->answer : ANSWER_DONE,
		}, *planned = request(p, s->vcpu, &r);

		op->refused = !carry_out(p->m, &r);
		answer(p, s->vcpu, planned, !op->refused);
	}
}

/* So that a vCPU makes exits; and the VMM may take its time, if that may matter. */
static void plan_out(struct planner *p, const struct step *s)
{
	struct vcpu_plan *v = &p->plan->vcpu[s->vcpu];

	if (!s->pages || s->pages > MAX_OUTS)
		return;
	op_out(p->vm, s->vcpu, PORT, s->pages);
	new_op(v, s)->delay = v->stopped && s->part <= MAX_DELAY_MS ? s->part : 0;
}

static void plan_nmi(struct planner *p, const struct step *s)
{
	struct vcpu_plan *v = &p->plan->vcpu[s->vcpu];
	struct plan_op *op;

	if (s->what >= NR_NMI_STEPS)
		return;
	if (s->what == NMI_HOLD || s->what == NMI_DONE) {
		op_add(p->vm, s->vcpu, &(struct guest_op){ .code = OP_NMI_HOLD,
							   .arg = { s->what == NMI_HOLD } });
		new_op(v, s);
	}
	if (s->what != NMI_DONE) {
		op_out(p->vm, s->vcpu, PORT, 1);
		op = new_op(v, s);
		op->irqs = s->what == NMI_IRQ;
		op->nmis = op->irqs ? 0 : 1 + (s->what != NMI_ONE);
		send_events(p->m, s->vcpu, op, s->what == NMI_HOLD);
	} else {
		model_nmi_done(p->m, s->vcpu);
	}
}

/* --- the round --- */

static void plan_step(struct planner *p, const struct step *s)
{
	struct vcpu_plan *v = &p->plan->vcpu[s->vcpu];

	if (v->nops + STEP_OPS + GRANT_OPS > PLAN_OPS || v->waits || p->m->terminated)
		return;
	if (s->kind == STEP_PSC)
		plan_psc(p, s);
	else if (s->kind == STEP_OUT)
		plan_out(p, s);
	else if (s->kind == STEP_NMI)
		plan_nmi(p, s);
	else
		plan_access(p, s);
}

static bool is_guests(const struct step *s, unsigned int nvcpus)
{
	return s->vcpu < nvcpus &&
	       (s->kind == STEP_ACCESS || s->kind == STEP_VALIDATE_2M || s->kind == STEP_PSC ||
		s->kind == STEP_OUT || s->kind == STEP_NMI);
}

static const struct step *find_held(const struct step *first, const struct step *last,
				    unsigned int nvcpus)
{
	for (const struct step *s = first; s < last; s++) {
		if (is_guests(s, nvcpus) && s->kind == STEP_PSC && s->hold && ranges_of(s) == 1)
			return s;
	}
	return NULL;
}

/* Those who wait go on, each with its page, next to the vCPU that had the PSC held. */
static void plan_last_part(struct planner *p)
{
	memset(p->plan->owner, 0, sizeof(p->plan->owner));
	for (unsigned int i = 0; i < p->plan->nvcpus; i++) {
		struct vcpu_plan *v = &p->plan->vcpu[i];

		if (!v->waits)
			continue;
		own(p, i, v->op[v->nops - 1].step->gfn, 1);
		plan_end_of_wait(p, v);
	}
}

static void plan_held_round(struct planner *p, const struct step *first,
			    const struct step *last, const struct step *held)
{
	struct vcpu_plan *v = &p->plan->vcpu[held->vcpu];
	struct plan_op *op;
	struct range *r;
	bool done = false;

	p->alone = true;
	/* Its request as usual, and its answer taken back until later. */
	if (!fits(p, held))
		return;
	write_psc(p, held);
	op = new_op(v, held);
	op->entries = held->pages;
	r = request(p, held->vcpu, &(struct range){
		.gfn = held->gfn, .to_private = held->private, .answer = held->answer,
		.pages = held->what == PATH_MSR ? 1 :
			 held->what == PATH_NAE ? held->pages * steps_of_entry(held) : held->pages,
		.hold = true, .early = held->early,
	});
	r->part = held->part % r->pages;
	p->plan->holder = held->vcpu;
	if (r->early)
		done = carry_out(p->m, r);
	r->done = done;

	p->alone = false;
	for (const struct step *s = first; s < last; s++) {
		if (is_guests(s, p->plan->nvcpus) && s->vcpu != held->vcpu)
			plan_step(p, s);
	}

	if (!r->early)
		done = carry_out(p->m, r);
	op->refused = !done;
	answer(p, held->vcpu, r, done);
	plan_last_part(p);
	for (const struct step *s = first; s < last; s++) {
		if (is_guests(s, p->plan->nvcpus) && s->vcpu == held->vcpu && s != held)
			plan_step(p, s);
	}
}

static const struct step *find_ranges(const struct model *m, const struct step *first,
				      const struct step *last, unsigned int nvcpus)
{
	for (const struct step *s = first; s < last; s++) {
		if (s->kind == STEP_RANGES && s->vcpu < nvcpus &&
		    model_may_have_ranges(m, (uint64_t)s->pages * PSC_MAX_ENTRIES))
			return s;
	}
	return NULL;
}

static void plan_ranges(struct planner *p, const struct step *s)
{
	uint64_t entry[PSC_MAX_ENTRIES];

	for (unsigned int i = 0; i < PSC_MAX_ENTRIES; i++)
		entry[i] = PSC_ENTRY(PLAN_RANGES_GPA + i * PLAN_RANGES_STRIDE, PSC_SHARED, 0, 0);
	op_psc_nae(p->vm, s->vcpu, PSC_HDR(0, PSC_MAX_ENTRIES - 1), entry, PSC_MAX_ENTRIES);
	op_repeat(p->vm, s->vcpu, s->pages, PSC_MAX_ENTRIES * PLAN_RANGES_STRIDE);
	new_op(&p->plan->vcpu[s->vcpu], s);
	p->plan->ranges = (uint64_t)s->pages * PSC_MAX_ENTRIES;
	model_ranges(p->m, p->plan->ranges);
}

/* May an access end the guest, though the action is #VC? */
static bool any_end(const struct step *first, const struct step *last)
{
	for (const struct step *s = first; s < last; s++) {
		if (s->kind == STEP_ACCESS && s->early)
			return true;
	}
	return false;
}

void plan_round(struct plan *plan, struct model *m, struct vm *vm,
		const struct step *first, const struct step *last)
{
	struct planner p = { plan, m, vm, false };
	bool one_only = model_mode(m) == MODE_STRICT &&
			(model_action(m) == ACTION_TERMINATE || any_end(first, last));
	const struct step *held = one_only ? NULL : find_held(first, last, vm->cfg.nvcpus);
	const struct step *ranges = find_ranges(m, first, last, vm->cfg.nvcpus);
	int only = -1;

	memset(plan, 0, sizeof(*plan));
	plan->nvcpus = vm->cfg.nvcpus;
	plan->holder = -1;
	plan->grantee = -1;
	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		vm->script[i]->nops = 0;
		vm->script[i]->ndata = 0;
		memset(vm->script[i]->op, 0, sizeof(vm->script[i]->op));
	}
	if (ranges) {
		plan_ranges(&p, ranges);
	} else if (held) {
		plan_held_round(&p, first, last, held);
	} else {
		for (const struct step *s = first; s < last; s++) {
			if (!is_guests(s, plan->nvcpus) ||
			    (one_only && only >= 0 && only != (int)s->vcpu))
				continue;
			only = s->vcpu;
			plan_step(&p, s);
		}
	}
	if (plan->grantee >= 0)
		plan_grant(&p);
	for (unsigned int i = 0; i < plan->nvcpus; i++) {
		plan->vcpu[i].nmis = m->nmis[i].nmis;
		plan->vcpu[i].irqs = m->nmis[i].irqs;
		plan->steps += plan->vcpu[i].nops;
	}
}
