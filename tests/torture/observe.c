// SPDX-License-Identifier: GPL-2.0-only
/* The files of a VM. */
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
	o->pid = getpid();
	o->id = newest_of(o->pid);
	o->opened_us = now_us();
	o->last.logged = true;
	if (!file_read("/proc/self/comm", o->comm, sizeof(o->comm)) ||
	    !kmsg_open(&o->log, false))
		return false;
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		return false;
	/* Records of all CPUs in the order in which they were made. */
	if (file_write(INSTANCE "/trace_clock", "counter") ||
	    file_write(INSTANCE "/trace", "") ||
	    file_write(INSTANCE "/events/rmp_enforce/psc_complete/enable", "1") ||
	    file_write(INSTANCE "/events/rmp_enforce/violation/enable", "1"))
		return false;
	o->trace = open(INSTANCE "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return o->id && o->trace >= 0;
}

void observe_close(struct observer *o)
{
	if (o->trace > 0)
		close(o->trace);
	file_write(INSTANCE "/events/rmp_enforce/psc_complete/enable", "0");
	file_write(INSTANCE "/events/rmp_enforce/violation/enable", "0");
	kmsg_close(&o->log);
	observe_free_records(o);
}

uint64_t observe_number(const struct observer *o, const char *name)
{
	char path[128], buf[64];

	snprintf(path, sizeof(path), "vms/%u/%s", o->id, name);
	return knob_read(path, buf, sizeof(buf)) ? strtoull(buf, NULL, 10) : ~0ull;
}

bool observe_says(const struct observer *o, const char *name, const char *word)
{
	char path[128], buf[64];

	snprintf(path, sizeof(path), "vms/%u/%s", o->id, name);
	return knob_read(path, buf, sizeof(buf)) && !strcmp(buf, word);
}

/* What is known of a page, and how: as page_state has it. */
struct state {
	uint8_t said;
	char source;		/* the first letter: none, psc, launch or use */
};

static enum said said_of(const char *state)
{
	if (!strcmp(state, "launched"))
		return SAID_LAUNCHED;
	if (!strcmp(state, "private"))
		return SAID_PRIVATE;
	return strcmp(state, "shared") ? SAID_NOTHING : SAID_SHARED;
}

static void read_states(char *text, struct state *is)
{
	char *save = NULL, state[32], source[32];

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		uint64_t last = record_number(l, "last");

		record_key(l, "state", state, sizeof(state));
		record_key(l, "source", source, sizeof(source));
		for (uint64_t g = record_number(l, "gfn"); g <= last; g++) {
			if (g - ARENA_GFN < ARENA_PAGES)
				is[g - ARENA_GFN] = (struct state){ said_of(state), *source };
		}
	}
}

static char source_of(const struct page *p)
{
	if (p->said == SAID_NOTHING)
		return 'n';
	if (p->by_use)
		return 'u';
	return p->said == SAID_LAUNCHED ? 'l' : 'p';
}

bool observe_same_states(const struct observer *o, struct model *m, uint64_t *gfn)
{
	static char buf[BUFFER];
	static struct state is[ARENA_PAGES];
	char path[128];

	*gfn = 0;
	snprintf(path, sizeof(path), DEBUGFS "/%u/page_state", o->id);
	if (!file_read(path, buf, sizeof(buf)))
		return false;
	for (unsigned int i = 0; i < ARENA_PAGES; i++)
		is[i] = (struct state){ SAID_NOTHING, 'n' };
	read_states(buf, is);
	for (*gfn = ARENA_GFN; *gfn < ARENA_GFN + ARENA_PAGES; ++*gfn) {
		const struct page *p = model_page(m, *gfn);
		const struct state *s = &is[*gfn - ARENA_GFN];

		/* Without a slot a state means nothing, whatever is kept. */
		if (p->has_slot && (s->said != p->said || s->source != source_of(p)))
			return false;
	}
	return true;
}
