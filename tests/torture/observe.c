// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records come from the tracepoint, which gives all of them but not everything
 * of each, and from debugfs, which gives the last ones in full.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "e2e/module.h"
#include "observe.h"

#define INSTANCE	TRACEFS "/instances/torture"
#define BUFFER		(256 * 1024)

bool observe_reset(void)
{
	return module_reset();
}

static unsigned int newest_of(pid_t pid)
{
	char path[300], buf[32];
	unsigned int id, best = 0;
	struct dirent *e;
	DIR *d = opendir(SYSFS "/vms");

	while (d && (e = readdir(d))) {
		id = atoi(e->d_name);
		snprintf(path, sizeof(path), "vms/%s/pid", e->d_name);
		if (id > best && knob_read(path, buf, sizeof(buf)) && atoi(buf) == pid)
			best = id;
	}
	if (d)
		closedir(d);
	return best;
}

bool observe_open(struct observer *o)
{
	memset(o, 0, sizeof(*o));
	o->id = newest_of(getpid());
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		return false;
	/* Records of all CPUs in the order in which they were made. */
	if (file_write(INSTANCE "/trace_clock", "counter") ||
	    file_write(INSTANCE "/trace", "") ||
	    file_write(INSTANCE "/events/rmp_enforce/violation/enable", "1"))
		return false;
	o->trace = open(INSTANCE "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return o->id && o->trace >= 0;
}

void observe_close(struct observer *o)
{
	if (o->trace > 0)
		close(o->trace);
	file_write(INSTANCE "/events/rmp_enforce/violation/enable", "0");
	for (unsigned int i = 0; i < MODEL_VCPUS; i++)
		free(o->of_vcpu[i].record);
}

void record_key(const char *text, const char *key, char *value, size_t size)
{
	size_t n = strlen(key);

	*value = '\0';
	for (const char *p = text; p; p = strchr(p, ' ')) {
		while (*p == ' ')
			p++;
		if (!strncmp(p, key, n) && p[n] == '=') {
			snprintf(value, size, "%.*s", (int)strcspn(p + n + 1, "\n "), p + n + 1);
			return;
		}
	}
}

static unsigned int number_of(const char *text, const char *key)
{
	char value[32];

	record_key(text, key, value, sizeof(value));
	return strtoul(value, NULL, 0);
}

static void take_event(struct observer *o, const char *text)
{
	struct records *r;

	if (number_of(text, "vm") != o->id)
		return;
	r = &o->of_vcpu[number_of(text, "vcpu") % MODEL_VCPUS];
	if (r->n == r->room) {
		r->room += 64;
		r->record = realloc(r->record, r->room * sizeof(*r->record));
		if (!r->record)
			abort();
	}
	snprintf(r->record[r->n].event, sizeof(r->record[r->n].event), "%s", text);
	r->record[r->n++].text[0] = '\0';
	o->total++;
}

static bool take_line(struct observer *o, const char *line)
{
	const char *text = strstr(line, "violation: ");

	if (text)
		take_event(o, text + strlen("violation: "));
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

/* From the last one backwards: a vCPU's records are in the same order in both. */
static void add_texts(struct observer *o)
{
	static char buf[BUFFER];
	unsigned int at[MODEL_VCPUS];
	char path[128], *line;

	for (unsigned int i = 0; i < MODEL_VCPUS; i++)
		at[i] = o->of_vcpu[i].n;
	snprintf(path, sizeof(path), DEBUGFS "/%u/violations", o->id);
	if (!file_read(path, buf, sizeof(buf)))
		return;
	while ((line = strrchr(buf, '\n')) || *buf) {
		const char *text = line ? line + 1 : buf;
		unsigned int vcpu = number_of(text, "vcpu") % MODEL_VCPUS;

		if (at[vcpu])
			snprintf(o->of_vcpu[vcpu].record[--at[vcpu]].text, OBSERVE_TEXT, "%.767s",
				 text);
		if (line)
			*line = '\0';
		else
			*buf = '\0';
	}
}

bool observe_records(struct observer *o)
{
	uint64_t before = o->total;

	for (unsigned int i = 0; i < MODEL_VCPUS; i++) {
		o->of_vcpu[i].n = 0;
		o->of_vcpu[i].next = 0;
	}
	if (!read_trace(o))
		return false;
	if (o->total != before)
		add_texts(o);
	return true;
}

uint64_t observe_number(const struct observer *o, const char *name)
{
	char path[128], buf[64];

	snprintf(path, sizeof(path), "vms/%u/%s", o->id, name);
	return knob_read(path, buf, sizeof(buf)) ? strtoull(buf, NULL, 10) : ~0ull;
}

bool observe_set(const struct observer *o, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "vms/%u/%s", o->id, name);
	return !knob_write(path, value);
}

static enum said said_of(const char *state)
{
	if (!strcmp(state, "launched"))
		return SAID_LAUNCHED;
	if (!strcmp(state, "private"))
		return SAID_PRIVATE;
	return strcmp(state, "shared") ? SAID_NOTHING : SAID_SHARED;
}

bool observe_same_states(const struct observer *o, struct model *m, uint64_t *gfn)
{
	static char buf[BUFFER];
	static uint8_t is[ARENA_PAGES];
	char path[128], *save = NULL, state[32], value[32];

	snprintf(path, sizeof(path), DEBUGFS "/%u/page_state", o->id);
	if (!file_read(path, buf, sizeof(buf)))
		return false;
	memset(is, SAID_NOTHING, sizeof(is));
	for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		uint64_t last;

		record_key(l, "state", state, sizeof(state));
		record_key(l, "last", value, sizeof(value));
		last = strtoull(value, NULL, 0);
		record_key(l, "gfn", value, sizeof(value));
		for (uint64_t g = strtoull(value, NULL, 0); g <= last; g++) {
			if (model_page(m, g))
				is[g - ARENA_GFN] = said_of(state);
		}
	}
	for (*gfn = ARENA_GFN; *gfn < ARENA_GFN + ARENA_PAGES; ++*gfn) {
		struct page *p = model_page(m, *gfn);

		/* Without a slot a state means nothing, whatever is kept. */
		if (p->has_slot && is[*gfn - ARENA_GFN] != p->said)
			return false;
	}
	return true;
}
