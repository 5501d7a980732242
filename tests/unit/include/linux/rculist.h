/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RCULIST_H
#define UNIT_LINUX_RCULIST_H

#include <linux/container_of.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include <assert.h>

struct hlist_head {
	struct hlist_node *first;
};

static inline void hlist_add_head_rcu(struct hlist_node *n, struct hlist_head *h)
{
	struct hlist_node *first = h->first;

	n->next = first;
	n->pprev = &h->first;
	rcu_assign_pointer(h->first, n);
	if (first)
		first->pprev = &n->next;
}

/* Readers may still go on from it; a writer that comes here again is caught. */
static inline void hlist_del_rcu(struct hlist_node *n)
{
	assert(*n->pprev == n);
	rcu_assign_pointer(*n->pprev, n->next);
	if (n->next)
		n->next->pprev = n->pprev;
	n->pprev = NULL;
}

#define unit_hlist_entry(p, type, member) ({				\
	struct hlist_node *unit_p = rcu_dereference(p);			\
	unit_p ? container_of(unit_p, type, member) : NULL;		\
})

#define hlist_for_each_entry_rcu(pos, head, member, condition)		\
	for (assert(condition),						\
	     (pos) = unit_hlist_entry((head)->first, typeof(*(pos)), member); \
	     (pos);							\
	     (pos) = unit_hlist_entry((pos)->member.next, typeof(*(pos)), member))

#endif
