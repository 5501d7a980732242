// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delta debugging: leaves out ever smaller pieces of a failing run for as long as
 * what remains fails (A. Zeller, R. Hildebrandt, 2002).
 */
#include <string.h>
#include "reduce.h"

static void without(const struct steps *s, size_t at, size_t n, struct steps *rest)
{
	for (size_t i = 0; i < s->n; i++) {
		if (i < at || i >= at + n)
			steps_add(rest, &s->step[i]);
	}
}

struct life_result reduce(struct steps *s, unsigned int tries)
{
	struct life_result last = live(s), r;
	size_t piece = s->n / 2, at = 0;

	while (!last.ok && piece && tries) {
		struct steps rest = { 0 };

		/* The first step says what VM it is. */
		if (at + 1 >= s->n) {
			piece /= 2;
			at = 0;
			continue;
		}
		without(s, at + 1, piece, &rest);
		r = live(&rest);
		tries--;
		if (r.ok) {
			steps_free(&rest);
			at += piece;
			continue;
		}
		steps_free(s);
		*s = rest;
		last = r;
	}
	return last;
}
