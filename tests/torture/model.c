// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages, and what guest, VMM, KVM and hardware do to them.  What KVM does is
 * that of 6.12 and later (guest_memfd with 4K pages, attributes as in
 * virt/kvm/kvm_main.c); what the hardware does is in tests/snpsim/RULES.md.
 */
#include <string.h>
#include "model.h"

struct page *model_page(struct model *m, uint64_t gfn)
{
	return gfn - ARENA_GFN < ARENA_PAGES ? &m->page[gfn - ARENA_GFN] : NULL;
}

enum mode model_mode(const struct model *m)
{
	if (m->global.mode == MODE_OFF || m->own.mode == INHERIT)
		return m->global.mode;
	return m->own.mode;
}

enum action model_action(const struct model *m)
{
	return m->own.action == INHERIT ? m->global.action : m->own.action;
}

bool model_enforces(const struct model *m, enum access_class class)
{
	return m->own.enforce[class] == INHERIT ? m->global.enforce[class] :
						  m->own.enforce[class];
}

void model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	m->global = (struct settings){ .mode = MODE_LENIENT, .action = ACTION_VC };
	m->global.enforce[CLASS_IMPLICIT_PRIVATE] = true;
	m->global.enforce[CLASS_IMPLICIT_SHARED] = true;
	m->global.enforce[CLASS_FIRST_TOUCH] = true;
	m->own = (struct settings){ INHERIT, INHERIT, { 0 } };
	for (unsigned int c = 0; c < NR_CLASSES; c++)
		m->own.enforce[c] = INHERIT;
	model_slot(m, ARENA_GFN, SLOT_A_PAGES, true, false);
	model_slot(m, ARENA_GFN + SLOT_B_FIRST, SLOT_B_PAGES, true, false);
	m->zapped = false;	/* nothing runs yet */
}

void model_launch(struct model *m, uint64_t gfn, uint64_t pages, uint64_t word)
{
	for (uint64_t g = gfn; g < gfn + pages; g++) {
		struct page *p = model_page(m, g);

		p->said = SAID_LAUNCHED;
		p->present = true;
		p->validated = true;
		p->private_word = word;
	}
}

/* --- the VMM --- */

/* KVM drops the translations of a range in which any attribute changes. */
void model_set_attr(struct model *m, uint64_t gfn, uint64_t pages, bool private)
{
	bool change = false;

	for (uint64_t g = gfn; g < gfn + pages; g++)
		change |= model_page(m, g)->attr_private != private;
	for (uint64_t g = gfn; change && g < gfn + pages; g++) {
		struct page *p = model_page(m, g);

		p->attr_private = private;
		p->private_map = MAPPED_NO;
		p->shared_map = MAPPED_NO;
	}
}

static void perhaps_unmapped(struct page *p)
{
	if (p->private_map == MAPPED_YES)
		p->private_map = MAPPED_MAYBE;
	if (p->shared_map == MAPPED_YES)
		p->shared_map = MAPPED_MAYBE;
}

void model_punch(struct model *m, uint64_t gfn, uint64_t pages)
{
	for (uint64_t g = gfn; g < gfn + pages; g++) {
		struct page *p = model_page(m, g);

		perhaps_unmapped(p);
		p->present = false;
		p->validated = false;
		p->private_word = 0;
		p->private_map = MAPPED_NO;
	}
}

static void drop_shared_memory(struct model *m, uint64_t gfn, uint64_t pages)
{
	for (uint64_t g = gfn; g < gfn + pages; g++) {
		struct page *p = model_page(m, g);

		perhaps_unmapped(p);
		p->shared_word = 0;
		p->shared_map = MAPPED_NO;
	}
}

static bool all_in_slot(struct model *m, uint64_t gfn, uint64_t pages)
{
	for (uint64_t g = gfn; g < gfn + pages; g++) {
		struct page *p = model_page(m, g);

		if (!p || !p->has_slot)
			return false;
	}
	return true;
}

/* As vm_convert(): what is no memory is shared already, and can't be private. */
bool model_convert(struct model *m, uint64_t gfn, uint64_t pages, bool to_private)
{
	if (!all_in_slot(m, gfn, pages))
		return !to_private;
	model_set_attr(m, gfn, pages, to_private);
	if (to_private)
		drop_shared_memory(m, gfn, pages);
	else
		model_punch(m, gfn, pages);
	return true;
}

/*
 * A slot that is created is private as a whole, by this VMM's custom.  What the
 * guest has said stands only if its own pages come back.  With a slot KVM drops
 * its translations, and may drop all of the VM's.
 */
void model_slot(struct model *m, uint64_t gfn, uint64_t pages, bool exists, bool same_memory)
{
	m->zapped = true;
	for (unsigned int i = 0; i < ARENA_PAGES; i++)
		perhaps_unmapped(&m->page[i]);
	for (uint64_t g = gfn; g < gfn + pages; g++) {
		struct page *p = model_page(m, g);

		p->has_slot = exists;
		p->private_map = MAPPED_NO;
		p->shared_map = MAPPED_NO;
		if (!exists)
			continue;
		p->had_slot = true;
		p->attr_private = true;
		if (same_memory)
			continue;
		*p = (struct page){ .has_slot = true, .had_slot = true, .attr_private = true,
				    .verdicts = p->verdicts, .psc = p->psc };
	}
}

/* --- the guest --- */

void model_psc_request(struct model *m, int vcpu, uint64_t gfn, uint64_t pages,
		       bool to_private)
{
	m->inflight[vcpu] = (struct inflight){ true, to_private, gfn, pages };
	m->count.requests++;
}

void model_psc_answer(struct model *m, int vcpu, bool completed)
{
	struct inflight *i = &m->inflight[vcpu];

	i->active = false;
	m->answered++;
	if (!completed) {
		m->count.refused++;
		return;
	}
	m->count.completed++;
	m->count.pages += i->pages;
	for (uint64_t g = i->gfn; g < i->gfn + i->pages; g++) {
		struct page *p = model_page(m, g);

		if (!p)
			continue;
		p->psc = (struct psc_seen){ true, i->to_private, vcpu, i->gfn, i->pages };
		/* A fault after this is another one, whatever it looks like. */
		for (int v = 0; v < MODEL_VCPUS; v++)
			if (m->last[v].gfn == g)
				m->last[v].active = false;
		if (!p->had_slot)
			continue;
		p->said = i->to_private ? SAID_PRIVATE : SAID_SHARED;
		p->by_use = false;
	}
}

static bool is_inflight(const struct model *m, uint64_t gfn, bool to_private)
{
	for (int v = 0; v < MODEL_VCPUS; v++) {
		const struct inflight *i = &m->inflight[v];

		if (i->active && i->to_private == to_private && gfn - i->gfn < i->pages)
			return true;
	}
	return false;
}

/* Does the hardware fault?  It does not check reads with C=0. */
static enum mapped translated(const struct page *p, bool private, enum access access)
{
	if (private)
		return p->private_map;
	if (access == ACCESS_READ && p->private_map != MAPPED_NO)
		return p->private_map;
	return p->shared_map;
}

static void fill_record(const struct model *m, const struct page *p, struct outcome *o)
{
	o->mode = model_mode(m);
	o->attr_private = p->attr_private;
	o->launched = p->said == SAID_LAUNCHED;
	o->present = p->present;
	o->most = p->verdicts;
	o->source = p->said == SAID_NOTHING ? SOURCE_NONE :
		    p->said == SAID_LAUNCHED ? SOURCE_LAUNCH :
		    p->by_use ? SOURCE_USE : SOURCE_PSC;
	o->psc = p->psc;
}

/* A page that is mapped for the other side belongs to the other side in the RMP. */
static void fill_error_code(const struct page *p, bool private, enum access access,
			    struct outcome *o)
{
	enum mapped other = private ? p->shared_map : p->private_map;

	o->error_code = NPF_USER | NPF_FINAL | (private ? NPF_ENC : 0) |
			(access == ACCESS_WRITE ? NPF_WRITE : 0) |
			(access == ACCESS_FETCH ? NPF_FETCH : 0);
	o->error_known = other != MAPPED_MAYBE;
	if (other == MAPPED_YES)
		o->error_code |= NPF_PRESENT | NPF_RMP;
}

/* KVM may resolve it: what the guest made of the page is what it is from now on. */
static void accept(struct page *p, enum access_class class, bool private)
{
	if (class == CLASS_IN_FLIGHT || class == CLASS_HOST || class == CLASS_NONE)
		return;
	p->said = private ? SAID_PRIVATE : SAID_SHARED;
	p->by_use = true;
}

/* Returns false if the fault is not resolved: the guest gets #VC, or ends. */
static bool judge(struct model *m, int vcpu, uint64_t gfn, bool private, struct page *p,
		  struct outcome *o)
{
	struct last_mismatch *last = &m->last[vcpu];
	bool same = last->active && last->gfn == gfn && last->private == private;
	struct situation s = {
		private, p->said, p->attr_private,
		is_inflight(m, gfn, true), is_inflight(m, gfn, false),
	};
	bool enforce;

	o->verdict = model_verdict(&s);
	if (o->verdict.class == CLASS_NONE || model_mode(m) == MODE_OFF)
		return true;

	enforce = model_mode(m) == MODE_STRICT && o->verdict.guest_error &&
		  model_enforces(m, o->verdict.class);
	o->record = true;
	/* #VC did not help, or the VMM has not answered yet: still the same fault. */
	o->perhaps = same && (enforce ? last->acted && model_action(m) == ACTION_VC :
					o->verdict.class == CLASS_IN_FLIGHT);
	o->action = enforce ? model_action(m) : ACTION_NONE;
	p->verdicts++;
	fill_record(m, p, o);
	*last = (struct last_mismatch){ enforce || o->verdict.class == CLASS_IN_FLIGHT,
					private, enforce, gfn };
	if (!o->perhaps) {
		m->count.class[o->verdict.class]++;
		m->count.enforced += enforce;
	}
	m->count.injected += o->action == ACTION_VC;
	if (enforce && model_action(m) == ACTION_TERMINATE)
		m->terminated = true;
	if (!enforce)
		accept(p, o->verdict.class, private);
	return !enforce;
}

/* KVM resolves a fault, with a conversion by the VMM if need be. */
static void resolve(struct model *m, uint64_t gfn, bool private, struct page *p,
		    struct outcome *o)
{
	if (p->attr_private != private)
		o->converted = model_convert(m, gfn, 1, private);
	if (!private) {
		p->shared_map = MAPPED_YES;
		return;
	}
	if (!p->present) {
		p->present = true;
		p->validated = false;
		p->private_word = 0;
	}
	p->private_map = MAPPED_YES;
}

static void use_page(struct page *p, bool private, enum access access, uint64_t value,
		     struct outcome *o)
{
	/* A C=0 read of a private page gives what the simulated memory holds. */
	bool private_side = private || (access == ACCESS_READ && p->private_map == MAPPED_YES);
	uint64_t *word = private_side ? &p->private_word : &p->shared_word;

	if (access == ACCESS_VALIDATE || access == ACCESS_RESCIND) {
		o->carry = p->validated == (access == ACCESS_VALIDATE);
		p->validated = access == ACCESS_VALIDATE;
		return;
	}
	if (private && !p->validated) {
		o->fault = true;
		return;
	}
	if (access == ACCESS_WRITE)
		*word = value;
	o->value = *word;
}

/*
 * How many #NPFs that was, at least.  A mismatch takes two, unless it is the one
 * before or there is nothing to be sure about; and the fault comes again once the
 * VMM has converted the page.
 */
static unsigned int faults(const struct model *m, enum mapped t, const struct outcome *o)
{
	bool in_flight = o->verdict.class == CLASS_IN_FLIGHT && o->action == ACTION_NONE;

	if (t != MAPPED_NO || model_mode(m) == MODE_OFF)
		return 0;
	return 1 + (o->record && !o->perhaps && !in_flight) + o->converted;
}

/* Common to all accesses: true if the page can be used. */
static bool reach(struct model *m, int vcpu, uint64_t gfn, bool private, enum access access,
		  struct page *p, struct outcome *o)
{
	enum mapped t = translated(p, private, access);

	if (t == MAPPED_YES)
		return true;
	fill_error_code(p, private, access, o);
	if (!judge(m, vcpu, gfn, private, p, o)) {
		o->ambiguous = t == MAPPED_MAYBE;
		o->fault = o->action == ACTION_VC;
		m->count.npf += faults(m, t, o);
		return false;
	}
	/* It makes no difference whether a fault that nobody minds happens. */
	o->ambiguous = t == MAPPED_MAYBE && (o->record || p->attr_private != private);
	resolve(m, gfn, private, p, o);
	m->count.npf += faults(m, t, o);
	return true;
}

struct outcome model_access(struct model *m, int vcpu, uint64_t gfn, bool private,
			    enum access access, uint64_t value)
{
	struct page *p = model_page(m, gfn);
	struct outcome o = { .action = ACTION_NONE };

	if (reach(m, vcpu, gfn, private, access, p, &o))
		use_page(p, private, access, value, &o);
	return o;
}

#define FAIL_SIZEMISMATCH	6

struct outcome model_validate_2m(struct model *m, int vcpu, uint64_t gfn)
{
	struct page *p = model_page(m, gfn);
	struct outcome o = { .action = ACTION_NONE };

	if (reach(m, vcpu, gfn, true, ACCESS_VALIDATE, p, &o))
		o.eax = FAIL_SIZEMISMATCH;
	return o;
}
