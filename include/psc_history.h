/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PSCs of a VM, for reports: the most recent ones in full, of older ones the
 * last of each gfn.  No verdict depends on them but one: whether a gfn's state was
 * asked for anew between two faults.
 */
#ifndef RMPE_PSC_HISTORY_H
#define RMPE_PSC_HISTORY_H

#include <linux/kvm_types.h>
#include <linux/types.h>

#include "psc_map.h"

struct mutex;

/* Two boots of Linux under OVMF, such as with kdump, ask some 1,150 times. */
#define RMPE_PSC_HISTORY_LEN 2048

/**
 * struct rmpe_psc_event - a PSC that was answered
 * @seq: counts a VM's answered PSCs, from 1; 0 for one that is not in the ring
 * @when_ns: when KVM took the answer, CLOCK_MONOTONIC
 * @gfn: first gfn
 * @npages: length in 4K pages
 * @vcpu: which vCPU asked (vcpu_id)
 * @to_private: what it asked for
 * @completed: the VMM answered "done"
 * @redundant: all of its pages were asked to be so already
 * @ret: the VMM's answer; U32_MAX stands for any above
 */
struct rmpe_psc_event {
	u64 seq;
	u64 when_ns;
	gfn_t gfn;
	u64 npages;
	int vcpu;
	u32 ret;
	bool to_private;
	bool completed;
	bool redundant;
};

/**
 * struct rmpe_psc_kept - an event as the ring has it, whose place tells its number
 * @when_ns: as above, as all others
 */
struct rmpe_psc_kept {
	u64 when_ns;
	gfn_t gfn;
	u64 npages;
	u32 ret;
	u16 vcpu;	/* below KVM_MAX_VCPU_IDS */
	u8 to_private : 1;
	u8 completed : 1;
	u8 redundant : 1;
};

/**
 * struct rmpe_psc_history - a ring of events, and what has dropped out of it
 * @ring: RMPE_PSC_HISTORY_LEN events
 * @seq: the last event's number, 0 if none
 * @completed: of older events, the last completed one of each gfn
 * @refused: likewise the last refused one, where it is newer than that
 */
struct rmpe_psc_history {
	struct rmpe_psc_kept *ring;
	u64 seq;
	struct rmpe_psc_map completed;
	struct rmpe_psc_map refused;
};

int rmpe_history_init(struct rmpe_psc_history *h, struct mutex *lock);
void rmpe_history_free(struct rmpe_psc_history *h);
void rmpe_history_keep_older(struct rmpe_psc_history *h, const struct rmpe_psc_kept *ev);
bool rmpe_history_get(const struct rmpe_psc_history *h, u64 seq, struct rmpe_psc_event *ev);
u64 rmpe_history_oldest(const struct rmpe_psc_history *h);
bool rmpe_history_last(struct rmpe_psc_history *h, gfn_t gfn,
		       struct rmpe_psc_event *ev);
bool rmpe_history_last_refused(struct rmpe_psc_history *h, gfn_t gfn,
			       struct rmpe_psc_event *ev);
bool rmpe_history_changed_since(const struct rmpe_psc_history *h, gfn_t gfn,
				u64 seq);

/**
 * rmpe_history_add() - append an event
 * @h: the history
 *
 * Context: process context, may sleep; under the VM's lock.
 * Return: the event, where it stays: the caller fills it in.
 */
static inline struct rmpe_psc_kept *rmpe_history_add(struct rmpe_psc_history *h)
{
	struct rmpe_psc_kept *ev = &h->ring[++h->seq % RMPE_PSC_HISTORY_LEN];

	if (h->seq > RMPE_PSC_HISTORY_LEN)
		rmpe_history_keep_older(h, ev);
	return ev;
}

#endif
