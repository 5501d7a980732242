// SPDX-License-Identifier: GPL-2.0-only
/*
 * A record, key by key.  The tracepoint's event is there for each; the whole record
 * only for the last ones, and what both have must agree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "e2e/module.h"
#include "evidence.h"
#include "guests/abi.h"

#define RING		MODEL_RING
#define HARDWARE_BITS	((1ull << 48) - 1)

const char *const class_names[NR_CLASSES] = {
	"none", "implicit_private", "implicit_shared", "first_touch", "initial_shared",
	"in_flight", "vmpl", "host", "unbacked", "no_progress",
};

const char *const expected_names[] = { "initial", "private", "shared" };
const char *const action_names[] = { "none", "vc", "terminate" };
const char *const mode_names[] = { "off", "lenient", "strict" };
static const char *const source_names[] = { "none", "psc", "launch", "attribute" };
static const char *const used_names[] = { "no", NULL, "private", "shared" };

static const char *const escalated_names[] = {
	"no", "event_pending", "protected_mode_off",
};

static bool key_is(const char *text, const char *key, const char *wanted)
{
	char value[64];

	field_read(text, key, value, sizeof(value));
	return !strcmp(value, wanted);
}

static bool number_is(const char *text, const char *key, uint64_t wanted)
{
	char value[64], *end;

	field_read(text, key, value, sizeof(value));
	return strtoull(value, &end, 0) == wanted && *value && !*end;
}

/* --- the last PSCs of the gfn --- */

static bool names(const struct answered *a, uint64_t gfn)
{
	return gfn - a->gfn < a->pages;
}

/* The last one's number among those answered before the record, 0 if there is none. */
static size_t last_psc(const struct observer *o, const struct record *r, uint64_t gfn,
		       bool completed)
{
	for (size_t n = r->answered; n; n--) {
		const struct answered *a;

		/* None of these is of a page that there is. */
		if (o->nranges && n == o->first_range + o->nranges)
			n = o->first_range;
		if (!n)
			break;
		a = &o->psc[n - 1];
		if (a->completed == completed && names(a, gfn))
			return n;
	}
	return 0;
}

static bool is_same_psc(const struct answered *a, const struct psc_seen *p)
{
	return p->known && a->to_private == p->to_private && a->vcpu == p->vcpu &&
	       a->gfn == p->gfn && a->pages == p->pages;
}

/* Has one that came later, and was completed, asked for this gfn? */
static bool is_changed(const struct observer *o, const struct record *r, size_t n, uint64_t gfn)
{
	return last_psc(o, r, gfn, true) != n;
}

/* Of one that is not in the ring any more: what no later one has changed. */
static bool is_rest(const struct observer *o, const struct record *r, size_t n, uint64_t gfn)
{
	const struct answered *a = &o->psc[n - 1];
	uint64_t begin = gfn, end = gfn + 1;

	while (begin > a->gfn && !is_changed(o, r, n, begin - 1))
		begin--;
	while (end < a->gfn + a->pages && !is_changed(o, r, n, end))
		end++;
	return number_is(r->text, "psc_gfn", begin) &&
	       number_is(r->text, "psc_pages", end - begin);
}

static bool is_age(const struct observer *o, const struct record *r, const char *key)
{
	return !key_is(r->text, key, "n/a") && record_number(r->text, key) <= o->age_us;
}

static const char *wrong_text_of_psc(const struct observer *o, const struct record *r,
				     size_t n, const struct told *told)
{
	const struct answered *a = &o->psc[n - 1];
	const char *t = r->text;

	if (!number_is(t, "psc_seq", r->answered))
		return "psc_seq in debugfs";
	if (!n)
		return key_is(t, "psc", told->psc.lost ? "unknown" : "none") &&
		       key_is(t, "psc_age_us", "n/a") &&
		       key_is(t, "psc_vcpu", "n/a") && key_is(t, "psc_gfn", "n/a") &&
		       key_is(t, "psc_pages", "n/a") ? NULL : "psc, or psc_...=n/a";
	if (!key_is(t, "psc", a->to_private ? "private" : "shared"))
		return "psc";
	if (!number_is(t, "psc_vcpu", a->vcpu))
		return "psc_vcpu";
	if (r->answered - n >= RING ? !is_rest(o, r, n, told->gfn) :
	    !number_is(t, "psc_gfn", a->gfn) || !number_is(t, "psc_pages", a->pages))
		return "psc_gfn or psc_pages";
	return is_age(o, r, "psc_age_us") ? NULL : "psc_age_us";
}

/* The last refused one, if nothing was completed since. */
static const char *wrong_refused(const struct observer *o, const struct record *r,
				 uint64_t gfn, size_t completed)
{
	size_t n = last_psc(o, r, gfn, false);
	const struct answered *a = &o->psc[n - 1];
	const char *t = r->text;

	if (n <= completed)
		return key_is(t, "refused", "none") && key_is(t, "refused_age_us", "n/a") &&
		       key_is(t, "refused_ret", "n/a") ? NULL : "refused, or refused_...=n/a";
	if (!key_is(t, "refused", a->to_private ? "private" : "shared"))
		return "refused";
	if (!number_is(t, "refused_ret", a->ret))
		return "refused_ret";
	return is_age(o, r, "refused_age_us") ? NULL : "refused_age_us";
}

/* The last completed one is the model's, and the record has it. */
static const char *wrong_psc(const struct observer *o, const struct record *r,
			     const struct told *told)
{
	size_t last = last_psc(o, r, told->gfn, true), n = last > o->forgotten ? last : 0;
	const char *wrong;

	if (n ? !is_same_psc(&o->psc[n - 1], &told->psc) : told->psc.known)
		return "psc, by the tracepoint of PSCs,";
	if (!number_is(r->event, "psc_seq", n && r->answered - n < RING ? n : 0))
		return "psc_seq";
	if (!*r->text)
		return NULL;
	wrong = wrong_text_of_psc(o, r, n, told);
	return wrong ? wrong : wrong_refused(o, r, told->gfn, last);
}

/* --- the error code --- */

static void error_code_in_words(uint64_t code, char *buf, size_t size)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} bits[] = {
		{ NPF_PRESENT, "PRESENT" }, { NPF_WRITE, "WRITE" }, { NPF_USER, "USER" },
		{ NPF_FETCH, "FETCH" }, { NPF_RMP, "RMP" }, { NPF_FINAL, "FINAL" },
		{ NPF_TABLE, "PAGE" },
		{ NPF_ENC, "ENC" }, { NPF_VMPL, "VMPL" },
	};
	const char *comma = "";
	int n = snprintf(buf, size, "0x%lx(", code);

	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		if (!(code & bits[i].bit))
			continue;
		n += snprintf(buf + n, size - n, "%s%s", comma, bits[i].name);
		comma = ",";
	}
	snprintf(buf + n, size - n, ")");
}

static const char *wrong_error_code(const struct record *r, const struct told *o)
{
	uint64_t code = record_number(r->event, "err") & HARDWARE_BITS;
	uint64_t open = o->error_known ? 0 : NPF_PRESENT | NPF_RMP;
	const char *op = o->error_code & NPF_TABLE ? "walk" :
			 o->error_code & NPF_FETCH ? "fetch" :
			 o->error_code & NPF_WRITE ? "write" : "read";
	char words[128];

	if ((code & ~open) != (o->error_code & ~open))
		return "err";
	/* A page that is the other side's is mapped for it. */
	if (!(code & NPF_PRESENT) != !(code & NPF_RMP))
		return "err";
	if (!*r->text)
		return NULL;
	error_code_in_words(code, words, sizeof(words));
	if (!key_is(r->text, "err", words))
		return "err in words";
	if (!key_is(r->text, "access", code & NPF_ENC ? "private" : "shared"))
		return "access";
	return key_is(r->text, "op", op) ? NULL : "op";
}

/* --- the rest --- */

static const char *wrong_event(const struct observer *o, const struct record *r,
			       const struct told *told)
{
	if (!number_is(r->event, "pid", o->pid))
		return "pid";
	if (!number_is(r->event, "gfn", told->gfn))
		return "gfn";
	if (!number_is(r->event, "gpa", told->gfn * GUEST_PAGE + told->offset))
		return "gpa";
	if (!key_is(r->event, "class", class_names[told->verdict.class]))
		return "class";
	if (!key_is(r->event, "expected", expected_names[told->verdict.expected]))
		return "expected";
	return key_is(r->event, "action", action_names[told->action]) ? NULL : "action";
}

static unsigned int nr_places;

unsigned int evidence_places(void)
{
	return nr_places;
}

/* Nowhere, or, where that may be known, in the guest's code; or at @page. */
static bool is_place(const char *text, const char *key, const char *level, bool may_be_known,
		     uint64_t page)
{
	uint64_t rip = record_number(text, key);

	if (key_is(text, key, "n/a"))
		return key_is(text, level, "n/a");
	nr_places++;
	if (!may_be_known || !key_is(text, level, "0"))
		return false;
	return page ? rip == page : rip >= GUEST_IMAGE_GPA &&
				    rip < GUEST_IMAGE_GPA + GUEST_IMAGE_MAX;
}

/* Where an instruction is fetched, that is where the guest is. */
static uint64_t fetched_page(const struct told *told)
{
	uint64_t gpa = told->gfn * GUEST_PAGE;

	if (!(told->error_code & NPF_FETCH))
		return 0;
	return told->error_code & NPF_ENC ? gpa : GUEST_SHARED_VA + gpa;
}

/* Keys of which the event has nothing, or has the same. */
static const char *wrong_text(const struct observer *o, const struct record *r,
			      const struct told *told)
{
	static const char *const both[] = {
		"vm", "pid", "vcpu", "gfn", "gpa", "class", "expected", "action",
	};
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "comm", o->comm },
		{ "source", source_names[told->source] },
		{ "attr", told->attr_private ? "private" : "shared" },
		{ "launch", told->launched ? "yes" : "no" },
		{ "rmp", told->present ? "assigned:1,level:4K" : "n/a" },
		{ "mode", mode_names[told->mode] },
		{ "escalated", escalated_names[told->escalated] },
		{ "used", used_names[told->used] },
	};
	char value[64];
	uint64_t n = record_number(r->text, "n");

	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		field_read(r->event, both[i], value, sizeof(value));
		if (!key_is(r->text, both[i], value))
			return both[i];
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (!key_is(r->text, texts[i].key, texts[i].value))
			return texts[i].key;
	}
	if (!is_place(r->text, "rip", "cpl", o->debuggable, fetched_page(told)))
		return "rip";
	if (!is_place(r->text, "psc_rip", "psc_cpl", o->request_sites && told->psc.known, 0))
		return "psc_rip";
	if (key_is(r->text, "pfn", "none") == told->present)
		return "pfn";
	if (told->discarded ? !is_age(o, r, "hole_age_us") : !key_is(r->text, "hole_age_us", "n/a"))
		return "hole_age_us";
	/* Any number of times, but it is there. */
	if (key_is(r->text, "repeats", ""))
		return "repeats";
	return n < 1 || n > told->most ? "n" : NULL;
}

const char *evidence_wrong(const struct observer *o, const struct record *r,
			   const struct told *told)
{
	const char *wrong = wrong_event(o, r, told);

	if (!wrong)
		wrong = wrong_error_code(r, told);
	if (!wrong)
		wrong = wrong_psc(o, r, told);
	if (!wrong && *r->text)
		wrong = wrong_text(o, r, told);
	return wrong;
}
