// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring of recent PSCs.  All functions: process context, under the VM's
 * lock.
 */
#include "psc_history.h"

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

/**
 * rmpe_history_init() - allocate the ring
 * @h: the history
 *
 * Return: 0 or -ENOMEM.
 */
int rmpe_history_init(struct rmpe_psc_history *h)
{
	h->seq = 0;
	h->ring = kvcalloc(RMPE_PSC_HISTORY_LEN, sizeof(*h->ring),
			   GFP_KERNEL_ACCOUNT);
	return h->ring ? 0 : -ENOMEM;
}

/**
 * rmpe_history_free() - free the ring
 * @h: the history
 */
void rmpe_history_free(struct rmpe_psc_history *h)
{
	kvfree(h->ring);
	h->ring = NULL;
}

/**
 * rmpe_history_add() - append an event
 * @h: the history
 * @ev: the event; its number is filled in
 */
void rmpe_history_add(struct rmpe_psc_history *h, struct rmpe_psc_event *ev)
{
	ev->seq = ++h->seq;
	h->ring[ev->seq % RMPE_PSC_HISTORY_LEN] = *ev;
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

/**
 * rmpe_history_get() - an event by its number
 * @h: the history
 * @seq: the number
 *
 * Return: the event, or NULL if it is not (any longer) held.
 */
const struct rmpe_psc_event *rmpe_history_get(const struct rmpe_psc_history *h,
					      u64 seq)
{
	if (seq < rmpe_history_oldest(h) || seq > h->seq)
		return NULL;
	return &h->ring[seq % RMPE_PSC_HISTORY_LEN];
}

static bool covers(const struct rmpe_psc_event *ev, gfn_t gfn)
{
	return ev->completed && gfn >= ev->gfn && gfn - ev->gfn < ev->npages;
}

/**
 * rmpe_history_last() - the last completed PSC of a gfn
 * @h: the history
 * @gfn: the gfn
 *
 * Return: the event, or NULL if there is none in the ring.
 */
const struct rmpe_psc_event *rmpe_history_last(const struct rmpe_psc_history *h,
					       gfn_t gfn)
{
	u64 seq;

	for (seq = h->seq; seq >= rmpe_history_oldest(h); seq--) {
		const struct rmpe_psc_event *ev = rmpe_history_get(h, seq);

		if (covers(ev, gfn))
			return ev;
	}
	return NULL;
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
	for (; s <= h->seq; s++)
		if (covers(rmpe_history_get(h, s), gfn))
			return true;
	return false;
}
