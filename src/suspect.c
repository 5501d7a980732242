// SPDX-License-Identifier: GPL-2.0-only
#include "suspect.h"

#include <linux/jiffies.h>

/*
 * How many exits a vCPU may have between two faults that count as one and the
 * same: it faults again at once, but for interrupts.
 */
#define NEAR_EXITS	64

/*
 * A handler of #VC may make exits before it comes back to the access, such as to
 * write a line on a console.
 */
#define NEAR_TIME	HZ

static bool is_same(const struct rmpe_suspect *s, gfn_t gfn, bool private)
{
	return s->active && s->gfn == gfn && s->private == private;
}

/**
 * rmpe_suspect_find() - what is remembered of an access
 * @t: the vCPU's
 * @gfn: where
 * @private: how
 *
 * Return: the suspect; NULL if there is none.
 */
struct rmpe_suspect *rmpe_suspect_find(struct rmpe_suspects *t, gfn_t gfn, bool private)
{
	int i;

	for (i = 0; i < RMPE_NR_SUSPECTS; i++)
		if (is_same(&t->entry[i], gfn, private))
			return &t->entry[i];
	return NULL;
}

static struct rmpe_suspect *least_recent(struct rmpe_suspects *t)
{
	struct rmpe_suspect *s = &t->entry[0];
	int i;

	for (i = 1; i < RMPE_NR_SUSPECTS && s->active; i++)
		if (!t->entry[i].active || t->entry[i].turn < s->turn)
			s = &t->entry[i];
	return s;
}

static bool is_near(const struct rmpe_suspect *s, u64 exits)
{
	return exits - s->exits <= NEAR_EXITS ||
	       (s->injected && time_before(jiffies, s->when + NEAR_TIME));
}

/**
 * rmpe_suspect_seen() - a vCPU makes an access that is not in order
 * @t: the vCPU's
 * @gfn: where
 * @private: how
 * @exits: the vCPU's count of exits
 * @psc_requests: how many PSCs the VM has asked for
 * @history: those that were answered
 * @again: set if it did so before, has made no progress since, as far as can be
 *	told, and no PSC of the gfn was completed in between
 *
 * Return: what is remembered of it.
 */
struct rmpe_suspect *rmpe_suspect_seen(struct rmpe_suspects *t, gfn_t gfn, bool private,
				       u64 exits, u64 psc_requests,
				       const struct rmpe_psc_history *history,
				       bool *again)
{
	struct rmpe_suspect *s = rmpe_suspect_find(t, gfn, private);

	*again = s && is_near(s, exits) &&
		 !rmpe_history_changed_since(history, gfn, s->psc_seq);
	if (!*again) {
		s = s ?: least_recent(t);
		*s = (struct rmpe_suspect){
			.active		= true,
			.private	= private,
			.gfn		= gfn,
			.psc_seq	= history->seq,
			.psc_requests	= psc_requests,
		};
	}
	s->exits = exits;
	s->when = jiffies;
	s->turn = ++t->turn;
	return s;
}
