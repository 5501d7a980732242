// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records come from the tracepoint, which gives all of them but not everything of
 * each, and has the PSCs between them; from debugfs, which gives the last ones in
 * full; and from the kernel's log, which has those that the limits let through.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "e2e/module.h"
#include "evidence.h"
#include "observe.h"
#include "vmm/clock.h"

#define KEPT	32	/* records in debugfs, of either kind */
#define BUFFER	(2 * KEPT * OBSERVE_TEXT)

uint64_t record_number(const char *text, const char *key)
{
	char value[32];

	field_read(text, key, value, sizeof(value));
	return strtoull(value, NULL, 0);
}

/* Room for one more of @n, twice as much as there was if need be. */
static void *grow(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? 2 * *room : 64;
	array = realloc(array, *room * size);
	if (!array)
		abort();
	return array;
}

static void take_violation(struct observer *o, const char *text)
{
	struct records *r = &o->of_vcpu[record_number(text, "vcpu") % MODEL_VCPUS];
	struct record *new;
	char action[16];

	r->record = grow(r->record, r->n, &r->room, sizeof(*r->record));
	new = &r->record[r->n++];
	snprintf(new->event, sizeof(new->event), "%s", text);
	new->text[0] = '\0';
	new->answered = o->npscs;
	field_read(text, "action", action, sizeof(action));
	new->acted = strcmp(action, "none");
	o->of_kind[new->acted]++;
	o->total++;
}

static void take_psc(struct observer *o, const char *text)
{
	char to[16];

	field_read(text, "to", to, sizeof(to));
	o->psc = grow(o->psc, o->npscs, &o->psc_room, sizeof(*o->psc));
	o->psc[o->npscs++] = (struct answered){
		.gfn = record_number(text, "gfn"), .pages = record_number(text, "pages"),
		.vcpu = record_number(text, "vcpu"), .to_private = !strcmp(to, "private"),
		.ret = record_number(text, "ret"), .completed = !record_number(text, "ret"),
	};
}

static bool take_line(struct observer *o, const char *line)
{
	static const struct {
		const char *name;
		void (*take)(struct observer *o, const char *text);
	} events[] = {
		{ "violation: ", take_violation },
		{ "psc_complete: ", take_psc },
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		const char *text = strstr(line, events[i].name);

		if (text && record_number(text + strlen(events[i].name), "vm") == o->id)
			events[i].take(o, text + strlen(events[i].name));
	}
	return !strstr(line, "LOST");
}

static bool read_trace(struct observer *o)
{
	char buf[8192], *line, *end;
	size_t have = strlen(o->partial);
	ssize_t n;

	memcpy(buf, o->partial, have);
	while ((n = read(o->trace, buf + have, sizeof(buf) - 1 - have)) > 0) {
		buf[have + n] = '\0';
		for (line = buf; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			if (!take_line(o, line))
				return false;
		}
		have = strlen(line);
		memmove(buf, line, have + 1);
	}
	snprintf(o->partial, sizeof(o->partial), "%.*s", (int)have, buf);
	return true;
}

/* A record as the log has it. */
static const char *record_itself(const char *text)
{
	const char *vm = strstr(text, " vm=");

	return vm ? vm + 1 : text;
}

static bool read_log(struct observer *o)
{
	char line[KMSG_LINE];

	while (kmsg_next(&o->log, line)) {
		const char *text = strstr(line, "violation vm=");

		if (!text || record_number(record_itself(text), "vm") != o->id)
			continue;
		o->line = grow(o->line, o->nlines, &o->line_room, sizeof(*o->line));
		o->line[o->nlines++] = strdup(record_itself(text));
		o->act_logged |= !strstr(text, " action=none ");
		o->logged++;
	}
	return !o->log.lost;
}

/* All but repeats=, which goes on to count. */
static bool is_same_record(const char *a, const char *b)
{
	static const char key[] = " repeats=";
	const char *ra = strstr(a, key), *rb = strstr(b, key);

	if (!ra || !rb || ra - a != rb - b || strncmp(a, b, ra - a))
		return false;
	ra += sizeof(key) - 1;
	rb += sizeof(key) - 1;
	return !strcmp(ra + strspn(ra, "0123456789"), rb + strspn(rb, "0123456789"));
}

static bool is_logged(const struct observer *o, const char *text)
{
	for (size_t i = 0; i < o->nlines; i++) {
		if (is_same_record(o->line[i], record_itself(text)))
			return true;
	}
	return false;
}

/* Does a record say how many before it are not in the log? Of one seen before: yes. */
static bool says_what_is_missing(struct observer *o, const char *text)
{
	struct last_record is = {
		record_number(text, "seq"), record_number(text, "suppressed"), is_logged(o, text),
	};
	bool right;

	if (is.number <= o->last.number)
		return true;
	right = is.number != o->last.number + 1 ||
		is.suppressed == (o->last.logged ? 0 : o->last.suppressed + 1);
	o->last = is;
	return right;
}

/*
 * From the last one backwards: a vCPU's records of either kind are in the same order in
 * both.
 */
static void add_texts(struct observer *o, char *const *text, unsigned int n)
{
	unsigned int at[MODEL_VCPUS][2];

	for (unsigned int i = 0; i < MODEL_VCPUS; i++)
		at[i][0] = at[i][1] = o->of_vcpu[i].n;
	while (n--) {
		unsigned int vcpu = record_number(text[n], "vcpu") % MODEL_VCPUS;
		bool acted = !strstr(text[n], " action=none ");
		struct record *r = o->of_vcpu[vcpu].record;
		unsigned int *i = &at[vcpu][acted];

		while (*i && r[*i - 1].acted != acted)
			--*i;
		if (*i)
			snprintf(r[--*i].text, OBSERVE_TEXT, "%s", text[n]);
	}
}

static unsigned int kept(uint64_t n)
{
	return n < KEPT ? n : KEPT;
}

static const char *read_texts(struct observer *o)
{
	static char buf[BUFFER];
	char path[128], *save = NULL, *text[2 * KEPT];
	unsigned int n = 0;

	snprintf(path, sizeof(path), DEBUGFS "/%u/violations", o->id);
	if (!file_read(path, buf, sizeof(buf)))
		return "the violations in debugfs can't be read";
	for (char *l = strtok_r(buf, "\n", &save); l && n < 2 * KEPT;
	     l = strtok_r(NULL, "\n", &save))
		text[n++] = l;
	if (n != kept(o->of_kind[false]) + kept(o->of_kind[true]))
		return "records in debugfs are too many or too few";
	for (unsigned int i = 1; i < n; i++) {
		if (record_number(text[i], "seq") <= record_number(text[i - 1], "seq"))
			return "records in debugfs are not in order";
	}
	add_texts(o, text, n);
	for (unsigned int i = 0; i < n; i++) {
		if (!says_what_is_missing(o, text[i]))
			return "suppressed= is not how many records are missing in the log";
	}
	if (o->of_kind[true] && !o->act_logged)
		return "what was acted upon first is not in the log";
	return NULL;
}

static void drop_lines(struct observer *o)
{
	while (o->nlines)
		free(o->line[--o->nlines]);
	free(o->line);
	o->line = NULL;
	o->line_room = 0;
}

void observe_round(struct observer *o)
{
	for (unsigned int i = 0; i < MODEL_VCPUS; i++) {
		o->of_vcpu[i].n = 0;
		o->of_vcpu[i].next = 0;
	}
	drop_lines(o);
	o->before = o->total;
	o->round_psc = o->npscs;
}

/* An event that is lost here is missed at the end of the round. */
bool observe_has(struct observer *o, unsigned int vcpu, const struct told *told)
{
	const struct records *r = &o->of_vcpu[vcpu];
	const char *event;
	char class[32];

	if (!read_trace(o) || !r->n)
		return false;
	event = r->record[r->n - 1].event;
	field_read(event, "class", class, sizeof(class));
	return record_number(event, "gfn") == told->gfn &&
	       !strcmp(class, class_names[told->verdict.class]) &&
	       !((record_number(event, "err") ^ told->error_code) & NPF_ENC);
}

#define PSC_EVENTS	TRACEFS "/instances/torture/events/rmp_enforce/psc_complete/enable"

bool observe_ranges_begin(struct observer *o)
{
	return read_trace(o) && !file_write(PSC_EVENTS, "0");
}

bool observe_ranges_end(struct observer *o, int vcpu, uint64_t gfn, uint64_t stride,
			uint64_t n)
{
	o->first_range = o->npscs;
	o->nranges = n;
	for (uint64_t i = 0; i < n; i++) {
		o->psc = grow(o->psc, o->npscs, &o->psc_room, sizeof(*o->psc));
		o->psc[o->npscs++] = (struct answered){
			.gfn = gfn + i * stride, .pages = 1, .vcpu = vcpu, .completed = true,
		};
	}
	o->round_psc = o->npscs;
	if (model_forgets(n))
		o->forgotten = o->npscs;
	return !file_write(PSC_EVENTS, "1");
}

const char *observe_records(struct observer *o)
{
	o->age_us = now_us() - o->opened_us;
	if (!read_trace(o))
		return "events were lost";
	if (!read_log(o))
		return "lines of the kernel's log were lost";
	return o->total == o->before ? NULL : read_texts(o);
}

void observe_free_records(struct observer *o)
{
	for (unsigned int i = 0; i < MODEL_VCPUS; i++)
		free(o->of_vcpu[i].record);
	drop_lines(o);
	free(o->psc);
}
