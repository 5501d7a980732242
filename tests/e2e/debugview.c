// SPDX-License-Identifier: GPL-2.0-only
/* The files of a VM in debugfs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guard.h"

#define BUFFER	(512 * 1024)

static char *read_all(struct vm *vm, const char *name)
{
	char *buf = malloc(BUFFER);

	if (!guard_debug(vm, name, buf, BUFFER)) {
		fail("debugfs file %s of vm %u can't be read", name, guard_id(vm));
		buf[0] = '\0';
	}
	return buf;
}

unsigned int debug_count(struct vm *vm, const char *name, const char *fmt, ...)
{
	char wanted[1024], *buf, *save = NULL;
	unsigned int n = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	buf = read_all(vm, name);
	for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		n += record_matches(l, wanted);
	free(buf);
	return n;
}

/* The line of the map that has the page, in a static buffer; empty if none has. */
static const char *page_line(struct vm *vm, uint64_t gpa)
{
	static char line[256];
	uint64_t gfn = gpa / GUEST_PAGE;
	char *buf = read_all(vm, "page_state"), *save = NULL;

	line[0] = '\0';
	for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (record_number(l, "gfn") <= gfn && gfn <= record_number(l, "last"))
			snprintf(line, sizeof(line), "%s", l);
	}
	free(buf);
	return line;
}

void expect_page_state(struct vm *vm, uint64_t gpa, const char *state)
{
	const char *is = record_value(page_line(vm, gpa), "state") ?: "none";

	check(!strcmp(is, state), "page_state of gfn %#lx is %s, not %s", gpa / GUEST_PAGE, is,
	      state);
}

void expect_page(struct vm *vm, uint64_t gpa, const char *fmt, ...)
{
	const char *is = page_line(vm, gpa);
	char wanted[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	check(record_matches(is, wanted), "page_state of gfn %#lx is '%s', not %s",
	      gpa / GUEST_PAGE, is, wanted);
}

void expect_psc_done(struct vm *vm, uint64_t gpa, uint64_t pages, bool to_private,
		     bool completed)
{
	check(debug_has(vm, "psc_history", "gfn=0x%lx pages=%lu to=%s result=%s",
			gpa / GUEST_PAGE, pages, to_private ? "private" : "shared",
			completed ? "completed" : "refused"),
	      "psc_history has no PSC of gfn %#lx, %lu pages", gpa / GUEST_PAGE, pages);
}
