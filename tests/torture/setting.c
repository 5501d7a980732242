// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings.  Each file is written as an administrator does, and then all of them are
 * read: what was written is there, and nothing else has changed.
 */
#include <stdio.h>
#include <string.h>
#include "e2e/module.h"
#include "setting.h"

/* The words of a file, INHERIT being the last. */
struct words {
	const char *word[5];
};

static const struct words modes = { { "off", "lenient", "strict", "inherit" } };
static const struct words actions = { { NULL, "vc", "terminate", "inherit" } };
static const struct words policies = { { "report", "enforce", "inherit" } };

static const char *const classes[] = {
	NULL, "implicit_private", "implicit_shared", "first_touch", "initial_shared", "in_flight",
	"vmpl",
};

struct setting {
	char file[64];		/* below the folder of all VMs' settings, or of one's */
	const struct words *words;
	unsigned int nwords;
	int *value;
};

static struct setting mode_of(struct settings *s)
{
	return (struct setting){ "mode", &modes, NR_MODES, &s->mode };
}

static struct setting action_of(struct settings *s)
{
	return (struct setting){ "action", &actions, ACTION_TERMINATE + 1, &s->action };
}

static struct setting policy_of(struct settings *s, unsigned int class)
{
	struct setting set = { "", &policies, 2, &s->enforce[class] };

	snprintf(set.file, sizeof(set.file), "policy/%s", classes[class]);
	return set;
}

static const char *word_of(const struct setting *set)
{
	return set->words->word[*set->value == INHERIT ? set->nwords : (unsigned int)*set->value];
}

static const char *path_of(const struct observer *o, bool own, const struct setting *set)
{
	static char path[128];

	if (own)
		snprintf(path, sizeof(path), "vms/%u/%s", o->id, set->file);
	else
		snprintf(path, sizeof(path), "%s", set->file);
	return path;
}

static const char *wrong(const struct observer *o, bool own, const struct setting *set)
{
	const char *path = path_of(o, own, set);
	char is[64];

	return knob_read(path, is, sizeof(is)) && !strcmp(is, word_of(set)) ? NULL : path;
}

static const char *any_wrong(struct model *m, const struct observer *o)
{
	const char *path = NULL;

	for (unsigned int own = 0; !path && own < 2; own++) {
		struct settings *s = own ? &m->own : &m->global;
		struct setting mode = mode_of(s), action = action_of(s);

		path = wrong(o, own, &mode);
		if (!path)
			path = wrong(o, own, &action);
		for (unsigned int c = CLASS_IMPLICIT_PRIVATE; !path && c <= CLASS_VMPL; c++) {
			struct setting policy = policy_of(s, c);

			path = wrong(o, own, &policy);
		}
	}
	return path;
}

const char *setting_change(struct model *m, const struct observer *o, const struct step *s)
{
	struct settings *of = s->own ? &m->own : &m->global;
	bool inherit = s->what == STEP_INHERIT;
	struct setting set;

	if (s->kind == STEP_POLICY &&
	    (s->class < CLASS_IMPLICIT_PRIVATE || s->class > CLASS_VMPL))
		return NULL;
	set = s->kind == STEP_MODE ? mode_of(of) :
	      s->kind == STEP_ACTION ? action_of(of) : policy_of(of, s->class);
	/* Makes no sense: of a file that was edited. */
	if (inherit ? !s->own : s->what >= set.nwords || !set.words->word[s->what])
		return NULL;
	*set.value = inherit ? INHERIT : (int)s->what;
	if (knob_write(path_of(o, s->own, &set), word_of(&set)))
		return path_of(o, s->own, &set);
	return any_wrong(m, o);
}
