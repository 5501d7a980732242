// SPDX-License-Identifier: GPL-2.0-only
/* A VM's counters and states in sysfs against the model's. */
#include <stdio.h>
#include "evidence.h"
#include "verify.h"

static bool verify_words(const struct model *m, const struct observer *o, char *why, size_t size)
{
	const struct {
		const char *name, *wanted;
	} words[] = {
		{ "effective_mode", mode_names[model_mode(m)] },
		{ "state", m->terminated ? "terminated" : "running" },
		{ "history", m->partial ? "partial" : "complete" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!observe_says(o, words[i].name, words[i].wanted)) {
			snprintf(why, size, "%s is not %s", words[i].name, words[i].wanted);
			return false;
		}
	}
	return true;
}

struct counter {
	const char *name;
	uint64_t least, most;
};

static bool verify_counter(const struct observer *o, const struct counter *c, char *why,
			   size_t size)
{
	uint64_t is = observe_number(o, c->name);

	if (is >= c->least && is <= c->most)
		return true;
	if (c->least == c->most)
		snprintf(why, size, "%s is %lu, not %lu", c->name, is, c->most);
	else
		snprintf(why, size, "%s is %lu, not %lu to %lu", c->name, is, c->least, c->most);
	return false;
}

#define EXACT(name, value)	{ name, value, value }

bool verify_counters(const struct model *m, const struct observer *o,
		     struct extras *extras, const struct boot *boot, char *why, size_t size)
{
	uint64_t npf = boot->npf + m->count.npf, injected = m->count.injected;
	const struct counter counters[] = {
		EXACT("psc_requests", m->count.requests + boot->pscs),
		EXACT("psc_completed", m->count.completed + boot->pscs),
		EXACT("psc_refused", m->count.refused),
		EXACT("psc_pages", m->count.pages + boot->pscs),
		EXACT("psc_redundant", m->count.redundant),
		EXACT("pages_discarded", m->count.discarded),
		EXACT("prefaults_skipped", m->count.skipped),
		EXACT("launch_pages", boot->launch_pages),
		EXACT("log_suppressed", o->total - o->logged),
		EXACT("violations/enforced", m->count.enforced + extras->enforced),
		/* One more #VC for the same, which was no record; and as often as KVM likes. */
		{ "violations/repeated", extras->repeated, observe_number(o, "npf_judged") },
		/* KVM may have a guest fault again, as often as it likes. */
		{ "npf_judged", npf, model_mode(m) == MODE_OFF ? extras->npf : ~0ull },
		/*
		 * A page of the handler's may fault too, once, or again when KVM drops all
		 * translations with those of a slot: then the #VC is injected again.
		 */
		{ "vc_injected", injected, m->zapped ? ~0ull : injected + boot->untouched },
	};
	char name[64];

	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		if (!verify_counter(o, &counters[i], why, size))
			return false;
	}
	for (unsigned int c = 1; c < NR_CLASSES; c++) {
		uint64_t wanted = m->count.class[c] + extras->class[c];

		snprintf(name, sizeof(name), "violations/%s", class_names[c]);
		if (!verify_counter(o, &(struct counter)EXACT(name, wanted), why, size))
			return false;
	}
	extras->npf = observe_number(o, "npf_judged");
	return verify_words(m, o, why, size);
}
