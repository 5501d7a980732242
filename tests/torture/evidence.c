// SPDX-License-Identifier: GPL-2.0-only
/*
 * A record, key by key.  The tracepoint's event is there for each; the whole record
 * only for the last ones, and what both have must agree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evidence.h"

#define RING		2048	/* PSCs that the module remembers */
#define HARDWARE_BITS	((1ull << 48) - 1)

const char *const class_names[NR_CLASSES] = {
	"none", "implicit_private", "implicit_shared", "first_touch", "initial_shared",
	"in_flight", "vmpl", "host",
};

const char *const expected_names[] = { "initial", "private", "shared" };
const char *const action_names[] = { "none", "vc", "terminate" };
const char *const mode_names[] = { "off", "lenient", "strict" };
static const char *const source_names[] = { "none", "psc", "launch", "use" };

static bool key_is(const char *text, const char *key, const char *wanted)
{
	char value[64];

	record_key(text, key, value, sizeof(value));
	return !strcmp(value, wanted);
}

static bool number_is(const char *text, const char *key, uint64_t wanted)
{
	char value[64], *end;

	record_key(text, key, value, sizeof(value));
	return strtoull(value, &end, 0) == wanted && *value && !*end;
}

/* --- the last PSC of the gfn --- */

/* Its number among those answered before the record, 0 if there is none. */
static size_t last_psc(const struct observer *o, const struct record *r, uint64_t gfn)
{
	for (size_t n = r->answered; n; n--) {
		const struct answered *a = &o->psc[n - 1];

		if (a->completed && gfn - a->gfn < a->pages)
			return n;
	}
	return 0;
}

static bool is_same_psc(const struct answered *a, const struct psc_seen *p)
{
	return p->known && a->to_private == p->to_private && a->vcpu == p->vcpu &&
	       a->gfn == p->gfn && a->pages == p->pages;
}

static const char *wrong_text_of_psc(const struct observer *o, const struct record *r,
				     size_t n)
{
	const struct answered *a = &o->psc[n - 1];
	const char *t = r->text;

	if (!number_is(t, "psc_seq", r->answered))
		return "psc_seq in debugfs";
	if (!n) {
		if (!key_is(t, "psc", r->answered > RING ? "unknown" : "none"))
			return "psc";
		return key_is(t, "psc_age_us", "n/a") && key_is(t, "psc_vcpu", "n/a") &&
		       key_is(t, "psc_gfn", "n/a") && key_is(t, "psc_pages", "n/a") ?
		       NULL : "psc_...=n/a";
	}
	if (!key_is(t, "psc", a->to_private ? "private" : "shared"))
		return "psc";
	if (!number_is(t, "psc_vcpu", a->vcpu))
		return "psc_vcpu";
	if (!number_is(t, "psc_gfn", a->gfn))
		return "psc_gfn";
	if (!number_is(t, "psc_pages", a->pages))
		return "psc_pages";
	return key_is(t, "psc_age_us", "n/a") || record_number(t, "psc_age_us") > o->age_us ?
	       "psc_age_us" : NULL;
}

/* It is in the record, and the model's, unless newer ones have pushed it out. */
static const char *wrong_psc(const struct observer *o, const struct record *r,
			     const struct plan_op *op)
{
	size_t n = last_psc(o, r, op->step->gfn);

	if (n ? !is_same_psc(&o->psc[n - 1], &op->outcome.psc) : op->outcome.psc.known)
		return "psc, by the tracepoint of PSCs,";
	if (n && r->answered - n >= RING)
		n = 0;
	if (!number_is(r->event, "psc_seq", n))
		return "psc_seq";
	return *r->text ? wrong_text_of_psc(o, r, n) : NULL;
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
		{ NPF_ENC, "ENC" },
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

static const char *wrong_error_code(const struct record *r, const struct outcome *o)
{
	uint64_t code = record_number(r->event, "err") & HARDWARE_BITS;
	uint64_t open = o->error_known ? 0 : NPF_PRESENT | NPF_RMP;
	const char *op = o->error_code & NPF_FETCH ? "fetch" :
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
			       const struct plan_op *op)
{
	const struct outcome *out = &op->outcome;

	if (!number_is(r->event, "pid", o->pid))
		return "pid";
	if (!number_is(r->event, "gfn", op->step->gfn))
		return "gfn";
	if (!number_is(r->event, "gpa", op->step->gfn * GUEST_PAGE))
		return "gpa";
	if (!key_is(r->event, "class", class_names[out->verdict.class]))
		return "class";
	if (!key_is(r->event, "expected", expected_names[out->verdict.expected]))
		return "expected";
	return key_is(r->event, "action", action_names[out->action]) ? NULL : "action";
}

/* Keys of which the event has nothing, or has the same. */
static const char *wrong_text(const struct observer *o, const struct record *r,
			      const struct outcome *out)
{
	static const char *const both[] = {
		"vm", "pid", "vcpu", "gfn", "gpa", "class", "expected", "action",
	};
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "comm", o->comm },
		{ "source", source_names[out->source] },
		{ "attr", out->attr_private ? "private" : "shared" },
		{ "launch", out->launched ? "yes" : "no" },
		{ "rmp", out->present ? "assigned:1,level:4K" : "n/a" },
		{ "rip", "n/a" },
		{ "mode", mode_names[out->mode] },
		{ "escalated", "no" },
	};
	char value[64];
	uint64_t n = record_number(r->text, "n");

	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		record_key(r->event, both[i], value, sizeof(value));
		if (!key_is(r->text, both[i], value))
			return both[i];
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (!key_is(r->text, texts[i].key, texts[i].value))
			return texts[i].key;
	}
	if (key_is(r->text, "pfn", "none") == out->present)
		return "pfn";
	return n < 1 || n > out->most ? "n" : NULL;
}

const char *evidence_wrong(const struct observer *o, const struct record *r,
			   const struct plan_op *op)
{
	const char *wrong = wrong_event(o, r, op);

	if (!wrong)
		wrong = wrong_error_code(r, &op->outcome);
	if (!wrong)
		wrong = wrong_psc(o, r, op);
	if (!wrong && *r->text)
		wrong = wrong_text(o, r, &op->outcome);
	return wrong;
}
