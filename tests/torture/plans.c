// SPDX-License-Identifier: GPL-2.0-only
/*
 * plans: rounds of many random VMs, planned and not run. vCPUs run in parallel, so that a
 * plan must leave nothing to who is faster. A guest that ends while another vCPU is at its
 * script is a test that fails on a busy machine, and else passes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "e2e/module.h"
#include "plan.h"
#include "setting.h"

#define VMS	150
#define OPS	2500
#define CHANGED	3	/* of so many steps one is another one */

/* --- what plans are made with, and does nothing here --- */

void vmm_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	abort();
}

uint64_t vm_image_pages(void)
{
	return 0;
}

bool knob_read(const char *name, char *buf, size_t size)
{
	(void)name;
	(void)buf;
	(void)size;
	return false;
}

int knob_write(const char *name, const char *value)
{
	(void)name;
	(void)value;
	return 0;
}

/* --- steps that come together rarely --- */

struct random {
	uint32_t state;
};

static unsigned int below(struct random *r, unsigned int n)
{
	r->state = r->state * 1664525 + 1013904223;
	return (uint64_t)r->state * n >> 32;
}

static void change(struct random *r, struct step *s)
{
	switch (s->kind) {
	case STEP_VM:
		s->private = 1;
		break;
	case STEP_ACCESS:
		s->what = below(r, ACCESS_STACK + 1);
		s->class = below(r, NR_EVENTS);
		s->early = !below(r, 400);
		break;
	case STEP_PSC:
		s->answer = below(r, NR_ANSWERS);
		s->hold |= !below(r, 6);
		s->early = below(r, 2);
		break;
	case STEP_NMI:
		s->what = below(r, NR_NMI_STEPS);
		break;
	case STEP_MODE:
		s->what = MODE_STRICT;
		break;
	case STEP_POLICY:
		s->class = below(r, 2) ? CLASS_VMPL : s->class;
		s->what = below(r, 2);
		break;
	}
}

/* --- a VM --- */

struct totals {
	unsigned int vms, rounds, ends, held, waits, grants, wrong;
};

static bool in_slot(struct model *m, const struct step *s)
{
	return s->pages && model_all_in_slot(m, s->gfn, s->pages);
}

static void change_slot(struct model *m, const struct step *s)
{
	const struct page *p = model_page(m, ARENA_GFN + SLOT_B_FIRST);
	const bool create = s->kind == STEP_SLOT_CREATE;

	if (p->has_slot != create)
		model_slot(m, ARENA_GFN + SLOT_B_FIRST, SLOT_B_PAGES, create, s->what);
}

static void host_step(struct model *m, const struct step *s)
{
	static const struct observer nobody;

	switch (s->kind) {
	case STEP_CONVERT:
		if (in_slot(m, s))
			model_convert(m, s->gfn, s->pages, s->private);
		break;
	case STEP_ATTRIBUTE:
		if (in_slot(m, s))
			model_set_attr(m, s->gfn, s->pages, s->private);
		break;
	case STEP_PUNCH:
		if (in_slot(m, s))
			model_punch(m, s->gfn, s->pages);
		break;
	case STEP_PREFAULT:
		model_prefault(m, s->gfn, s->pages);
		break;
	case STEP_SLOT_DELETE:
	case STEP_SLOT_CREATE:
		change_slot(m, s);
		break;
	case STEP_MODE:
	case STEP_ACTION:
	case STEP_POLICY:
		setting_change(m, &nobody, s);
		break;
	}
}

static const char *wrong_vcpu(const struct plan *plan, const struct vm *vm, unsigned int i)
{
	const struct vcpu_plan *v = &plan->vcpu[i];

	if (v->nops > PLAN_OPS || v->nops != vm->script[i]->nops)
		return "a script has other operations than its plan";
	if (v->waits && plan->holder < 0 && plan->grantee != (int)i)
		return "a vCPU waits, and there is nothing to wait for";
	if (v->waits && plan->holder == (int)i)
		return "a vCPU waits for itself";
	if (v->nops && v->op[v->nops - 1].outcome.needs_grant && plan->grantee != (int)i)
		return "a vCPU waits for a right that nobody gives it";
	return NULL;
}

static const char *wrong_round(const struct plan *plan, const struct model *m,
			       const struct vm *vm)
{
	unsigned int busy = 0, ends = 0;
	const char *wrong = NULL;

	for (unsigned int i = 0; !wrong && i < plan->nvcpus; i++) {
		busy += plan->vcpu[i].nops > 0;
		ends += plan->vcpu[i].ends;
		wrong = wrong_vcpu(plan, vm, i);
	}
	if (!wrong && plan->grantee >= 0 && (plan->holder >= 0 || !plan->vcpu[plan->grantee].waits))
		wrong = "a vCPU that is to be given a right does not wait for it alone";
	if (!wrong && m->terminated && (busy != 1 || ends != 1 || plan->holder >= 0))
		wrong = "the guest ends while another vCPU has a script";
	return wrong;
}

static const struct step *end_of_round(const struct step *s, const struct step *end)
{
	for (s++; s < end && s->kind != STEP_ROUND; s++)
		;
	return s;
}

static void launch(struct model *m, const struct steps *s)
{
	model_init(m);
	if (s->step[0].vcpu > 1 && s->step[0].private)
		m->vmpl1 = s->step[0].vcpu - 1;
	for (size_t i = 0; i < s->n; i++) {
		if (s->step[i].kind == STEP_LAUNCH)
			model_launch(m, s->step[i].gfn, s->step[i].pages, ~0ull);
	}
}

/* NULL, or what is wrong with a round: the @round-th. */
static const char *plan_vm(const struct steps *s, struct totals *t, unsigned int *round)
{
	static struct script script[MODEL_VCPUS];
	static struct model m;
	static struct plan plan;
	static struct vm vm;
	const struct step *at = s->step, *end = s->step + s->n, *next;
	const char *wrong = NULL;

	vm.cfg.nvcpus = s->step[0].vcpu;
	for (unsigned int i = 0; i < MODEL_VCPUS; i++)
		vm.script[i] = &script[i];
	launch(&m, s);
	while (at < end && at->kind != STEP_ROUND)
		at++;
	t->vms++;
	for (*round = 0; !wrong && at < end && !m.terminated; at = next) {
		const uint64_t grants = m.grants;

		++*round;
		next = end_of_round(at, end);
		for (const struct step *h = at; h < next; h++)
			host_step(&m, h);
		plan_round(&plan, &m, &vm, at, next);
		wrong = wrong_round(&plan, &m, &vm);
		t->rounds++;
		t->held += plan.holder >= 0;
		t->grants += m.grants - grants;
		for (unsigned int i = 0; i < plan.nvcpus; i++)
			t->waits += plan.vcpu[i].waits;
	}
	t->ends += m.terminated;
	return wrong;
}

/* --- the tests --- */

static bool random_vms(bool changed)
{
	struct totals t = { 0 };
	const char *wrong = NULL;
	unsigned int round;

	for (uint64_t seed = 1; !wrong && seed <= VMS; seed++) {
		struct random r = { seed };
		struct steps s = { 0 };

		generate(&s, seed, OPS);
		for (size_t i = 0; changed && i < s.n; i++) {
			if (!below(&r, CHANGED) || !i)
				change(&r, &s.step[i]);
		}
		wrong = plan_vm(&s, &t, &round);
		if (wrong)
			printf("# seed %lu, round %u: %s\n", seed, round, wrong);
		steps_free(&s);
	}
	printf("# %u VMs, %u of which end; %u rounds, in %u a PSC is held; %u vCPUs wait, %u for a right\n",
	       t.vms, t.ends, t.rounds, t.held, t.waits, t.grants);
	/* Else there was no test. */
	return !wrong && t.ends && t.held && t.waits > t.grants && t.grants;
}

/* What gives a right to a vCPU at VMPL 1 comes after all that vCPU 0 has to do. */
static bool full_script(void)
{
	const struct step first[] = {
		{ .kind = STEP_VM, .vcpu = 2, .private = 1 },
		{ .kind = STEP_LAUNCH, .gfn = ARENA_GFN, .pages = 1 },
		{ .kind = STEP_ROUND },
		{ .kind = STEP_ACCESS, .vcpu = 1, .gfn = ARENA_GFN, .private = 1 },
	}, more = { .kind = STEP_NMI, .what = NMI_HOLD };
	const char *wrong = NULL;
	struct totals t = { 0 };
	unsigned int round;

	/* An even number of operations, and an odd one. */
	for (unsigned int odd = 0; !wrong && odd < 2; odd++) {
		struct steps s = { 0 };

		for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
			steps_add(&s, &first[i]);
		if (odd)
			steps_add(&s, &(struct step){ .kind = STEP_OUT, .pages = 1 });
		for (unsigned int i = 0; i < GUEST_MAX_OPS; i++)
			steps_add(&s, &more);
		wrong = plan_vm(&s, &t, &round);
		steps_free(&s);
	}
	if (wrong)
		printf("# %s\n", wrong);
	return !wrong && t.grants == 2;
}

/*
 * The page was the guest's before its PSC and is after it, as the VMM does nothing: so an
 * access at VMPL 1 that waits for the answer comes to lack a right, or to the guest's end.
 */
static bool claimed_psc(void)
{
	const struct step steps[] = {
		{ .kind = STEP_VM, .vcpu = 2, .private = 1 },
		{ .kind = STEP_LAUNCH, .gfn = ARENA_GFN, .pages = 1 },
		{ .kind = STEP_ROUND },
		{ .kind = STEP_MODE, .what = MODE_STRICT },
		{ .kind = STEP_PSC, .what = PATH_HYPERCALL, .gfn = ARENA_GFN, .pages = 1,
		  .answer = ANSWER_CLAIM },
		{ .kind = STEP_ROUND },
		{ .kind = STEP_POLICY, .class = CLASS_VMPL, .what = 0 },
		{ .kind = STEP_PSC, .what = PATH_HYPERCALL, .gfn = ARENA_GFN, .pages = 1,
		  .private = 1, .answer = ANSWER_CLAIM, .hold = 1 },
		{ .kind = STEP_ACCESS, .vcpu = 1, .gfn = ARENA_GFN, .private = 1 },
	};
	const char *wrong = NULL;
	struct totals t = { 0 };
	unsigned int round;

	for (unsigned int enforce = 0; !wrong && enforce < 2; enforce++) {
		struct steps s = { 0 };

		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
			steps_add(&s, &steps[i]);
		s.step[6].what = enforce;
		wrong = plan_vm(&s, &t, &round);
		steps_free(&s);
	}
	if (wrong)
		printf("# %s\n", wrong);
	return !wrong && t.held == 2 && !t.waits;
}

static bool result(bool ok, unsigned int number, const char *name)
{
	printf("%s %u %s\n", ok ? "ok" : "not ok", number, name);
	fflush(stdout);
	return ok;
}

int main(void)
{
	bool ok = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..4\n");
	ok &= result(full_script(), 1, "plans.full_script");
	ok &= result(claimed_psc(), 2, "plans.claimed_psc");
	ok &= result(random_vms(false), 3, "plans.random");
	ok &= result(random_vms(true), 4, "plans.changed");
	return !ok;
}
