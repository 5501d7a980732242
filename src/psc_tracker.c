// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page-state tree.  include/psc_tracker.h has its shape and locking.
 */
#include "psc_tracker.h"

#include <linux/align.h>
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
#define STATE_MASK	3ULL
#define PER_WORD	(64 / STATE_BITS)
#define FANOUT_SHIFT	9
#define FANOUT		BIT(FANOUT_SHIFT)

#define LEAF_GFNS	((u64)FANOUT)
#define NODE_SHIFT	(2 * FANOUT_SHIFT)
#define NODE_GFNS	BIT_ULL(NODE_SHIFT)

/* The states of FANOUT things of one size: gfns, or uniform 2M ranges. */
struct state_map {
	u64 word[FANOUT / PER_WORD];
};

struct leaf_table {
	struct state_map __rcu *leaf[FANOUT];
};

/* A 2M range's bits in @uniform count only while it has no leaf. */
struct tracker_node {
	struct state_map uniform;
	struct leaf_table __rcu *leaves;
};

struct rmpe_tracker_root {
	struct rcu_head rcu;
	size_t nr;
	struct tracker_node __rcu *node[] __counted_by(nr);
};

/* Writers are serialised by the caller. */
#define writer_dereference(p) rcu_dereference_protected(p, true)

static enum rmpe_page_state map_get(const struct state_map *map, unsigned int i)
{
	u64 word = READ_ONCE(map->word[i / PER_WORD]);

	return (word >> (i % PER_WORD * STATE_BITS)) & STATE_MASK;
}

static void map_fill(struct state_map *map, unsigned int first, unsigned int n,
		     enum rmpe_page_state state)
{
	const u64 pattern = ~0ULL / STATE_MASK * state;

	while (n) {
		unsigned int bit = first % PER_WORD * STATE_BITS;
		unsigned int k = min(n, PER_WORD - first % PER_WORD);
		u64 *word = &map->word[first / PER_WORD];
		u64 mask = GENMASK_ULL(bit + k * STATE_BITS - 1, bit);

		WRITE_ONCE(*word, (*word & ~mask) | (pattern & mask));
		first += k;
		n -= k;
	}
}

static unsigned int leaf_index(gfn_t gfn)
{
	return (gfn >> FANOUT_SHIFT) % FANOUT;
}

static struct tracker_node *find_node(const struct rmpe_tracker *t, gfn_t gfn)
{
	struct rmpe_tracker_root *root = rcu_dereference_check(t->root, true);
	u64 i = gfn >> NODE_SHIFT;

	return root && i < root->nr ?
		rcu_dereference_check(root->node[i], true) : NULL;
}

static struct state_map *find_leaf(const struct tracker_node *node, gfn_t gfn)
{
	struct leaf_table *leaves = rcu_dereference_check(node->leaves, true);

	return leaves ?
		rcu_dereference_check(leaves->leaf[leaf_index(gfn)], true) : NULL;
}

static enum rmpe_page_state state_in_node(const struct tracker_node *node, gfn_t gfn)
{
	const struct state_map *leaf = find_leaf(node, gfn);

	return leaf ? map_get(leaf, gfn % FANOUT) :
		      map_get(&node->uniform, leaf_index(gfn));
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
	const struct tracker_node *node;

	rcu_read_lock();
	node = find_node(t, gfn);
	if (node)
		state = state_in_node(node, gfn);
	rcu_read_unlock();
	return state;
}

static void *tracker_alloc(struct rmpe_tracker *t, size_t size)
{
	void *p = kvzalloc(size, GFP_KERNEL_ACCOUNT);

	if (p)
		t->bytes += size;
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
		t->bytes -= root_size(old->nr);
		kvfree_rcu(old, rcu);
	}
	return 0;
}

static int make_node(struct rmpe_tracker *t, gfn_t gfn)
{
	struct rmpe_tracker_root *root = writer_dereference(t->root);
	struct tracker_node *node;

	if (find_node(t, gfn))
		return 0;
	node = tracker_alloc(t, sizeof(*node));
	if (!node)
		return -ENOMEM;
	rcu_assign_pointer(root->node[gfn >> NODE_SHIFT], node);
	return 0;
}

/* Give the 2M range around @gfn a leaf, unless it is @state throughout. */
static int make_leaf(struct rmpe_tracker *t, gfn_t gfn, enum rmpe_page_state state)
{
	struct tracker_node *node = find_node(t, gfn);
	enum rmpe_page_state uniform;
	struct leaf_table *leaves;
	struct state_map *leaf;

	if (find_leaf(node, gfn))
		return 0;
	uniform = map_get(&node->uniform, leaf_index(gfn));
	if (uniform == state)
		return 0;

	leaves = writer_dereference(node->leaves);
	if (!leaves) {
		leaves = tracker_alloc(t, sizeof(*leaves));
		if (!leaves)
			return -ENOMEM;
		rcu_assign_pointer(node->leaves, leaves);
	}
	leaf = tracker_alloc(t, sizeof(*leaf));
	if (!leaf)
		return -ENOMEM;
	map_fill(leaf, 0, FANOUT, uniform);
	rcu_assign_pointer(leaves->leaf[leaf_index(gfn)], leaf);
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
	/* Only the ends of a range can be parts of a 2M range. */
	if (!r && !IS_ALIGNED(gfn, LEAF_GFNS) && find_node(t, gfn))
		r = make_leaf(t, gfn, state);
	if (!r && !IS_ALIGNED(end, LEAF_GFNS) && find_node(t, end))
		r = make_leaf(t, end, state);
	return r;
}

static void drop_leaf(struct rmpe_tracker *t, struct tracker_node *node, gfn_t gfn)
{
	struct leaf_table *leaves = writer_dereference(node->leaves);
	struct state_map *leaf = find_leaf(node, gfn);

	if (!leaf)
		return;
	rcu_assign_pointer(leaves->leaf[leaf_index(gfn)], NULL);
	t->bytes -= sizeof(*leaf);
	kvfree_rcu_mightsleep(leaf);
}

/* Set [gfn, end), which lies in one node. */
static void set_in_node(struct rmpe_tracker *t, struct tracker_node *node,
			gfn_t gfn, gfn_t end, enum rmpe_page_state state)
{
	while (gfn < end) {
		gfn_t next = min(end, ALIGN_DOWN(gfn, LEAF_GFNS) + LEAF_GFNS);
		struct state_map *leaf;

		if (next - gfn < LEAF_GFNS) {
			leaf = find_leaf(node, gfn);
			if (leaf)
				map_fill(leaf, gfn % FANOUT, next - gfn, state);
			gfn = next;
			continue;
		}

		next = ALIGN_DOWN(end, LEAF_GFNS);
		map_fill(&node->uniform, leaf_index(gfn),
			 (next - gfn) >> FANOUT_SHIFT, state);
		for (; rcu_access_pointer(node->leaves) && gfn < next; gfn += LEAF_GFNS)
			drop_leaf(t, node, gfn);
		gfn = next;
	}
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
	gfn_t end;
	int r;

	if (!npages || npages > RMPE_MAX_GFNS || gfn > RMPE_MAX_GFNS - npages)
		return -EINVAL;
	end = gfn + npages;

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
		struct tracker_node *node = find_node(t, gfn);

		if (node)
			set_in_node(t, node, gfn, next, state);
		gfn = next;
	}
	return 0;
}

/**
 * rmpe_tracker_run() - the run of gfns of equal state that starts at a gfn
 * @t: the tracker
 * @gfn: the first gfn
 * @state: set to their state
 *
 * Context: process context; the caller keeps writers out.
 * Return: the first gfn behind the run; RMPE_MAX_GFNS at the end.
 */
gfn_t rmpe_tracker_run(const struct rmpe_tracker *t, gfn_t gfn,
		       enum rmpe_page_state *state)
{
	struct rmpe_tracker_root *root = writer_dereference(t->root);
	u64 tracked = root ? (u64)root->nr << NODE_SHIFT : 0;

	*state = gfn < tracked ? rmpe_tracker_state(t, gfn) : RMPE_PAGE_NONE;
	while (gfn < tracked) {
		struct tracker_node *node = find_node(t, gfn);
		u64 step = 1;

		if (!node)
			step = NODE_GFNS;
		else if (!find_leaf(node, gfn))
			step = LEAF_GFNS;
		if ((node ? state_in_node(node, gfn) : RMPE_PAGE_NONE) != *state)
			return gfn;
		gfn = ALIGN_DOWN(gfn, step) + step;
	}
	return *state == RMPE_PAGE_NONE ? RMPE_MAX_GFNS : gfn;
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
		struct leaf_table *leaves;

		if (!node)
			continue;
		leaves = writer_dereference(node->leaves);
		for (j = 0; leaves && j < FANOUT; j++)
			kvfree(writer_dereference(leaves->leaf[j]));
		kvfree(leaves);
		kvfree(node);
	}
	kvfree(root);
	t->bytes = 0;
}
