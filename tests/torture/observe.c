// SPDX-License-Identifier: GPL-2.0-only
/* The files of a VM. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "e2e/module.h"
#include "observe.h"
#include "vmm/clock.h"

#define INSTANCE	TRACEFS "/instances/torture"
#define BUFFER		(512 * 1024)
#define RING		MODEL_RING	/* PSCs in psc_history */

bool observe_reset(void)
{
	return module_reset();
}

bool observe_open(struct observer *o)
{
	memset(o, 0, sizeof(*o));
	o->pid = getpid();
	o->id = module_newest_vm(o->pid);
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

/* --- debugfs --- */

/* What is said of a page. */
struct page_said {
	uint8_t asked, used;	/* enum state */
	char source;		/* the first letter: none, psc, launch or use */
	bool discarded, unused;
};

/* A file's lines, one after the other; NULL if it can't be read. */
struct lines {
	char *at, *save;
};

static bool read_lines(const struct observer *o, const char *name, struct lines *l)
{
	static char buf[BUFFER];
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%u/%s", o->id, name);
	*l = (struct lines){ buf, NULL };
	return file_read(path, buf, sizeof(buf)) && strlen(buf) < sizeof(buf) - 1;
}

static const char *next_line(struct lines *l)
{
	char *line = strtok_r(l->at, "\n", &l->save);

	l->at = NULL;
	return line;
}

/* The pages of a line, as far as they are the model's. */
static void mark(const char *line, struct page_said *is,
		 void (*set)(const char *line, struct page_said *is))
{
	uint64_t last = record_number(line, "last");

	for (uint64_t g = record_number(line, "gfn"); g <= last && g < ARENA_GFN + ARENA_PAGES;
	     g++) {
		if (g >= ARENA_GFN)
			set(line, &is[g - ARENA_GFN]);
	}
}

static uint8_t state_of(const char *line, const char *key)
{
	char state[32];

	field_read(line, key, state, sizeof(state));
	if (!strcmp(state, "launched"))
		return STATE_LAUNCHED;
	if (!strcmp(state, "private"))
		return STATE_PRIVATE;
	return strcmp(state, "shared") ? STATE_NONE : STATE_SHARED;
}

/* What a page is: as it is used, if that is not what was asked for. */
static void set_state(const char *line, struct page_said *is)
{
	char source[32];

	field_read(line, "source", source, sizeof(source));
	is->source = *source;
	is->asked = state_of(line, "asked");
	is->used = *source == 'u' ? state_of(line, "state") : STATE_NONE;
	if (*source != 'u' && is->asked != state_of(line, "state"))
		is->source = '?';
}

static void set_discarded(const char *line, struct page_said *is)
{
	(void)line;
	is->discarded = true;
}

static void set_unused(const char *line, struct page_said *is)
{
	(void)line;
	is->unused = true;
}

static char source_of(const struct page *p)
{
	if (p->used != STATE_NONE)
		return 'u';
	return p->asked == STATE_NONE ? 'n' : p->asked == STATE_LAUNCHED ? 'l' : 'p';
}

static bool wrong_state(const struct page *p, const struct page_said *s)
{
	return s->asked != p->asked || s->used != p->used || s->source != source_of(p);
}

static bool wrong_hole(const struct page *p, const struct page_said *s)
{
	return s->discarded != p->discarded;
}

/* Asked for as private, and there is no page. */
static bool wrong_use(const struct page *p, const struct page_said *s)
{
	return s->unused != (p->asked == STATE_PRIVATE && !p->present);
}

static const struct {
	const char *name;
	void (*set)(const char *line, struct page_said *is);
	bool (*wrong)(const struct page *p, const struct page_said *is);
} page_files[] = {
	{ "page_state", set_state, wrong_state },
	{ "holes", set_discarded, wrong_hole },
	{ "psc_unused", set_unused, wrong_use },
};

#define NR_PAGE_FILES	(sizeof(page_files) / sizeof(*page_files))

static void print_page(const struct page *p, const struct page_said *s)
{
	printf("# the file (0: it does not say): asked %d used %d unused %d discarded %d; the model: asked %d used %d attr_private %d present %d discarded %d\n",
	       s->asked, s->used, s->unused, s->discarded, p->asked, p->used, p->attr_private,
	       p->present, p->discarded);
}

static bool same_pages(const struct observer *o, struct model *m, size_t file, uint64_t *gfn)
{
	static struct page_said is[ARENA_PAGES];
	struct lines l;
	const char *line;

	*gfn = 0;
	if (!read_lines(o, page_files[file].name, &l))
		return false;
	for (unsigned int i = 0; i < ARENA_PAGES; i++)
		is[i] = (struct page_said){ .source = 'n' };
	while ((line = next_line(&l)))
		mark(line, is, page_files[file].set);
	for (*gfn = ARENA_GFN; *gfn < ARENA_GFN + ARENA_PAGES; ++*gfn) {
		const struct page *p = model_page(m, *gfn);

		/* Without a slot a state means nothing, whatever is kept. */
		if (p->has_slot && page_files[file].wrong(p, &is[*gfn - ARENA_GFN])) {
			print_page(p, &is[*gfn - ARENA_GFN]);
			return false;
		}
	}
	return true;
}

static bool is_word(const char *line, const char *key, const char *word)
{
	char is[32];

	field_read(line, key, is, sizeof(is));
	return !strcmp(is, word);
}

/* The last ones, as the tracepoint has had them. */
static bool same_pscs(const struct observer *o, uint64_t *number)
{
	struct lines l;
	const char *line;

	*number = o->npscs > RING ? o->npscs - RING : 0;
	if (!read_lines(o, "psc_history", &l))
		return false;
	while ((line = next_line(&l))) {
		const struct answered *a = &o->psc[*number];

		if (++*number > o->npscs)
			return false;
		if (record_number(line, "seq") != *number ||
		    record_number(line, "gfn") != a->gfn ||
		    record_number(line, "pages") != a->pages ||
		    record_number(line, "vcpu") != (uint64_t)a->vcpu ||
		    record_number(line, "ret") != a->ret ||
		    !is_word(line, "to", a->to_private ? "private" : "shared") ||
		    !is_word(line, "result", a->completed ? "completed" : "refused") ||
		    !is_word(line, "redundant", a->redundant ? "yes" : "no"))
			return false;
	}
	return *number == o->npscs;
}

bool observe_same_states(const struct observer *o, struct model *m, const char **file,
			 uint64_t *number)
{
	for (size_t i = 0; i < NR_PAGE_FILES; i++) {
		*file = page_files[i].name;
		if (!same_pages(o, m, i, number))
			return false;
	}
	*file = "psc_history";
	return same_pscs(o, number);
}
