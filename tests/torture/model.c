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

bool model_is_vmpl1(const struct model *m, int vcpu)
{
	return vcpu && m->vmpl1 == vcpu;
}

enum mode model_mode(const struct model *m)
{
	if (m->absent)
		return MODE_OFF;
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

void model_late(struct model *m)
{
	m->absent = false;
	m->partial = true;
	m->count = (struct counts){ 0 };
	memset(m->remembered, 0, sizeof(m->remembered));
	for (unsigned int i = 0; i < ARENA_PAGES; i++) {
		struct page *p = &m->page[i];

		p->asked = STATE_NONE;
		p->used = STATE_NONE;
		p->older = true;
		p->had_slot = p->has_slot;
		p->known_memory = false;
		p->discarded = false;
		p->verdicts = 0;
		p->psc = (struct psc_seen){ .lost = true };
	}
}

/* As kvm_gmem_populate(): it ends with the slot, and at a page that was launched before. */
uint64_t model_launch(struct model *m, uint64_t gfn, uint64_t pages, uint64_t word)
{
	for (uint64_t n = 0; n < pages; n++) {
		struct page *p = model_page(m, gfn + n);

		if (!p || !p->has_slot || p->present)
			return n;
		p->asked = STATE_LAUNCHED;
		p->used = STATE_NONE;
		p->present = true;
		p->validated = true;
		p->filled = true;
		p->private_word = word;
	}
	return pages;
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

/* A private page that goes while KVM calls it private is one that the guest will miss. */
void model_punch(struct model *m, uint64_t gfn, uint64_t pages)
{
	for (uint64_t g = gfn; g < gfn + pages; g++) {
		struct page *p = model_page(m, g);

		if (p->present && p->attr_private && p->known_memory) {
			p->discarded = true;
			m->count.discarded++;
		}
		perhaps_unmapped(p);
		p->present = false;
		p->validated = false;
		p->filled = false;
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

bool model_all_in_slot(struct model *m, uint64_t gfn, uint64_t pages)
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
	if (!model_all_in_slot(m, gfn, pages))
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
				    .verdicts = p->verdicts, .psc = p->psc,
				    .older = m->partial, .known_memory = true };
	}
}

/* --- PSCs --- */

static enum state state_of(bool private)
{
	return private ? STATE_PRIVATE : STATE_SHARED;
}

/* Has the guest asked for it? */
static bool asked_for(const struct page *p, bool private)
{
	return p->asked != STATE_NONE && (p->asked != STATE_SHARED) == private;
}

/* Is it what the guest has asked for, as far as that is known? */
static bool as_asked(const struct page *p, bool private)
{
	return p->older ? p->attr_private == private : asked_for(p, private);
}

void model_psc_request(struct model *m, int vcpu, uint64_t gfn, uint64_t pages,
		       bool to_private)
{
	m->inflight[vcpu] = (struct inflight){
		.active = true, .to_private = to_private, .gfn = gfn, .pages = pages,
		.nr = ++m->count.requests,
	};
}

/* Nothing is new in it: all pages of the range were asked to be so before. */
static bool is_redundant(struct model *m, const struct inflight *i)
{
	bool any = false;

	for (uint64_t g = i->gfn; g < i->gfn + i->pages; g++) {
		struct page *p = model_page(m, g);

		if (!p || !p->had_slot)
			continue;
		if (!asked_for(p, i->to_private))
			return false;
		any = true;
	}
	return any;
}

/* A fault after this is another one, whatever it looks like. */
static void forget(struct model *m, uint64_t gfn)
{
	for (int v = 0; v < MODEL_VCPUS; v++) {
		struct remembered_list *l = &m->remembered[v];
		unsigned int n = 0;

		for (unsigned int i = 0; i < l->n; i++) {
			if (l->entry[i].gfn != gfn)
				l->entry[n++] = l->entry[i];
		}
		l->n = n;
	}
}

static void complete(struct model *m, int vcpu, const struct inflight *i)
{
	m->count.completed++;
	m->count.pages += i->pages;
	for (uint64_t g = i->gfn; g < i->gfn + i->pages; g++) {
		struct page *p = model_page(m, g);

		if (!p)
			continue;
		p->psc = (struct psc_seen){
			.known = true, .to_private = i->to_private, .vcpu = vcpu,
			.gfn = i->gfn, .pages = i->pages,
		};
		forget(m, g);
		if (!p->had_slot)
			continue;
		p->asked = state_of(i->to_private);
		p->older = false;
		p->used = STATE_NONE;
		p->discarded = false;
	}
}

static void fill_told(const struct page *p, struct told *t)
{
	t->attr_private = p->attr_private;
	t->used = p->used;
	t->launched = p->asked == STATE_LAUNCHED && p->used == STATE_NONE;
	t->present = p->present;
	t->discarded = p->discarded;
	t->most = p->verdicts;
	t->source = p->older ? SOURCE_ATTRIBUTE : p->asked == STATE_NONE ? SOURCE_NONE :
		    p->asked == STATE_LAUNCHED ? SOURCE_LAUNCH : SOURCE_PSC;
	t->psc = p->psc;
}

/* What was let pass because of it was not in order, if the page is still used so. */
static void refuse(struct model *m, const struct inflight *i, struct settled *settled)
{
	m->count.refused++;
	for (unsigned int n = 0; n < i->npassed; n++) {
		struct passed passed = i->passed[n];
		struct told *t = &passed.told;
		struct page *p = model_page(m, t->gfn);
		struct situation s = {
			.private = i->to_private, .asked = p->asked,
			.attr_private = p->attr_private,
		};

		if (p->used != state_of(i->to_private))
			continue;
		t->perhaps = false;
		t->verdict = model_verdict(&s);
		p->verdicts++;
		fill_told(p, t);
		/* As it was when KVM resolved the access. */
		t->attr_private = i->to_private;
		m->count.class[t->verdict.class]++;
		settled->passed[settled->n++] = passed;
	}
}

struct settled model_psc_answer(struct model *m, int vcpu, bool completed)
{
	struct inflight *i = &m->inflight[vcpu];
	struct settled settled = { 0 };

	i->active = false;
	m->answered++;
	if (completed) {
		settled.redundant = is_redundant(m, i);
		m->count.redundant += settled.redundant;
		complete(m, vcpu, i);
	} else {
		refuse(m, i, &settled);
	}
	return settled;
}

/* --- more PSCs than are remembered --- */

bool model_may_have_ranges(const struct model *m, uint64_t n)
{
	return !m->absent && !m->ranges && n > MODEL_RING && n <= MODEL_MOST_RANGES &&
	       (n <= MODEL_FEW_RANGES || n >= MODEL_MANY_RANGES);
}

bool model_forgets(uint64_t n)
{
	return n >= MODEL_MANY_RANGES;
}

/*
 * What was asked for stands, only by which PSC is not known any more. And that none
 * came between two faults can't be told.
 */
void model_ranges(struct model *m, uint64_t n)
{
	m->ranges = true;
	m->count.requests += n;
	m->count.completed += n;
	m->count.pages += n;
	m->answered += n;
	memset(m->remembered, 0, sizeof(m->remembered));
	for (unsigned int i = 0; model_forgets(n) && i < ARENA_PAGES; i++)
		m->page[i].psc = (struct psc_seen){ .lost = true };
}

static struct inflight *find_inflight(struct model *m, uint64_t gfn, bool to_private)
{
	for (int v = 0; v < MODEL_VCPUS; v++) {
		struct inflight *i = &m->inflight[v];

		if (i->active && i->to_private == to_private && gfn - i->gfn < i->pages)
			return i;
	}
	return NULL;
}

/* --- prefaults --- */

/* In order, or nobody asks. */
static bool may_prefault(struct model *m, const struct page *p, uint64_t gfn)
{
	return model_mode(m) == MODE_OFF || as_asked(p, p->attr_private) ||
	       find_inflight(m, gfn, p->attr_private);
}

static void bring_page(struct page *p)
{
	if (p->present)
		return;
	p->present = true;
	p->validated = false;
	p->vmpl1 = false;
	p->private_word = 0;
}

/* It says "done" whatever became of it, until it comes to what is no memory. */
uint64_t model_prefault(struct model *m, uint64_t gfn, uint64_t pages)
{
	for (uint64_t n = 0; n < pages; n++) {
		struct page *p = model_page(m, gfn + n);
		uint8_t *map;

		if (!p || !p->has_slot)
			return n;
		if (!may_prefault(m, p, gfn + n)) {
			m->count.skipped++;
			continue;
		}
		map = p->attr_private ? &p->private_map : &p->shared_map;
		if (*map == MAPPED_NO)
			*map = MAPPED_MAYBE;
		if (p->attr_private)
			bring_page(p);
	}
	return pages;
}

/* --- events --- */

/*
 * KVM takes an SNP guest to be in its handler until the guest says that it is not (GHCB
 * specification, NMI Complete); until then it keeps one NMI more, and no second one.
 */
void model_nmi(struct model *m, int vcpu, unsigned int n, bool hold)
{
	struct nmis *of = &m->nmis[vcpu];

	for (; n; n--) {
		if (of->held) {
			of->waits = true;
		} else {
			of->nmis++;
			of->held = hold;
		}
	}
}

void model_nmi_done(struct model *m, int vcpu)
{
	struct nmis *of = &m->nmis[vcpu];

	of->nmis += of->waits;
	of->held = false;
	of->waits = false;
}

/* --- accesses --- */

/* An access of a guest, on its way. */
struct attempt {
	struct model *m;
	struct page *p;
	int vcpu;
	uint64_t gfn;
	bool private;
	enum access access;
	struct outcome *o;
};

/* Does the hardware fault?  It does not check reads with C=0. */
static enum mapped translated(const struct attempt *a)
{
	if (a->private)
		return a->p->private_map;
	if (a->access == ACCESS_READ && a->p->private_map != MAPPED_NO)
		return a->p->private_map;
	return a->p->shared_map;
}

/* Walks set bits in the tables, and so count as writes. */
static bool is_write(const struct attempt *a)
{
	return a->access == ACCESS_WRITE || a->access == ACCESS_WALK ||
	       a->access == ACCESS_STACK;
}

/* A page that is mapped for the other side belongs to the other side in the RMP. */
static void fill_error_code(const struct attempt *a, struct told *t)
{
	enum mapped other = a->private ? a->p->shared_map : a->p->private_map;

	t->error_code = NPF_USER | (a->private ? NPF_ENC : 0) |
			(a->access == ACCESS_WALK ? NPF_TABLE : NPF_FINAL) |
			(is_write(a) ? NPF_WRITE : 0) |
			(a->access == ACCESS_FETCH ? NPF_FETCH : 0);
	t->error_known = other != MAPPED_MAYBE;
	if (other == MAPPED_YES)
		t->error_code |= NPF_PRESENT | NPF_RMP;
}

static struct remembered *recall(struct model *m, int vcpu, uint64_t gfn, bool private)
{
	struct remembered_list *l = &m->remembered[vcpu];

	for (unsigned int i = 0; i < l->n; i++) {
		if (l->entry[i].gfn == gfn && l->entry[i].private == private)
			return &l->entry[i];
	}
	return NULL;
}

/* It becomes the first; the last one has to go if there is no room. */
static void remember(const struct attempt *a, enum access_class class, bool acted)
{
	struct remembered_list *l = &a->m->remembered[a->vcpu];
	struct remembered *old = recall(a->m, a->vcpu, a->gfn, a->private), new = {
		a->gfn, a->private, class, (old ? old->acts : 0) + acted,
		old ? old->requests : a->m->count.requests,
	};

	if (!old && l->n < MODEL_REMEMBERED)
		l->n++;
	if (!old)
		old = &l->entry[l->n - 1];
	for (; old > l->entry; old--)
		*old = old[-1];
	l->entry[0] = new;
}

static struct situation situation_of(const struct attempt *a)
{
	return (struct situation){
		.private = a->private, .asked = a->p->asked, .used = a->p->used,
		.attr_private = a->p->attr_private, .discarded = a->p->discarded,
		.older = a->p->older,
		.to_private_inflight = find_inflight(a->m, a->gfn, true),
		.to_shared_inflight = find_inflight(a->m, a->gfn, false),
	};
}

static bool enforced(const struct model *m, const struct verdict *v)
{
	return model_mode(m) == MODE_STRICT && v->guest_error && !v->never &&
	       model_enforces(m, v->class);
}

/* If it were not for the PSC that it waits for, it would be acted upon. */
static bool enforced_without_psc(const struct attempt *a)
{
	struct situation s = situation_of(a);
	struct verdict v;

	s.to_private_inflight = false;
	s.to_shared_inflight = false;
	v = model_verdict(&s);
	return enforced(a->m, &v);
}

/*
 * A #VC while another event is being delivered would take its place. Of a vCPU that the
 * guest has made KVM does not know that it is not in real mode (docs/records.md).
 */
static enum escalated escalates(const struct attempt *a)
{
	if (model_action(a->m) == ACTION_VC && model_is_vmpl1(a->m, a->vcpu))
		return ESCALATED_PROTECTED_MODE_OFF;
	return model_action(a->m) == ACTION_VC && a->access == ACCESS_STACK ?
	       ESCALATED_EVENT_PENDING : ESCALATED_NO;
}

static enum action action_of(const struct attempt *a)
{
	return escalates(a) == ESCALATED_NO ? model_action(a->m) : ACTION_TERMINATE;
}

/* Is it, once more, what the vCPU has been told of already? */
static bool is_again(const struct attempt *a, const struct verdict *v, bool acted)
{
	const struct remembered *r = recall(a->m, a->vcpu, a->gfn, a->private);

	if (!r || r->class != v->class)
		return false;
	/* What is acted upon is told, unless it is one more #VC for the same. */
	return !acted || (r->acts && action_of(a) == ACTION_VC);
}

static unsigned int offset_of(const struct attempt *a)
{
	return a->access == ACCESS_WALK ? WALK_OFFSET :
	       a->access == ACCESS_STACK ? STACK_OFFSET : 0;
}

static struct told *tell(const struct attempt *a, const struct verdict *v, bool acted)
{
	struct told *t = &a->o->told[a->o->ntold++];

	*t = (struct told){
		.gfn = a->gfn, .offset = offset_of(a), .verdict = *v, .mode = model_mode(a->m),
		.action = acted ? action_of(a) : ACTION_NONE,
		.escalated = acted ? escalates(a) : ESCALATED_NO,
		.perhaps = is_again(a, v, acted),
	};
	a->p->verdicts++;
	fill_error_code(a, t);
	fill_told(a->p, t);
	/* What is resolved is forgotten. */
	if (acted || v->class == CLASS_IN_FLIGHT)
		remember(a, v->class, acted);
	if (!t->perhaps) {
		a->m->count.class[v->class]++;
		a->m->count.enforced += acted;
	}
	a->m->count.injected += t->action == ACTION_VC;
	a->m->terminated |= t->action == ACTION_TERMINATE;
	return t;
}

/* Once for each page, whatever becomes of it meanwhile. */
static bool has_passed(const struct inflight *i, const struct attempt *a)
{
	for (unsigned int n = 0; n < i->npassed; n++) {
		if (i->passed[n].vcpu == a->vcpu && i->passed[n].told.gfn == a->gfn)
			return true;
	}
	return false;
}

static void let_pass(const struct attempt *a, const struct told *t)
{
	struct inflight *i = find_inflight(a->m, a->gfn, a->private);

	if (i->npassed < MODEL_PASSED && !has_passed(i, a))
		i->passed[i->npassed++] = (struct passed){ a->vcpu, *t };
}

enum judged { RESOLVED, STOPPED, WAITS };

static enum judged judge(const struct attempt *a)
{
	struct situation s = situation_of(a);
	struct verdict v = model_verdict(&s);
	const struct told *t = a->o->ntold ? &a->o->told[a->o->ntold - 1] : NULL;
	bool early = v.class == CLASS_IN_FLIGHT && v.guest_error;

	if (v.class == CLASS_NONE || model_mode(a->m) == MODE_OFF)
		return RESOLVED;
	/* The same fault again, once the VMM has converted the page. */
	if (t && t->verdict.class == v.class && v.class != CLASS_HOST)
		return RESOLVED;
	t = tell(a, &v, enforced(a->m, &v));
	if (t->action != ACTION_NONE)
		return STOPPED;
	if (early && enforced_without_psc(a))
		return WAITS;
	if (early)
		let_pass(a, t);
	return RESOLVED;
}

/* KVM leaves it to the VMM if its attribute differs; then it faults again. */
static bool converts(const struct attempt *a)
{
	if (a->p->attr_private == a->private)
		return false;
	a->o->converted = model_convert(a->m, a->gfn, 1, a->private);
	return true;
}

static void resolve(const struct attempt *a)
{
	struct page *p = a->p;

	p->used = as_asked(p, a->private) ? STATE_NONE : state_of(a->private);
	if (!a->private) {
		p->shared_map = MAPPED_YES;
		return;
	}
	bring_page(p);
	p->discarded = false;
	p->private_map = MAPPED_YES;
}

/* Others' accesses took all the room, or came later: only the first ones count. */
static bool may_be_too_many(const struct attempt *a)
{
	const struct inflight *i = find_inflight(a->m, a->gfn, a->private);

	if (!i || i->npassed < MODEL_PASSED || has_passed(i, a))
		return false;
	for (unsigned int n = 0; n < MODEL_PASSED; n++) {
		if (i->passed[n].vcpu != a->vcpu)
			return true;
	}
	return false;
}

/* If it counts as one that was seen before, the PSC in flight was asked for too late. */
static bool may_be_too_late(const struct attempt *a)
{
	const struct remembered *r = recall(a->m, a->vcpu, a->gfn, a->private);
	const struct inflight *i[] = {
		find_inflight(a->m, a->gfn, true), find_inflight(a->m, a->gfn, false),
	};

	return r && ((i[0] && i[0]->nr > r->requests) || (i[1] && i[1]->nr > r->requests));
}

/*
 * It waits for a PSC that the VMM is going to refuse once it has converted the page.  If
 * its last fault was one of the RMP, from before that, and KVM comes to it after that, KVM
 * brings a page into guest_memfd (arch/x86/kvm/svm/sev.c, sev_handle_rmp_fault()).
 */
static bool may_bring_page(const struct attempt *a)
{
	const struct inflight *i = find_inflight(a->m, a->gfn, true);

	return a->private && i && i->undone && !a->p->present &&
	       a->p->shared_map != MAPPED_NO && enforced_without_psc(a);
}

/*
 * What is not known must not matter: whether there is a fault, if it would leave a
 * trace; whether the module takes it for the one before; in what order vCPUs came; and
 * how often #VC was injected, if the guest may be ended for it.
 */
static bool is_ambiguous(const struct attempt *a, enum mapped t)
{
	struct situation s = situation_of(a);
	const struct remembered *r = recall(a->m, a->vcpu, a->gfn, a->private);
	enum state used = as_asked(a->p, a->private) ? STATE_NONE : state_of(a->private);

	if (may_be_too_many(a) || may_be_too_late(a) || may_bring_page(a) ||
	    (a->p->older && (s.to_private_inflight || s.to_shared_inflight)) ||
	    (r && r->acts >= MODEL_ACTS && model_mode(a->m) == MODE_STRICT))
		return true;
	if (t != MAPPED_MAYBE)
		return false;
	return (model_mode(a->m) != MODE_OFF && model_verdict(&s).class != CLASS_NONE) ||
	       a->p->attr_private != a->private || a->p->used != used ||
	       (a->private && a->p->discarded);
}

/*
 * How many #NPFs that was, at least.  A mismatch takes two, unless it is the one
 * before or there is nothing to be sure about; and the fault comes again once the
 * VMM has converted the page.
 */
static unsigned int faults(const struct attempt *a)
{
	unsigned int n = 1 + a->o->converted;

	if (model_mode(a->m) == MODE_OFF)
		return 0;
	for (unsigned int i = 0; i < a->o->ntold; i++) {
		const struct told *t = &a->o->told[i];

		n += !t->perhaps && (t->verdict.class != CLASS_IN_FLIGHT ||
				     t->action != ACTION_NONE);
	}
	return n;
}

/* Common to all accesses: true if the page can be used. */
static bool reach(const struct attempt *a)
{
	enum mapped t = translated(a);
	enum judged judged;

	if (t == MAPPED_YES)
		return true;
	a->o->ambiguous = is_ambiguous(a, t);
	if (a->o->ambiguous)
		return false;
	do {
		judged = judge(a);
	} while (judged == RESOLVED && converts(a));
	if (t == MAPPED_NO)
		a->m->count.npf += faults(a);
	a->o->waits = judged == WAITS;
	a->o->fault = judged == STOPPED && action_of(a) == ACTION_VC;
	if (judged == RESOLVED)
		resolve(a);
	return judged == RESOLVED;
}

/*
 * The page is there, and validated, and VMPL 1 has no right to it: no matter of states.
 * Without a #VC the vCPU faults until it has.
 */
static bool is_permitted(const struct attempt *a)
{
	const struct remembered *r = recall(a->m, a->vcpu, a->gfn, a->private);
	struct situation s = situation_of(a);
	struct verdict v = model_verdict_vmpl(&s);
	struct told *t;

	/* Of what is not told nobody knows when it has begun. */
	a->o->ambiguous = model_mode(a->m) == MODE_OFF || (r && r->acts >= MODEL_ACTS) ||
			  s.to_private_inflight || s.to_shared_inflight;
	if (a->o->ambiguous)
		return false;
	t = tell(a, &v, enforced(a->m, &v));
	t->error_code |= NPF_PRESENT | NPF_RMP | NPF_VMPL;
	t->error_known = true;
	a->m->count.npf += 2 - t->perhaps;
	if (t->action != ACTION_NONE)
		return false;
	a->o->needs_grant = true;
	a->p->vmpl1 = true;
	return true;
}

#define PF_RESERVED	(1u << 3)

static void use_page(const struct attempt *a, uint64_t value)
{
	struct page *p = a->p;
	/* A C=0 read of a private page gives what the simulated memory holds. */
	bool private_side = a->private ||
			    (a->access == ACCESS_READ && p->private_map == MAPPED_YES);
	uint64_t *word = private_side ? &p->private_word : &p->shared_word;

	if (a->access == ACCESS_VALIDATE || a->access == ACCESS_RESCIND) {
		a->o->carry = p->validated == (a->access == ACCESS_VALIDATE);
		p->validated = a->access == ACCESS_VALIDATE;
		return;
	}
	if (a->private && !p->validated) {
		a->o->fault = true;
		return;
	}
	if (a->private && model_is_vmpl1(a->m, a->vcpu) && !p->vmpl1 && !is_permitted(a))
		return;
	/* What was launched is full of RETs, which is no page table. */
	if (a->access == ACCESS_WALK) {
		a->o->page_fault = true;
		a->o->page_fault_error = p->filled ? PF_RESERVED : 0;
		return;
	}
	if (a->access == ACCESS_WRITE)
		*word = value;
	a->o->value = *word;
}

struct outcome model_access(struct model *m, int vcpu, uint64_t gfn, bool private,
			    enum access access, uint64_t value)
{
	struct outcome o = { 0 };
	struct attempt a = { m, model_page(m, gfn), vcpu, gfn, private, access, &o };

	if (reach(&a))
		use_page(&a, value);
	return o;
}

#define FAIL_SIZEMISMATCH	6

struct outcome model_validate_2m(struct model *m, int vcpu, uint64_t gfn)
{
	struct outcome o = { 0 };
	struct attempt a = { m, model_page(m, gfn), vcpu, gfn, true, ACCESS_VALIDATE, &o };

	if (reach(&a))
		o.eax = FAIL_SIZEMISMATCH;
	return o;
}
