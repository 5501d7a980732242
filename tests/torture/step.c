// SPDX-License-Identifier: GPL-2.0-only
/* Steps as text: a word, and key=value for all that is not zero. */
#include <stdlib.h>
#include <string.h>
#include "step.h"

static const char *const kind_names[NR_STEP_KINDS] = {
	[STEP_VM]		= "vm",
	[STEP_LAUNCH]		= "launch",
	[STEP_ROUND]		= "round",
	[STEP_ACCESS]		= "access",
	[STEP_VALIDATE_2M]	= "validate_2m",
	[STEP_PSC]		= "psc",
	[STEP_NMI]		= "nmi",
	[STEP_OUT]		= "out",
	[STEP_RANGES]		= "ranges",
	[STEP_CONVERT]		= "vmm_convert",
	[STEP_ATTRIBUTE]	= "vmm_attribute",
	[STEP_PUNCH]		= "vmm_punch",
	[STEP_PREFAULT]		= "vmm_prefault",
	[STEP_SLOT_DELETE]	= "slot_delete",
	[STEP_SLOT_CREATE]	= "slot_create",
	[STEP_UNLOAD]		= "unload",
	[STEP_MODE]		= "mode",
	[STEP_ACTION]		= "action",
	[STEP_POLICY]		= "policy",
};

#define FIELD(name) { #name, offsetof(struct step, name) }

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	FIELD(vcpu), FIELD(what), FIELD(private), FIELD(pages), FIELD(stride), FIELD(huge),
	FIELD(answer), FIELD(part), FIELD(hold), FIELD(early), FIELD(own), FIELD(class),
};

#define NR_FIELDS (sizeof(fields) / sizeof(*fields))

static unsigned int *field_of(const struct step *s, size_t i)
{
	return (unsigned int *)((char *)s + fields[i].offset);
}

void steps_add(struct steps *s, const struct step *step)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->step = realloc(s->step, s->room * sizeof(*s->step));
		if (!s->step)
			abort();
	}
	s->step[s->n++] = *step;
}

void steps_free(struct steps *s)
{
	free(s->step);
	*s = (struct steps){ 0 };
}

void step_print(FILE *f, const struct step *s)
{
	fputs(kind_names[s->kind], f);
	if (s->gfn)
		fprintf(f, " gfn=0x%lx", s->gfn);
	for (size_t i = 0; i < NR_FIELDS; i++) {
		if (*field_of(s, i))
			fprintf(f, " %s=%u", fields[i].name, *field_of(s, i));
	}
	fputc('\n', f);
}

static bool read_field(struct step *s, const char *word)
{
	const char *eq = strchr(word, '=');
	char *end;

	if (!eq)
		return false;
	if (!strncmp(word, "gfn=", 4)) {
		s->gfn = strtoull(eq + 1, &end, 0);
		return !*end;
	}
	for (size_t i = 0; i < NR_FIELDS; i++) {
		if (strlen(fields[i].name) == (size_t)(eq - word) &&
		    !strncmp(fields[i].name, word, eq - word)) {
			*field_of(s, i) = strtoul(eq + 1, &end, 0);
			return !*end;
		}
	}
	return false;
}

static bool parse(char *line, struct step *s)
{
	char *save = NULL, *word = strtok_r(line, "\n ", &save);

	*s = (struct step){ .kind = NR_STEP_KINDS };
	for (unsigned int k = 0; word && k < NR_STEP_KINDS; k++) {
		if (!strcmp(word, kind_names[k]))
			s->kind = k;
	}
	if (s->kind == NR_STEP_KINDS)
		return false;
	while ((word = strtok_r(NULL, "\n ", &save))) {
		if (!read_field(s, word))
			return false;
	}
	return true;
}

bool step_read(FILE *f, struct step *s)
{
	char line[256];

	do {
		if (!fgets(line, sizeof(line), f))
			return false;
	} while (*line == '#' || *line == '\n');
	return parse(line, s);
}
