// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trackers and judge together, against the model that the random guests are
 * compared with: PSCs by several vCPUs that overlap in time, refusals, launch
 * pages, attributes, holes, accesses that are let pass.
 */
#include <stdlib.h>
#include <string.h>

#include <unit/alloc.h>

#include "judge.h"
#include "psc_tracker.h"

#include "torture/model.h"

#include "input.h"

/* The model's classes, expectations and states have the module's numbers. */
_Static_assert((int)CLASS_NO_PROGRESS == (int)RMPE_CLASS_NO_PROGRESS, "classes");
_Static_assert((int)EXPECT_SHARED == (int)RMPE_EXPECT_SHARED, "expectations");
_Static_assert((int)STATE_SHARED == (int)RMPE_PAGE_SHARED, "states");

#define OPS 400

static struct model m;
static struct rmpe_tracker asked, used;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void set(uint64_t gfn, uint64_t pages, enum rmpe_page_state state)
{
	must(!rmpe_tracker_set(&asked, gfn, pages, state));
	must(!rmpe_tracker_set(&used, gfn, pages, RMPE_PAGE_NONE));
}

static void record(uint64_t gfn, uint64_t pages, enum rmpe_page_state state)
{
	for (uint64_t g = gfn; g < gfn + pages; g++) {
		struct page *p = model_page(&m, g);

		if (p && p->has_slot)
			set(g, 1, state);
	}
}

/* A range as a whole, where all of it is memory: that is another path. */
static void record_range(uint64_t gfn, uint64_t pages, enum rmpe_page_state state)
{
	if (gfn + pages <= ARENA_GFN + SLOT_A_PAGES)
		set(gfn, pages, state);
	else
		record(gfn, pages, state);
}

static void psc_request(struct input *in, int vcpu)
{
	uint64_t at = input_below(in, ARENA_PAGES), pages = 1 + input_below(in, 700);

	if (m.inflight[vcpu].active)
		return;
	if (at + pages > ARENA_PAGES)
		pages = ARENA_PAGES - at;
	model_psc_request(&m, vcpu, ARENA_GFN + at, pages, input_below(in, 2));
}

static void psc_answer(struct input *in, int vcpu)
{
	struct inflight *i = &m.inflight[vcpu];
	bool done = input_below(in, 4);

	if (!i->active)
		return;
	if (done)
		record_range(i->gfn, i->pages,
			     i->to_private ? RMPE_PAGE_PRIVATE : RMPE_PAGE_SHARED);
	model_psc_answer(&m, vcpu, done);
}

static bool inflight(uint64_t gfn, bool to_private)
{
	for (int v = 0; v < MODEL_VCPUS; v++) {
		const struct inflight *i = &m.inflight[v];

		if (i->active && i->to_private == to_private && gfn >= i->gfn &&
		    gfn < i->gfn + i->pages)
			return true;
	}
	return false;
}

/* What is told of an access until KVM resolves it, the VMM converting the page if need be. */
static unsigned int judge_until_resolved(struct rmpe_judge_input *j, struct rmpe_verdict v[2])
{
	unsigned int n = 0;
	bool agreed;

	do {
		agreed = j->attr_private == j->access_private;
		v[n] = rmpe_judge(j);
		if (v[n].class != RMPE_CLASS_NONE &&
		    (!n || v[n].class != v[0].class || v[n].class == RMPE_CLASS_HOST))
			n++;
		j->attr_private = j->access_private;
	} while (!agreed);
	return n;
}

static void access_page(struct input *in, int vcpu)
{
	uint64_t gfn = ARENA_GFN + input_below(in, ARENA_PAGES);
	bool private = input_below(in, 2), attr = input_below(in, 2);
	struct page *p = model_page(&m, gfn);
	struct rmpe_judge_input j = {
		.access_private = private, .history_complete = true, .attr_private = attr,
		.asked = rmpe_tracker_state(&asked, gfn),
		.used = rmpe_tracker_state(&used, gfn), .discarded = p->discarded,
		.inflight_private = inflight(gfn, true),
		.inflight_shared = inflight(gfn, false),
	};
	struct rmpe_verdict v[2];
	struct outcome o;
	unsigned int n;

	if (!p->has_slot)
		return;
	/* Not mapped, so that it faults. */
	model_set_attr(&m, gfn, 1, attr);
	p->private_map = MAPPED_NO;
	p->shared_map = MAPPED_NO;
	/* Nothing of before matters. */
	for (int i = 0; i < MODEL_VCPUS; i++) {
		m.remembered[i].n = 0;
		m.inflight[i].npassed = 0;
	}
	m.global.mode = MODE_LENIENT;

	n = judge_until_resolved(&j, v);
	o = model_access(&m, vcpu, gfn, private, ACCESS_WRITE, 0);
	must(n == o.ntold);
	for (unsigned int i = 0; i < n; i++) {
		must((int)v[i].class == (int)o.told[i].verdict.class);
		must((int)v[i].expected == (int)o.told[i].verdict.expected);
		must((int)v[i].source == (int)o.told[i].source);
		must(v[i].enforceable == o.told[i].verdict.guest_error);
	}
	/* What is let pass is how it is used from now on, if that is not what was asked. */
	must(!rmpe_tracker_set(&used, gfn, 1,
			       rmpe_state_allows(j.asked, private) ? RMPE_PAGE_NONE :
			       private ? RMPE_PAGE_PRIVATE : RMPE_PAGE_SHARED));
}

/* What the model has no VM for: one that is older than the module, and VMPLs. */
static void judge_alone(struct input *in)
{
	struct rmpe_judge_input j = {
		.access_private = input_below(in, 2), .vmpl = !input_below(in, 4),
		.asked = input_below(in, 4), .attr_private = input_below(in, 2),
		.inflight_private = input_below(in, 2), .inflight_shared = input_below(in, 2),
	};
	struct rmpe_verdict v = rmpe_judge(&j);

	if (j.vmpl) {
		must(v.class == RMPE_CLASS_VMPL);
		return;
	}
	if (j.asked != RMPE_PAGE_NONE)
		return;
	/* KVM's attribute stands in for the state, and nothing is held against the guest. */
	must(v.source == RMPE_SOURCE_ATTRIBUTE && !v.enforceable);
	must((v.expected == RMPE_EXPECT_PRIVATE) == j.attr_private);
	must((v.class == RMPE_CLASS_NONE) == (j.access_private == j.attr_private));
}

static void check_states(void)
{
	for (uint64_t g = ARENA_GFN; g < ARENA_GFN + ARENA_PAGES; g++) {
		struct page *p = model_page(&m, g);

		if (!p->has_slot)
			continue;
		must((int)rmpe_tracker_state(&asked, g) == (int)p->asked);
		must((int)rmpe_tracker_state(&used, g) == (int)p->used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	unit_reset();
	model_init(&m);
	for (unsigned int i = 0; in.left && i < OPS; i++) {
		int vcpu = input_below(&in, MODEL_VCPUS);
		uint64_t gfn;

		switch (input_below(&in, 10)) {
		case 0: case 1:
			psc_request(&in, vcpu);
			break;
		case 2: case 3:
			psc_answer(&in, vcpu);
			break;
		case 4:
			gfn = ARENA_GFN + input_below(&in, SLOT_A_PAGES);
			record_range(gfn, 1, RMPE_PAGE_LAUNCHED);
			model_launch(&m, gfn, 1, 0);
			break;
		case 5:
			if (input_below(&in, 4))
				break;
			set(ARENA_GFN + SLOT_B_FIRST, SLOT_B_PAGES, RMPE_PAGE_NONE);
			model_slot(&m, ARENA_GFN + SLOT_B_FIRST, SLOT_B_PAGES, false, false);
			model_slot(&m, ARENA_GFN + SLOT_B_FIRST, SLOT_B_PAGES, true, false);
			break;
		case 6:
			judge_alone(&in);
			break;
		case 7:
			model_punch(&m, ARENA_GFN + input_below(&in, SLOT_A_PAGES), 1);
			break;
		default:
			access_page(&in, vcpu);
		}
	}
	check_states();
	rmpe_tracker_free(&asked);
	rmpe_tracker_free(&used);
	must(!unit_live_objects());
	return 0;
}
