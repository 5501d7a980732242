// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random steps.  Nothing here knows what will come of them; what makes no sense
 * (the planner knows) is left out when they are run.
 *
 * Most steps go to a few pages, so that each of them has a history, and about
 * half of them belong to sequences that a well-behaved guest would run.
 */
#include "model.h"
#include "step.h"

#define ROUND_STEPS	100	/* of each vCPU, at most */
#define HOT_PAGES	160

struct random {
	uint64_t state;
};

/* splitmix64 */
static uint64_t next(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static unsigned int below(struct random *r, unsigned int n)
{
	return next(r) % n;
}

static bool one_in(struct random *r, unsigned int n)
{
	return !below(r, n);
}

struct generator {
	struct random r;
	struct steps *steps;
	unsigned int nvcpus, hot;
};

static uint64_t some_gfn(struct generator *g)
{
	if (!one_in(&g->r, 6))
		return ARENA_GFN + (g->hot + below(&g->r, HOT_PAGES)) % SLOT_A_PAGES;
	if (one_in(&g->r, 2))
		return ARENA_GFN + SLOT_B_FIRST + below(&g->r, SLOT_B_PAGES);
	return ARENA_GFN + below(&g->r, SLOT_A_PAGES);
}

static unsigned int some_answer(struct generator *g)
{
	return one_in(&g->r, 6) ? 1 + below(&g->r, NR_ANSWERS - 1) : ANSWER_DONE;
}

static void add_access(struct generator *g, unsigned int vcpu, uint64_t gfn, bool private,
		       enum access access)
{
	steps_add(g->steps, &(struct step){ .kind = STEP_ACCESS, .vcpu = vcpu, .gfn = gfn,
					    .private = private, .what = access });
}

static void add_psc(struct generator *g, unsigned int vcpu, uint64_t gfn, bool private,
		    unsigned int answer)
{
	struct step s = { .kind = STEP_PSC, .vcpu = vcpu, .gfn = gfn, .private = private,
			  .pages = 1, .stride = 1, .answer = answer };

	s.what = below(&g->r, 3);
	switch (s.what) {
	case PATH_NAE:
		if (one_in(&g->r, 12)) {
			s.huge = 1;
			s.gfn = ARENA_GFN + below(&g->r, 4) * 512;
			s.stride = 512;
			s.pages = 1 + below(&g->r, 2);
			break;
		}
		if (one_in(&g->r, 3)) {
			s.pages = 1 + below(&g->r, 12);
			s.stride = 1 + below(&g->r, 2);
		}
		break;
	case PATH_HYPERCALL:
		if (one_in(&g->r, 3))
			s.pages = 1 + below(&g->r, 40);
		/* From time to time over the end of a slot, or in the hole. */
		if (one_in(&g->r, 16))
			s.gfn = ARENA_GFN + SLOT_A_PAGES - 4 + below(&g->r, SLOT_B_PAGES);
		break;
	}
	s.part = below(&g->r, s.pages * (s.huge ? 512 : 1));
	steps_add(g->steps, &s);
}

/* As a guest should: asks, validates, uses, rescinds. */
static void proper_use(struct generator *g, unsigned int vcpu)
{
	uint64_t gfn = some_gfn(g);

	if (one_in(&g->r, 2)) {
		add_psc(g, vcpu, gfn, false, ANSWER_DONE);
		add_access(g, vcpu, gfn, false, ACCESS_WRITE);
		add_access(g, vcpu, gfn, false, ACCESS_READ);
		return;
	}
	add_psc(g, vcpu, gfn, true, ANSWER_DONE);
	add_access(g, vcpu, gfn, true, ACCESS_VALIDATE);
	add_access(g, vcpu, gfn, true, ACCESS_WRITE);
	add_access(g, vcpu, gfn, true, one_in(&g->r, 3) ? ACCESS_FETCH : ACCESS_READ);
	if (one_in(&g->r, 3))
		add_access(g, vcpu, gfn, true, ACCESS_RESCIND);
}

static void guest_step(struct generator *g, unsigned int vcpu)
{
	static const enum access any[] = {
		ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH, ACCESS_VALIDATE, ACCESS_RESCIND,
	};
	unsigned int n = below(&g->r, 16);
	uint64_t gfn = some_gfn(g);

	if (n < 4)
		proper_use(g, vcpu);
	else if (n < 8)
		add_psc(g, vcpu, gfn, one_in(&g->r, 2), some_answer(g));
	else if (n < 12)
		add_access(g, vcpu, gfn, true, any[below(&g->r, 5)]);
	else if (n < 15 || !one_in(&g->r, 4))
		add_access(g, vcpu, gfn, false, any[below(&g->r, 2)]);
	else
		steps_add(g->steps, &(struct step){ .kind = STEP_VALIDATE_2M, .vcpu = vcpu,
						    .gfn = ARENA_GFN + below(&g->r, 4) * 512 });
}

/* Strict is what there is most to find out about, and it has no end before the last. */
static void setting_step(struct generator *g)
{
	struct step s = { .own = below(&g->r, 2) };
	bool inherit = s.own && one_in(&g->r, 3);

	switch (below(&g->r, 5)) {
	case 0:
		s.kind = STEP_ACTION;
		s.what = one_in(&g->r, 8) ? ACTION_TERMINATE : ACTION_VC;
		break;
	case 1:
		s.kind = STEP_POLICY;
		s.class = 1 + below(&g->r, CLASS_VMPL);
		s.what = below(&g->r, 2);
		break;
	default:
		s.kind = STEP_MODE;
		s.what = below(&g->r, NR_MODES);
		if (s.what == MODE_OFF && !one_in(&g->r, 3))
			s.what = MODE_STRICT;
	}
	if (inherit)
		s.what = STEP_INHERIT;
	steps_add(g->steps, &s);
}

static void vmm_step(struct generator *g)
{
	struct step s = { .gfn = some_gfn(g), .pages = 1 + below(&g->r, 8),
			  .private = below(&g->r, 2) };

	switch (below(&g->r, 12)) {
	case 0:
		s.kind = STEP_CONVERT;
		break;
	case 1:
		s.kind = STEP_ATTRIBUTE;
		break;
	case 2:
		s.kind = STEP_PUNCH;
		break;
	case 3:
		s = (struct step){ .kind = STEP_SLOT_DELETE };
		break;
	case 4:
	case 5:
		s = (struct step){ .kind = STEP_SLOT_CREATE, .what = below(&g->r, 2) };
		break;
	default:
		setting_step(g);
		return;
	}
	steps_add(g->steps, &s);
}

static unsigned int round_of_guests(struct generator *g)
{
	size_t before = g->steps->n;
	unsigned int first = below(&g->r, g->nvcpus);

	if (g->nvcpus > 1 && one_in(&g->r, 3)) {
		/* Others use pages while this PSC waits for its answer. */
		add_psc(g, first, some_gfn(g), one_in(&g->r, 2), some_answer(g));
		g->steps->step[g->steps->n - 1].hold = 1;
		g->steps->step[g->steps->n - 1].early = below(&g->r, 2);
	}
	for (unsigned int i = 0; i < g->nvcpus; i++) {
		unsigned int n = 1 + below(&g->r, ROUND_STEPS);

		while (n--)
			guest_step(g, (first + i) % g->nvcpus);
	}
	return g->steps->n - before;
}

static void begin(struct generator *g)
{
	g->nvcpus = 1 + below(&g->r, MODEL_VCPUS);
	g->hot = below(&g->r, SLOT_A_PAGES);
	steps_add(g->steps, &(struct step){ .kind = STEP_VM, .vcpu = g->nvcpus });
	for (unsigned int n = below(&g->r, 24); n; n--)
		steps_add(g->steps, &(struct step){ .kind = STEP_LAUNCH, .gfn = some_gfn(g) });
}

/* Some guests come to a bad end, by their own settings or by everybody's. */
static void end(struct generator *g)
{
	unsigned int vcpu = below(&g->r, g->nvcpus), own = below(&g->r, 2);
	const struct step settings[] = {
		{ .kind = STEP_ROUND },
		{ .kind = STEP_MODE, .what = own ? MODE_LENIENT : MODE_STRICT },
		{ .kind = STEP_MODE, .own = 1, .what = own ? MODE_STRICT : STEP_INHERIT },
		{ .kind = STEP_ACTION, .what = own ? ACTION_VC : ACTION_TERMINATE },
		{ .kind = STEP_ACTION, .own = 1, .what = own ? ACTION_TERMINATE : STEP_INHERIT },
	};

	for (unsigned int i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		steps_add(g->steps, &settings[i]);
	for (unsigned int n = 0; n < 20; n++)
		guest_step(g, vcpu);
}

void generate(struct steps *s, uint64_t seed, unsigned int ops)
{
	struct generator g = { .r = { seed }, .steps = s };
	unsigned int done = 0;

	begin(&g);
	while (done < ops) {
		steps_add(s, &(struct step){ .kind = STEP_ROUND });
		for (unsigned int n = below(&g.r, 4); n; n--)
			vmm_step(&g);
		if (one_in(&g.r, 8))
			g.hot = below(&g.r, SLOT_A_PAGES);
		done += round_of_guests(&g);
	}
	if (one_in(&g.r, 2))
		end(&g);
}
