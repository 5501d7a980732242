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

#define ROUND_STEPS	60	/* of each vCPU, at most; or as many sequences of steps */
#define HOT_PAGES	160
#define VMM_PAGES	8	/* that the VMM changes at once, at most */
#define RANGES_OF	8
#define BATCH		253	/* PSCs of each of STEP_RANGES' pages */
#define LONG_MS		1200	/* longer than a #VC is remembered by time alone */

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
	uint64_t private;	/* a page that was made private lately */
	uint64_t touched;	/* by the VMM lately, and some pages more */
};

static uint64_t some_gfn(struct generator *g)
{
	if (g->touched && one_in(&g->r, 6))
		return g->touched + below(&g->r, VMM_PAGES);
	if (!one_in(&g->r, 6))
		return ARENA_GFN + (g->hot + below(&g->r, HOT_PAGES)) % SLOT_A_PAGES;
	if (one_in(&g->r, 2))
		return ARENA_GFN + SLOT_B_FIRST + below(&g->r, SLOT_B_PAGES);
	return ARENA_GFN + below(&g->r, SLOT_A_PAGES);
}

/* So near to it that a range may go on beyond it. */
static uint64_t end_of_slot(struct generator *g)
{
	unsigned int end = one_in(&g->r, 2) ? SLOT_A_PAGES : SLOT_B_FIRST + SLOT_B_PAGES;

	return ARENA_GFN + end - 1 - below(&g->r, VMM_PAGES);
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
	g->private = gfn;
	add_psc(g, vcpu, gfn, true, ANSWER_DONE);
	add_access(g, vcpu, gfn, true, ACCESS_VALIDATE);
	add_access(g, vcpu, gfn, true, ACCESS_WRITE);
	add_access(g, vcpu, gfn, true, one_in(&g->r, 3) ? ACCESS_FETCH : ACCESS_READ);
	if (one_in(&g->r, 3))
		add_access(g, vcpu, gfn, true, ACCESS_RESCIND);
}

static enum access some_access(struct generator *g, bool private)
{
	static const enum access any[] = {
		ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH, ACCESS_VALIDATE, ACCESS_RESCIND,
		ACCESS_WALK,
	};

	return any[below(&g->r, private ? 6 : 2)];
}

/* As it should not be, and back: to what was asked for, or to what it was taken for. */
static void stray_use(struct generator *g, unsigned int vcpu)
{
	uint64_t gfn = some_gfn(g);
	bool private = one_in(&g->r, 2);

	if (!one_in(&g->r, 4))
		add_psc(g, vcpu, gfn, private, ANSWER_DONE);
	if (private && one_in(&g->r, 2))
		add_access(g, vcpu, gfn, true, ACCESS_VALIDATE);
	for (unsigned int n = 1 + below(&g->r, 5); n; n--) {
		private ^= !one_in(&g->r, 3);
		add_access(g, vcpu, gfn, private, some_access(g, private));
	}
}

/* The same wrong thing again and again, and others in between. */
static void stubborn_use(struct generator *g, unsigned int vcpu)
{
	uint64_t gfn[3] = { some_gfn(g), some_gfn(g), some_gfn(g) };
	bool private = one_in(&g->r, 2);
	enum access access = some_access(g, private);

	for (unsigned int n = 2 + below(&g->r, 6); n; n--)
		add_access(g, vcpu, gfn[below(&g->r, 3)], private, access);
}

static void add_out(struct generator *g, unsigned int vcpu, unsigned int n, unsigned int ms)
{
	steps_add(g->steps, &(struct step){ .kind = STEP_OUT, .vcpu = vcpu, .pages = n,
					    .part = ms });
}

/* On both sides of the distance within which a fault is the same one. */
static unsigned int some_distance(struct generator *g)
{
	return 1 + (one_in(&g->r, 2) ? 52 + below(&g->r, 16) : below(&g->r, 120));
}

/* The same wrong thing again, exits and perhaps a second later. */
static void patient_use(struct generator *g, unsigned int vcpu)
{
	uint64_t gfn = some_gfn(g);
	bool private = one_in(&g->r, 2);
	enum access access = some_access(g, private);

	if (one_in(&g->r, 2))
		add_psc(g, vcpu, gfn, !private, ANSWER_DONE);
	add_out(g, vcpu, 1, 0);
	add_access(g, vcpu, gfn, private, access);
	for (unsigned int n = 1 + below(&g->r, 2); n; n--) {
		add_out(g, vcpu, some_distance(g), one_in(&g->r, 4) ? LONG_MS : 0);
		if (one_in(&g->r, 4))
			add_access(g, vcpu, some_gfn(g), private, access);
		add_access(g, vcpu, gfn, private, access);
	}
	add_out(g, vcpu, 1, 0);
}

/* An NMI, or one that waits until others have done something. */
static void nmi_use(struct generator *g, unsigned int vcpu)
{
	static const unsigned int steps[] = {
		NMI_ONE, NMI_TWO, NMI_HOLD, NMI_HOLD, NMI_DONE, NMI_IRQ,
	};

	steps_add(g->steps, &(struct step){
		.kind = STEP_NMI, .vcpu = vcpu, .what = steps[below(&g->r, 6)],
	});
}

/* An event that comes while the stack is where it should not be; @end: if need be, the last one. */
static void stack_use(struct generator *g, unsigned int vcpu, bool end)
{
	steps_add(g->steps, &(struct step){
		.kind = STEP_ACCESS, .vcpu = vcpu, .gfn = some_gfn(g),
		.private = below(&g->r, 2), .what = ACCESS_STACK,
		.class = below(&g->r, NR_EVENTS), .early = end,
	});
}

static void guest_step(struct generator *g, unsigned int vcpu)
{
	unsigned int n = below(&g->r, 20);
	uint64_t gfn = some_gfn(g);

	if (one_in(&g->r, 40))
		patient_use(g, vcpu);
	else if (one_in(&g->r, 30))
		nmi_use(g, vcpu);
	else if (one_in(&g->r, 60))
		stack_use(g, vcpu, false);
	else if (n > 17)
		stray_use(g, vcpu);
	else if (n > 16)
		stubborn_use(g, vcpu);
	else if (n < 4)
		proper_use(g, vcpu);
	else if (n < 8)
		add_psc(g, vcpu, gfn, one_in(&g->r, 2), some_answer(g));
	else if (n < 12)
		add_access(g, vcpu, gfn, true, some_access(g, true));
	else if (n < 15 || !one_in(&g->r, 4))
		add_access(g, vcpu, gfn, false, some_access(g, false));
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
		if (s.what == MODE_OFF && one_in(&g->r, 2))
			s.what = MODE_STRICT;
	}
	if (inherit)
		s.what = STEP_INHERIT;
	steps_add(g->steps, &s);
}

static void vmm_step(struct generator *g)
{
	struct step s = { .gfn = some_gfn(g), .pages = 1 + below(&g->r, VMM_PAGES),
			  .private = below(&g->r, 2) };

	/* Where it matters most. */
	if (one_in(&g->r, 2) && g->private)
		s.gfn = one_in(&g->r, 2) || !g->touched ? g->private : g->touched;

	switch (below(&g->r, 20)) {
	case 0:
		s.kind = STEP_CONVERT;
		break;
	case 1:
	case 2:
		s.kind = STEP_ATTRIBUTE;
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		s.kind = STEP_PUNCH;
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		s.kind = STEP_PREFAULT;
		if (one_in(&g->r, 4))
			s.gfn = end_of_slot(g);
		break;
	case 11:
		s = (struct step){ .kind = STEP_SLOT_DELETE };
		break;
	case 12:
		s = (struct step){ .kind = one_in(&g->r, 8) ? STEP_UNLOAD : STEP_SLOT_DELETE };
		break;
	case 13:
		s = (struct step){ .kind = STEP_SLOT_CREATE, .what = below(&g->r, 2) };
		break;
	default:
		setting_step(g);
		return;
	}
	if (s.pages)
		g->touched = s.gfn;
	steps_add(g->steps, &s);
	if (s.kind == STEP_PUNCH && one_in(&g->r, 4)) {
		s.kind = STEP_ATTRIBUTE;
		steps_add(g->steps, &s);
	}
}

/* A PSC whose answer has to wait; the others take no notice of that. */
static void held_psc(struct generator *g, unsigned int vcpu)
{
	struct step *s;

	add_psc(g, vcpu, some_gfn(g), one_in(&g->r, 2),
		one_in(&g->r, 2) ? some_answer(g) : ANSWER_REFUSE);
	s = &g->steps->step[g->steps->n - 1];
	/* Of one range, or it can't be held. */
	s->stride = s->huge ? 512 : 1;
	if (!s->huge && s->what != PATH_MSR && one_in(&g->r, 2))
		s->pages = 1 + below(&g->r, 16);
	s->hold = 1;
	s->early = below(&g->r, 2);
}

/* Accesses to what another vCPU has just asked for. */
static void early_use(struct generator *g, unsigned int vcpu, const struct step *held)
{
	unsigned int pages = held->what == PATH_MSR ? 1 : held->pages * (held->huge ? 512 : 1);

	for (unsigned int n = 1 + below(&g->r, 12); n; n--) {
		uint64_t gfn = held->gfn + below(&g->r, pages);
		bool private = one_in(&g->r, 5) ? !held->private : held->private;

		add_access(g, vcpu, gfn, private, some_access(g, private));
	}
}

static unsigned int round_of_guests(struct generator *g)
{
	size_t before = g->steps->n;
	unsigned int first = below(&g->r, g->nvcpus);
	struct step held = { 0 };

	if (g->nvcpus > 1 && one_in(&g->r, 2)) {
		held_psc(g, first);
		held = g->steps->step[before];
	}
	for (unsigned int i = 0; i < g->nvcpus; i++) {
		unsigned int n = 1 + below(&g->r, ROUND_STEPS);

		if (i && held.pages && one_in(&g->r, 2))
			early_use(g, (first + i) % g->nvcpus, &held);
		while (n--)
			guest_step(g, (first + i) % g->nvcpus);
		if (i && held.pages && one_in(&g->r, 2))
			early_use(g, (first + i) % g->nvcpus, &held);
	}
	return g->steps->n - before;
}

static void begin(struct generator *g)
{
	g->nvcpus = 1 + below(&g->r, MODEL_VCPUS);
	g->hot = below(&g->r, SLOT_A_PAGES);
	steps_add(g->steps, &(struct step){ .kind = STEP_VM, .vcpu = g->nvcpus,
					    .part = one_in(&g->r, 6) ? 1 + below(&g->r, 6) : 0,
					    .private = one_in(&g->r, 4) });
	for (unsigned int n = below(&g->r, 24); n; n--)
		steps_add(g->steps, &(struct step){
			.kind = STEP_LAUNCH,
			.gfn = one_in(&g->r, 12) ? end_of_slot(g) : some_gfn(g),
			.pages = one_in(&g->r, 3) ? 1 + below(&g->r, 12) : 1,
		});
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
	/* By the action, or because #VC is not possible just then. */
	if (one_in(&g->r, 3)) {
		steps_add(g->steps, &(struct step){ .kind = STEP_ACTION, .own = own,
						    .what = ACTION_VC });
		for (unsigned int n = 0; n < 8; n++) {
			stack_use(g, vcpu, true);
			add_access(g, vcpu, some_gfn(g), true, ACCESS_WRITE);
			g->steps->step[g->steps->n - 1].early = 1;
		}
		return;
	}
	for (unsigned int n = 0; n < 20; n++)
		guest_step(g, vcpu);
}

/*
 * One VM in RANGES_OF asks for more than the module remembers, or nearly so. By numbers
 * of its own: the other steps are the same with it and without.
 */
static unsigned int ranges_after(struct random *r, unsigned int ops)
{
	return one_in(r, RANGES_OF) ? below(r, ops) : ~0u;
}

static void ranges(struct generator *g, struct random *r)
{
	steps_add(g->steps, &(struct step){ .kind = STEP_ROUND });
	steps_add(g->steps, &(struct step){
		.kind = STEP_RANGES, .vcpu = below(r, g->nvcpus),
		.pages = one_in(r, 3) ? MODEL_RING / BATCH + 1 +
					below(r, (MODEL_FEW_RANGES - MODEL_RING) / BATCH) :
					MODEL_MANY_RANGES / BATCH + 1 + below(r, 2),
	});
}

void generate(struct steps *s, uint64_t seed, unsigned int ops)
{
	struct generator g = { .r = { seed }, .steps = s };
	struct random other = { ~seed };
	unsigned int done = 0, next_ranges = ranges_after(&other, ops);

	begin(&g);
	while (done < ops) {
		if (done >= next_ranges) {
			ranges(&g, &other);
			next_ranges = ~0u;
		}
		steps_add(s, &(struct step){ .kind = STEP_ROUND });
		for (unsigned int n = below(&g.r, 6); n; n--)
			vmm_step(&g);
		if (one_in(&g.r, 8))
			g.hot = below(&g.r, SLOT_A_PAGES);
		done += round_of_guests(&g);
	}
	if (one_in(&g.r, 2))
		end(&g);
}
