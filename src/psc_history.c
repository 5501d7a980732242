// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring of recent PSCs.  An event that drops out of it goes to a map, if a later
 * one does not cover its gfns there.  All functions: process context, may sleep, under
 * the VM's lock.
 */
#include "psc_history.h"

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>

/**
 * rmpe_history_init() - allocate the ring
 * @h: the history
 * @lock: the VM's lock
 *
 * Context: without the lock, when nobody else can reach the history.
 * Return: 0 or -ENOMEM.
 */
int rmpe_history_init(struct rmpe_psc_history *h, struct mutex *lock)
{
	h->seq = 0;
	rmpe_map_init(&h->completed, lock);
	rmpe_map_init(&h->refused, lock);
	h->ring = kvcalloc(RMPE_PSC_HISTORY_LEN, sizeof(*h->ring),
			   GFP_KERNEL_ACCOUNT);
	return h->ring ? 0 : -ENOMEM;
}

/**
 * rmpe_history_free() - free everything
 * @h: the history
 */
void rmpe_history_free(struct rmpe_psc_history *h)
{
	rmpe_map_free(&h->completed);
	rmpe_map_free(&h->refused);
	kvfree(h->ring);
	h->ring = NULL;
}

/**
 * rmpe_history_keep_older() - an event drops out of the ring
 * @h: the history
 * @ev: the event
 */
void rmpe_history_keep_older(struct rmpe_psc_history *h, const struct rmpe_psc_kept *ev)
{
	const struct rmpe_map_event last = {
		.when_ns	= ev->when_ns,
		.gfn		= ev->gfn,
		.npages		= ev->npages,
		.vcpu		= ev->vcpu,
		.ret		= ev->ret,
		.to_private	= ev->to_private,
	};

	if (!ev->completed) {
		rmpe_map_add(&h->refused, &last);
		return;
	}
	rmpe_map_add(&h->completed, &last);
	rmpe_map_forget(&h->refused, ev->gfn, ev->npages);
}

/**
 * rmpe_history_oldest() - the number of the oldest event still held
 * @h: the history
 *
 * Return: the number; larger than @h->seq if there are no events.
 */
u64 rmpe_history_oldest(const struct rmpe_psc_history *h)
{
	return h->seq <= RMPE_PSC_HISTORY_LEN ? 1 :
	       h->seq - RMPE_PSC_HISTORY_LEN + 1;
}

static const struct rmpe_psc_kept *kept(const struct rmpe_psc_history *h, u64 seq)
{
	return &h->ring[seq % RMPE_PSC_HISTORY_LEN];
}

/**
 * rmpe_history_get() - an event by its number
 * @h: the history
 * @seq: the number
 * @ev: set to the event
 *
 * Return: false if it is not (any longer) held.
 */
bool rmpe_history_get(const struct rmpe_psc_history *h, u64 seq, struct rmpe_psc_event *ev)
{
	const struct rmpe_psc_kept *k = kept(h, seq);

	if (seq < rmpe_history_oldest(h) || seq > h->seq)
		return false;
	*ev = (struct rmpe_psc_event){
		.seq		= seq,
		.when_ns	= k->when_ns,
		.gfn		= k->gfn,
		.npages		= k->npages,
		.vcpu		= k->vcpu,
		.ret		= k->ret,
		.to_private	= k->to_private,
		.completed	= k->completed,
		.redundant	= k->redundant,
	};
	return true;
}

static bool covers(const struct rmpe_psc_kept *ev, gfn_t gfn)
{
	return gfn >= ev->gfn && gfn - ev->gfn < ev->npages;
}

/* The last event of the ring that covers @gfn, completed or refused; or 0. */
static u64 last_in_ring(const struct rmpe_psc_history *h, gfn_t gfn, bool completed)
{
	u64 seq;

	for (seq = h->seq; seq >= rmpe_history_oldest(h); seq--) {
		const struct rmpe_psc_kept *ev = kept(h, seq);

		if (ev->completed == completed && covers(ev, gfn))
			return seq;
	}
	return 0;
}

/* What the ring's completed PSCs, which are newer, have left of an older one's range. */
static void cut_by_ring(const struct rmpe_psc_history *h, gfn_t gfn,
			struct rmpe_map_event *older)
{
	gfn_t first = older->gfn, last = older->gfn + older->npages - 1;
	u64 seq;

	for (seq = rmpe_history_oldest(h); seq <= h->seq; seq++) {
		const struct rmpe_psc_kept *ev = kept(h, seq);

		if (!ev->completed)
			continue;
		if (ev->gfn > gfn)
			last = min(last, ev->gfn - 1);
		else
			first = max(first, ev->gfn + ev->npages);
	}
	older->gfn = first;
	older->npages = last - first + 1;
}

static bool last_in_map(const struct rmpe_psc_history *h, struct rmpe_psc_map *m,
			gfn_t gfn, struct rmpe_psc_event *ev)
{
	struct rmpe_map_event last;

	if (!rmpe_map_last(m, gfn, &last))
		return false;
	cut_by_ring(h, gfn, &last);
	*ev = (struct rmpe_psc_event){
		.when_ns	= last.when_ns,
		.gfn		= last.gfn,
		.npages		= last.npages,
		.vcpu		= last.vcpu,
		.ret		= last.ret,
		.to_private	= last.to_private,
		.completed	= !last.ret,
	};
	return true;
}

/**
 * rmpe_history_last() - the last completed PSC of a gfn
 * @h: the history
 * @gfn: the gfn
 * @ev: set to the event.  Of one that has dropped out of the ring the number is 0,
 *	the time is kept to a millisecond or so, and the range is what later ones have
 *	left of it.
 *
 * Return: false if there is none, or it is not known any more.
 */
bool rmpe_history_last(struct rmpe_psc_history *h, gfn_t gfn,
		       struct rmpe_psc_event *ev)
{
	u64 recent = last_in_ring(h, gfn, true);

	return recent ? rmpe_history_get(h, recent, ev) :
			last_in_map(h, &h->completed, gfn, ev);
}

/**
 * rmpe_history_last_refused() - the last refused PSC of a gfn
 * @h: the history
 * @gfn: the gfn
 * @ev: set to the event, as by rmpe_history_last()
 *
 * Return: false if there is none since the last completed one.
 */
bool rmpe_history_last_refused(struct rmpe_psc_history *h, gfn_t gfn,
			       struct rmpe_psc_event *ev)
{
	u64 done = last_in_ring(h, gfn, true);
	u64 refused = last_in_ring(h, gfn, false);

	if (!refused)
		return !done && last_in_map(h, &h->refused, gfn, ev);
	return refused > done && rmpe_history_get(h, refused, ev);
}

/**
 * rmpe_history_changed_since() - did a PSC of a gfn complete since an event?
 * @h: the history
 * @gfn: the gfn
 * @seq: the number of the last event that does not count
 *
 * Return: true also if the ring has lost events of that time: it can't be
 * ruled out.
 */
bool rmpe_history_changed_since(const struct rmpe_psc_history *h, gfn_t gfn,
				u64 seq)
{
	u64 s = seq + 1;

	if (s < rmpe_history_oldest(h))
		return true;
	for (; s <= h->seq; s++) {
		const struct rmpe_psc_kept *ev = kept(h, s);

		if (ev->completed && covers(ev, gfn))
			return true;
	}
	return false;
}
