/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of every gfn of a VM, as far as the guest has asked for one.
 *
 * Two bits a gfn, in a tree of three levels:
 *
 *	root	an array of pointers, one for each GiB
 *	node	a GiB, of 64 slots: a slot is two bits for each of eight 2M
 *		ranges in which all gfns agree, or, once some of them do not,
 *		a pointer to a
 *	block	16M: two bits for each gfn
 *
 * So a PSC of whole 2M ranges costs two bits each however large the guest is,
 * and nothing is allocated for memory that no PSC ever named.  A block goes when
 * all of its 16M are set at once.
 *
 * Locking: writers hold a lock of the caller's (struct rmpe_vm's lock) and may
 * sleep; rmpe_tracker_state() takes RCU only.  A writer makes a new node or
 * block complete before it publishes it, and frees a block a grace period after
 * it has put the new states into its slot, so a reader sees either the old or the
 * new state of a gfn.  A range is not changed atomically as a whole.
 */
#ifndef RMPE_PSC_TRACKER_H
#define RMPE_PSC_TRACKER_H

#include <linux/bits.h>
#include <linux/kvm_types.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

enum rmpe_page_state {
	RMPE_PAGE_NONE,		/* never launched, never asked for */
	RMPE_PAGE_LAUNCHED,	/* populated at launch, so private */
	RMPE_PAGE_PRIVATE,	/* last completed PSC: to private */
	RMPE_PAGE_SHARED,	/* last completed PSC: to shared */
};

/* A gpa has at most 52 bits (APM volume 2, 5.3). */
#define RMPE_MAX_GFNS	BIT_ULL(40)

struct rmpe_tracker_root;

/**
 * struct rmpe_tracker - the page states of one VM
 * @root: RCU-protected tree
 * @bytes: memory that the tree occupies
 */
struct rmpe_tracker {
	struct rmpe_tracker_root __rcu *root;
	size_t bytes;
};

/**
 * rmpe_tracker_is_empty() - was nothing ever recorded?
 * @t: the tracker
 *
 * Context: any.
 * Return: true if there is no tree.
 */
static inline bool rmpe_tracker_is_empty(const struct rmpe_tracker *t)
{
	return !rcu_access_pointer(t->root);
}

enum rmpe_page_state rmpe_tracker_state(const struct rmpe_tracker *t, gfn_t gfn);
int rmpe_tracker_set(struct rmpe_tracker *t, gfn_t gfn, u64 npages,
		     enum rmpe_page_state state);
enum rmpe_page_state rmpe_tracker_replace(struct rmpe_tracker *t, gfn_t gfn,
					  enum rmpe_page_state state);
gfn_t rmpe_tracker_run(const struct rmpe_tracker *t, gfn_t gfn, gfn_t limit,
		       enum rmpe_page_state *state);
void rmpe_tracker_free(struct rmpe_tracker *t);

#endif
