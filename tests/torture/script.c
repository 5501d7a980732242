// SPDX-License-Identifier: GPL-2.0-only
/* Scripts: steps, one a line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "script.h"

/* Without what padding there may be at the end. */
#define STEP_BYTES	(offsetof(struct step, class) + sizeof(unsigned int))

void script_print(FILE *f, const struct steps *s, const char *before)
{
	for (size_t i = 0; i < s->n; i++) {
		fputs(before, f);
		step_print(f, &s->step[i]);
	}
}

bool script_read(const char *file, struct steps *s)
{
	FILE *f = fopen(file, "r");
	struct step step;
	bool whole;

	if (!f) {
		fprintf(stderr, "torture: cannot read %s: %s\n", file, strerror(errno));
		return false;
	}
	while (step_read(f, &step))
		steps_add(s, &step);
	whole = feof(f);
	fclose(f);
	if (!whole)
		fprintf(stderr, "torture: %s: what follows step %zu is no step\n", file, s->n);
	else if (!s->n)
		fprintf(stderr, "torture: no steps in %s\n", file);
	return whole && s->n;
}

bool script_keeps(const struct steps *s, size_t *i)
{
	struct step read;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	bool same = true;

	script_print(f, s, "");
	fclose(f);
	f = fmemopen(text, size, "r");
	for (*i = 0; same && *i < s->n; *i += same)
		same = step_read(f, &read) && !memcmp(&read, &s->step[*i], STEP_BYTES);
	same = same && !step_read(f, &read);
	fclose(f);
	free(text);
	return same;
}
