/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tracker should say: one byte for each gfn of a window.
 */
#ifndef UNIT_ORACLE_H
#define UNIT_ORACLE_H

#include <linux/bits.h>

#include "psc_tracker.h"

#define GFNS_2M	512ULL
#define GFNS_16M	(8 * GFNS_2M)	/* a block */
#define GFNS_1G	BIT_ULL(18)

/**
 * struct oracle - the states of [base, base + n)
 * @base: first gfn
 * @n: how many
 * @state: enum rmpe_page_state of each
 */
struct oracle {
	gfn_t base;
	u64 n;
	u8 *state;
};

void oracle_init(struct oracle *o, gfn_t base, u64 n);
void oracle_free(struct oracle *o);
void oracle_set(struct oracle *o, gfn_t gfn, u64 npages,
		enum rmpe_page_state state);
enum rmpe_page_state oracle_get(const struct oracle *o, gfn_t gfn);

/* Set in both; the tracker must not fail. */
void both_set(struct oracle *o, struct rmpe_tracker *t, gfn_t gfn, u64 npages,
	      enum rmpe_page_state state);

/* The tracker may do nothing; what it says that it has replaced was there. */
void both_replace(struct oracle *o, struct rmpe_tracker *t, gfn_t gfn,
		  enum rmpe_page_state state);

/* Compare, and fail the test if there is a difference. */
void oracle_check_gfn(const struct oracle *o, const struct rmpe_tracker *t,
		      gfn_t gfn);
void oracle_check_states(const struct oracle *o, const struct rmpe_tracker *t);
void oracle_check_runs(const struct oracle *o, const struct rmpe_tracker *t);

/* Edges of words, 2M ranges and GiBs in a window of 3 GiB, and gfns next to them. */
extern const gfn_t oracle_edges[];
extern const unsigned int oracle_nr_edges;

#endif
