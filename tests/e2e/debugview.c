// SPDX-License-Identifier: GPL-2.0-only
/* The files of a VM in debugfs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guard.h"

#define BUFFER	(256 * 1024)

static char *read_all(struct vm *vm, const char *name)
{
	char *buf = malloc(BUFFER);

	if (!guard_debug(vm, name, buf, BUFFER)) {
		fail("debugfs file %s of vm %u can't be read", name, guard_id(vm));
		buf[0] = '\0';
	}
	return buf;
}

bool debug_has(struct vm *vm, const char *name, const char *fmt, ...)
{
	char wanted[512], *buf, *save = NULL;
	bool found = false;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	buf = read_all(vm, name);
	for (char *l = strtok_r(buf, "\n", &save); l && !found; l = strtok_r(NULL, "\n", &save))
		found = record_matches(l, wanted);
	free(buf);
	return found;
}

static uint64_t number(const char *line, const char *key)
{
	const char *v = record_value(line, key);

	return v ? strtoull(v, NULL, 0) : ~0ull;
}

void expect_page_state(struct vm *vm, uint64_t gpa, const char *state)
{
	uint64_t gfn = gpa / GUEST_PAGE;
	char *buf = read_all(vm, "page_state"), *save = NULL;
	char is[32] = "none";

	for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		const char *s = record_value(l, "state");

		if (s && number(l, "gfn") <= gfn && gfn <= number(l, "last"))
			snprintf(is, sizeof(is), "%.31s", s);
	}
	free(buf);
	check(!strcmp(is, state), "page_state of gfn %#lx is %s, not %s", gfn, is, state);
}

void expect_psc_done(struct vm *vm, uint64_t gpa, uint64_t pages, bool to_private,
		     bool completed)
{
	check(debug_has(vm, "psc_history", "gfn=0x%lx pages=%lu to=%s result=%s",
			gpa / GUEST_PAGE, pages, to_private ? "private" : "shared",
			completed ? "completed" : "refused"),
	      "psc_history has no PSC of gfn %#lx, %lu pages", gpa / GUEST_PAGE, pages);
}
