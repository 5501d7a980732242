// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page-state tree.  include/psc_tracker.h has its shape and locking.
 */
#include "psc_tracker.h"

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#define STATE_BITS	2
#define STATE_MASK	3UL
#define PER_WORD	(64 / STATE_BITS)

/* What can be told in two bits for all of it: 2M. */
#define CHUNK_SHIFT	9
#define CHUNK_GFNS	BIT_ULL(CHUNK_SHIFT)
#define BLOCK_SHIFT	12
#define BLOCK_GFNS	BIT_ULL(BLOCK_SHIFT)
#define CHUNKS		(BLOCK_GFNS / CHUNK_GFNS)
#define NODE_SHIFT	18
#define NODE_GFNS	BIT_ULL(NODE_SHIFT)

struct state_block {
	u64 word[BLOCK_GFNS / PER_WORD];
};

/*
 * A slot of a node: a block; or, marked by bit 0, the states of CHUNKS chunks that
 * are uniform, two bits each.  Never NULL.  One load of it gives a reader all.
 */
#define UNIFORM		1UL
#define CHUNK_BIT(gfn)	(1 + ((gfn) >> CHUNK_SHIFT) % CHUNKS * STATE_BITS)

struct tracker_node {
	struct state_block __rcu *slot[NODE_GFNS / BLOCK_GFNS];
};

struct rmpe_tracker_root {
	struct rcu_head rcu;
	size_t nr;
	struct tracker_node __rcu *node[] __counted_by(nr);
};

/* Writers are serialised by the caller. */
#define writer_dereference(p) rcu_dereference_protected(p, true)

static unsigned long uniform_bits(const struct state_block *slot)
{
	return (unsigned long)slot & UNIFORM ? (unsigned long)slot : 0;
}

static struct state_block *uniform_slot(unsigned long bits)
{
	return (struct state_block *)bits;
}

/* All chunks alike. */
static struct state_block *uniform(enum rmpe_page_state state)
{
	const unsigned long each = (BIT(CHUNKS * STATE_BITS) - 1) / STATE_MASK;

	return uniform_slot(each * state << 1 | UNIFORM);
}

static enum rmpe_page_state chunk_state(unsigned long bits, gfn_t gfn)
{
	return bits >> CHUNK_BIT(gfn) & STATE_MASK;
}

static __attribute__((nonnull)) enum rmpe_page_state
slot_state(const struct state_block *slot, gfn_t gfn)
{
	unsigned long bits = uniform_bits(slot);

	if (bits)
		return chunk_state(bits, gfn);
	return READ_ONCE(slot->word[gfn % BLOCK_GFNS / PER_WORD]) >>
	       gfn % PER_WORD * STATE_BITS & STATE_MASK;
}

static void word_fill(u64 *word, u64 mask, u64 pattern)
{
	WRITE_ONCE(*word, (*word & ~mask) | (pattern & mask));
}

/* [gfn, end) is not empty, and in the block. */
static void block_fill(struct state_block *block, gfn_t gfn, gfn_t end,
		       enum rmpe_page_state state)
{
	const u64 pattern = ~0ULL / STATE_MASK * state;
	const u64 from = ~0ULL << gfn % PER_WORD * STATE_BITS;
	const u64 to = ~0ULL >> -end % PER_WORD * STATE_BITS;
	u64 *word = &block->word[gfn % BLOCK_GFNS / PER_WORD];
	u64 *last = &block->word[(end - 1) % BLOCK_GFNS / PER_WORD];

	if (word == last) {
		word_fill(word, from & to, pattern);
		return;
	}
	word_fill(word, from, pattern);
	while (++word < last)
		WRITE_ONCE(*word, pattern);
	word_fill(last, to, pattern);
}

static struct tracker_node *find_node(const struct rmpe_tracker *t, gfn_t gfn)
{
	struct rmpe_tracker_root *root = rcu_dereference_check(t->root, true);
	u64 i = gfn >> NODE_SHIFT;

	return root && i < root->nr ?
		rcu_dereference_check(root->node[i], true) : NULL;
}

static struct state_block __rcu **find_slot(struct tracker_node *node, gfn_t gfn)
{
	return &node->slot[gfn % NODE_GFNS >> BLOCK_SHIFT];
}

static enum rmpe_page_state state_in_node(struct tracker_node *node, gfn_t gfn)
{
	return slot_state(rcu_dereference_check(*find_slot(node, gfn), true), gfn);
}

/**
 * rmpe_tracker_state() - what is known of a gfn
 * @t: the tracker
 * @gfn: any value
 *
 * Context: any; takes RCU.  Lockless: with a writer at work it is the state
 * before or after.
 * Return: the state, RMPE_PAGE_NONE if nothing was recorded.
 */
enum rmpe_page_state rmpe_tracker_state(const struct rmpe_tracker *t, gfn_t gfn)
{
	enum rmpe_page_state state = RMPE_PAGE_NONE;
	struct tracker_node *node;

	/* Unlike rcu_read_lock() this is no call; it excludes the same. */
	rcu_read_lock_sched();
	node = find_node(t, gfn);
	if (node)
		state = state_in_node(node, gfn);
	rcu_read_unlock_sched();
	return state;
}

/* Others read it at any time. */
static void count_bytes(struct rmpe_tracker *t, ssize_t n)
{
	WRITE_ONCE(t->bytes, t->bytes + n);
}

static void *tracker_alloc(struct rmpe_tracker *t, size_t size)
{
	void *p = kvzalloc(size, GFP_KERNEL_ACCOUNT);

	if (p)
		count_bytes(t, size);
	return p;
}

static size_t root_size(size_t nr)
{
	return struct_size_t(struct rmpe_tracker_root, node, nr);
}

static int grow_root(struct rmpe_tracker *t, gfn_t last)
{
	struct rmpe_tracker_root *old = writer_dereference(t->root), *new;
	size_t nr = roundup_pow_of_two((last >> NODE_SHIFT) + 1), i;

	if (old && old->nr > last >> NODE_SHIFT)
		return 0;

	new = tracker_alloc(t, root_size(nr));
	if (!new)
		return -ENOMEM;
	new->nr = nr;
	for (i = 0; old && i < old->nr; i++)
		RCU_INIT_POINTER(new->node[i], writer_dereference(old->node[i]));
	rcu_assign_pointer(t->root, new);
	if (old) {
		count_bytes(t, -root_size(old->nr));
		kvfree_rcu(old, rcu);
	}
	return 0;
}

static int make_node(struct rmpe_tracker *t, gfn_t gfn)
{
	struct rmpe_tracker_root *root = writer_dereference(t->root);
	struct tracker_node *node;
	unsigned int i;

	if (find_node(t, gfn))
		return 0;
	node = tracker_alloc(t, sizeof(*node));
	if (!node)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(node->slot); i++)
		RCU_INIT_POINTER(node->slot[i], uniform(RMPE_PAGE_NONE));
	rcu_assign_pointer(root->node[gfn >> NODE_SHIFT], node);
	return 0;
}

/*
 * What a uniform slot is after [gfn, end) of it became @state: 0 if only a block
 * can tell.
 */
static unsigned long uniform_after(unsigned long bits, gfn_t gfn, gfn_t end,
				   enum rmpe_page_state state)
{
	const gfn_t first = ALIGN(gfn, CHUNK_GFNS), last = ALIGN_DOWN(end, CHUNK_GFNS);
	unsigned long mask;

	/* A part of a chunk can't become what the rest is not. */
	if ((gfn != first && chunk_state(bits, gfn) != state) ||
	    (end != last && chunk_state(bits, end - 1) != state))
		return 0;
	if (first >= last)
		return bits;
	mask = GENMASK(CHUNK_BIT(last - 1) + 1, CHUNK_BIT(first));
	return (bits & ~mask) | ((unsigned long)uniform(state) & mask);
}

/* See to it that [gfn, end), less than a block, can be made @state. */
static int make_block(struct rmpe_tracker *t, gfn_t gfn, gfn_t end,
		      enum rmpe_page_state state)
{
	struct tracker_node *node = find_node(t, gfn);
	gfn_t first = ALIGN_DOWN(gfn, BLOCK_GFNS), g;
	struct state_block __rcu **slot;
	struct state_block *block;
	unsigned long bits;

	if (!node)	/* nothing is known there, and nothing is to be */
		return 0;
	slot = find_slot(node, gfn);
	bits = uniform_bits(writer_dereference(*slot));
	if (!bits || uniform_after(bits, gfn, end, state))
		return 0;

	block = tracker_alloc(t, sizeof(*block));
	if (!block)
		return -ENOMEM;
	for (g = first; g < first + BLOCK_GFNS; g += CHUNK_GFNS)
		block_fill(block, g, g + CHUNK_GFNS, chunk_state(bits, g));
	rcu_assign_pointer(*slot, block);
	return 0;
}

/* Allocate all that the change needs, so that making it cannot fail. */
static int prepare(struct rmpe_tracker *t, gfn_t gfn, gfn_t end,
		   enum rmpe_page_state state)
{
	gfn_t g;
	int r;

	r = grow_root(t, end - 1);
	for (g = gfn; !r && g < end; g = ALIGN_DOWN(g, NODE_GFNS) + NODE_GFNS) {
		if (state != RMPE_PAGE_NONE)
			r = make_node(t, g);
	}
	/* Only the ends of a range can be parts of a block. */
	if (!r && !IS_ALIGNED(gfn, BLOCK_GFNS))
		r = make_block(t, gfn, min(end, ALIGN_DOWN(gfn, BLOCK_GFNS) + BLOCK_GFNS),
			       state);
	if (!r && !IS_ALIGNED(end, BLOCK_GFNS))
		r = make_block(t, max(gfn, ALIGN_DOWN(end, BLOCK_GFNS)), end, state);
	return r;
}

/* All of a block. */
static void set_block(struct rmpe_tracker *t, struct state_block __rcu **slot,
		      enum rmpe_page_state state)
{
	struct state_block *old = writer_dereference(*slot);

	rcu_assign_pointer(*slot, uniform(state));
	if (!uniform_bits(old)) {
		count_bytes(t, -sizeof(*old));
		kvfree_rcu_mightsleep(old);
	}
}

/* Set [gfn, end), which lies in one block.  False if that takes a new block. */
static bool set_in_block(struct rmpe_tracker *t, struct tracker_node *node,
			 gfn_t gfn, gfn_t end, enum rmpe_page_state state)
{
	struct state_block __rcu **slot = find_slot(node, gfn);
	struct state_block *old = writer_dereference(*slot);
	unsigned long bits = uniform_bits(old);

	if (end - gfn == BLOCK_GFNS) {
		set_block(t, slot, state);
		return true;
	}
	if (!bits) {
		block_fill(old, gfn, end, state);
		return true;
	}
	bits = uniform_after(bits, gfn, end, state);
	if (bits)
		rcu_assign_pointer(*slot, uniform_slot(bits));
	return bits;
}

/* Set [gfn, end), which lies in one node; all blocks that it takes are there. */
static void set_in_node(struct rmpe_tracker *t, struct tracker_node *node,
			gfn_t gfn, gfn_t end, enum rmpe_page_state state)
{
	const gfn_t first = min(end, ALIGN(gfn, BLOCK_GFNS));

	if (gfn < first)
		set_in_block(t, node, gfn, first, state);
	for (gfn = first; end - gfn >= BLOCK_GFNS; gfn += BLOCK_GFNS)
		set_block(t, find_slot(node, gfn), state);
	if (gfn < end)
		set_in_block(t, node, gfn, end, state);
}

/**
 * rmpe_tracker_set() - record a state for a range of gfns
 * @t: the tracker
 * @gfn: the first gfn
 * @npages: how many, in 4K pages; not 0
 * @state: the state; RMPE_PAGE_NONE forgets what was recorded
 *
 * Context: process context, may sleep; the caller serialises writers.
 * Return: 0; -EINVAL for a range beyond RMPE_MAX_GFNS; -ENOMEM.  On an error
 * no state has changed.
 */
int rmpe_tracker_set(struct rmpe_tracker *t, gfn_t gfn, u64 npages,
		     enum rmpe_page_state state)
{
	struct tracker_node *node;
	gfn_t end;
	int r;

	if (!npages || npages > RMPE_MAX_GFNS || gfn > RMPE_MAX_GFNS - npages)
		return -EINVAL;
	end = gfn + npages;

	/* Mostly it is a page or some, and all that they need is there. */
	node = find_node(t, gfn);
	if (node && !((gfn ^ (end - 1)) >> BLOCK_SHIFT) &&
	    set_in_block(t, node, gfn, end, state))
		return 0;

	/* Nothing is recorded beyond the root; there is nothing to forget. */
	if (state == RMPE_PAGE_NONE) {
		struct rmpe_tracker_root *root = writer_dereference(t->root);
		u64 tracked = root ? (u64)root->nr << NODE_SHIFT : 0;

		end = min(end, tracked);
		if (gfn >= end)
			return 0;
	}

	r = prepare(t, gfn, end, state);
	if (r)
		return r;

	while (gfn < end) {
		gfn_t next = min(end, ALIGN_DOWN(gfn, NODE_GFNS) + NODE_GFNS);

		node = find_node(t, gfn);
		if (node)
			set_in_node(t, node, gfn, next, state);
		gfn = next;
	}
	return 0;
}

/**
 * rmpe_tracker_replace() - record another state for a gfn of which one is known
 * @t: the tracker
 * @gfn: any value
 * @state: the state, not RMPE_PAGE_NONE
 *
 * Context: any; the caller serialises writers.
 * Return: the state before.  RMPE_PAGE_NONE: nothing was known, or it would take memory,
 * and nothing has changed; rmpe_tracker_set() can do it.
 */
enum rmpe_page_state rmpe_tracker_replace(struct rmpe_tracker *t, gfn_t gfn,
					  enum rmpe_page_state state)
{
	struct tracker_node *node = find_node(t, gfn);
	enum rmpe_page_state was;
	struct state_block *slot;
	u64 *word;

	if (!node)
		return RMPE_PAGE_NONE;
	slot = writer_dereference(*find_slot(node, gfn));
	was = slot_state(slot, gfn);
	if (was == RMPE_PAGE_NONE || was == state)
		return was;
	if (uniform_bits(slot))
		return RMPE_PAGE_NONE;
	word = &slot->word[gfn % BLOCK_GFNS / PER_WORD];
	WRITE_ONCE(*word, *word ^ (u64)(was ^ state) << gfn % PER_WORD * STATE_BITS);
	return was;
}

/* The first gfn from @gfn on that is not @state, or the end of the block. */
static gfn_t run_in_block(const struct state_block *block, gfn_t gfn,
			  enum rmpe_page_state state)
{
	const gfn_t end = ALIGN_DOWN(gfn, BLOCK_GFNS) + BLOCK_GFNS;
	const u64 pattern = ~0ULL / STATE_MASK * state;

	while (gfn < end) {
		u64 others = (block->word[gfn % BLOCK_GFNS / PER_WORD] ^ pattern) >>
			     gfn % PER_WORD * STATE_BITS;

		if (others)
			return gfn + __ffs64(others) / STATE_BITS;
		gfn = ALIGN_DOWN(gfn, PER_WORD) + PER_WORD;
	}
	return end;
}

static gfn_t run_in_slot(const struct state_block *slot, gfn_t gfn,
			 enum rmpe_page_state state)
{
	const gfn_t end = ALIGN_DOWN(gfn, BLOCK_GFNS) + BLOCK_GFNS;

	if (!((unsigned long)slot & UNIFORM))
		return run_in_block(slot, gfn, state);
	while (gfn < end && chunk_state((unsigned long)slot, gfn) == state)
		gfn = ALIGN_DOWN(gfn, CHUNK_GFNS) + CHUNK_GFNS;
	return gfn;
}

/**
 * rmpe_tracker_run() - the run of gfns of equal state that starts at a gfn
 * @t: the tracker
 * @gfn: the first gfn
 * @limit: where to stop; above @gfn, RMPE_MAX_GFNS at most
 * @state: set to their state
 *
 * Looks at 32 gfns at a time where they differ, at 16M where they do not: the
 * guest chooses how long this takes, up to some 10 ms for each TiB.
 *
 * Context: process context; the caller keeps writers out.
 * Return: the first gfn after the run, or @limit.
 */
gfn_t rmpe_tracker_run(const struct rmpe_tracker *t, gfn_t gfn, gfn_t limit,
		       enum rmpe_page_state *state)
{
	struct rmpe_tracker_root *root = writer_dereference(t->root);
	gfn_t tracked = root ? (u64)root->nr << NODE_SHIFT : 0;

	*state = rmpe_tracker_state(t, gfn);
	while (gfn < min(limit, tracked)) {
		struct tracker_node *node = find_node(t, gfn);
		gfn_t end;

		if (node) {
			end = run_in_slot(writer_dereference(*find_slot(node, gfn)),
					  gfn, *state);
			if (!IS_ALIGNED(end, BLOCK_GFNS) || end == gfn)
				return min(end, limit);
		} else if (*state == RMPE_PAGE_NONE) {
			end = ALIGN_DOWN(gfn, NODE_GFNS) + NODE_GFNS;
		} else {
			return gfn;
		}
		gfn = end;
	}
	return *state == RMPE_PAGE_NONE ? limit : min(gfn, limit);
}

/**
 * rmpe_tracker_free() - forget everything
 * @t: the tracker; empty and usable afterwards
 *
 * Context: process context, may sleep; the caller serialises writers.  Readers
 * may be at work.
 */
void rmpe_tracker_free(struct rmpe_tracker *t)
{
	struct rmpe_tracker_root *root = writer_dereference(t->root);
	size_t i, j;

	if (!root)
		return;
	RCU_INIT_POINTER(t->root, NULL);
	synchronize_rcu();
	for (i = 0; i < root->nr; i++) {
		struct tracker_node *node = writer_dereference(root->node[i]);

		for (j = 0; node && j < ARRAY_SIZE(node->slot); j++) {
			struct state_block *slot = writer_dereference(node->slot[j]);

			if (!uniform_bits(slot))
				kvfree(slot);
		}
		kvfree(node);
	}
	kvfree(root);
	WRITE_ONCE(t->bytes, 0);
}
