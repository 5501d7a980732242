// SPDX-License-Identifier: GPL-2.0-only
/*
 * "Again" is within 64 exits of the last time, and after a #VC also within a second
 * (docs/design.md, section 2).  How many exits lie between two faults is up to KVM, but
 * KVM counts them, and the VMM sees that count whenever the guest writes to a port.  So of
 * an access that such writes enclose both are known, to an exit or two:
 *
 *	write a, the access, write b, ..., write c, the access, write d
 */
#include "again.h"

#define NEAR_EXITS	64
#define SOON_US		1000000ull
#define BLUR_US		50000ull	/* between a fault and a look at the clock */
#define REMEMBERED	4		/* accesses, of each vCPU */

static bool is_access(const struct plan_op *op)
{
	return op->step && (op->step->kind == STEP_ACCESS || op->step->kind == STEP_VALIDATE_2M);
}

static const struct told *stopped(const struct plan_op *op)
{
	const struct outcome *o = &op->outcome;

	return is_access(op) && o->ntold && o->told[o->ntold - 1].action == ACTION_VC ?
	       &o->told[o->ntold - 1] : NULL;
}

/* The operation that had #VC for the same, and is remembered; or -1. */
static int last_time(const struct vcpu_plan *v, unsigned int at)
{
	const struct told *t = stopped(&v->op[at]), *before;
	unsigned int others = 0;

	for (int i = (int)at - 1; t && i >= 0 && others < REMEMBERED; i--) {
		const struct plan_op *op = &v->op[i];

		if (!is_access(op))
			continue;
		before = stopped(op);
		if (op->step->gfn != t->gfn)
			others++;
		else
			return before && before->verdict.class == t->verdict.class &&
			       !((before->error_code ^ t->error_code) & NPF_ENC) ? i : -1;
	}
	return -1;
}

/* The nearest write to a port from @at on, excluding @end. */
static const struct out_mark *find_mark(const struct vcpu_plan *v, const struct vcpu_run *run,
					int at, int end)
{
	for (int step = at < end ? 1 : -1; at != end; at += step) {
		if (v->op[at].step && v->op[at].step->kind == STEP_OUT && run->mark[at].n)
			return &run->mark[at];
	}
	return NULL;
}

enum again again_of(const struct vcpu_plan *v, const struct vcpu_run *run,
		    const struct plan_record *r)
{
	int now = r->op, then = last_time(v, now);
	const struct out_mark *a, *b, *c, *d;
	uint64_t last, first;

	if (then < 0)
		return AGAIN_PERHAPS;
	a = find_mark(v, run, then, -1);
	b = find_mark(v, run, then, now);
	c = find_mark(v, run, now, then);
	d = find_mark(v, run, now, v->nops);
	if (!a || !b || !c || !d)
		return AGAIN_PERHAPS;
	/*
	 * What is told takes two faults, and what is again one.  So if the module took this
	 * one for another one, there were two before write d.
	 */
	last = a->last_exits + 2 - v->op[then].outcome.told[0].perhaps;
	first = d->first_exits - 2;
	if (first <= last + NEAR_EXITS)
		return AGAIN_NEAR;
	if (d->first_us - a->last_us < SOON_US - BLUR_US)
		return AGAIN_SOON;
	last = b->first_exits - 1;
	first = c->last_exits + 1;
	return first > last + NEAR_EXITS && c->last_us - b->first_us > SOON_US + BLUR_US ?
	       AGAIN_NOT : AGAIN_PERHAPS;
}
