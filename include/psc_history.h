/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The most recent PSCs of a VM, for reports.  No verdict depends on them but
 * one: whether a gfn's state was asked for anew between two faults.
 */
#ifndef RMPE_PSC_HISTORY_H
#define RMPE_PSC_HISTORY_H

#include <linux/kvm_types.h>
#include <linux/types.h>

/* Two boots of Linux under OVMF, such as with kdump, ask some 1,150 times. */
#define RMPE_PSC_HISTORY_LEN 2048

/**
 * struct rmpe_psc_event - a PSC that was answered
 * @seq: counts a VM's answered PSCs, from 1
 * @when_ns: time of the answer, CLOCK_MONOTONIC
 * @gfn: first gfn
 * @npages: length in 4K pages
 * @vcpu: which vCPU asked (vcpu_id)
 * @to_private: what it asked for
 * @completed: the VMM answered "done"
 */
struct rmpe_psc_event {
	u64 seq;
	u64 when_ns;
	gfn_t gfn;
	u64 npages;
	int vcpu;
	bool to_private;
	bool completed;
};

/**
 * struct rmpe_psc_history - a ring of events
 * @ring: RMPE_PSC_HISTORY_LEN events
 * @seq: the last event's number, 0 if none
 */
struct rmpe_psc_history {
	struct rmpe_psc_event *ring;
	u64 seq;
};

int rmpe_history_init(struct rmpe_psc_history *h);
void rmpe_history_free(struct rmpe_psc_history *h);
void rmpe_history_add(struct rmpe_psc_history *h, struct rmpe_psc_event *ev);
const struct rmpe_psc_event *rmpe_history_get(const struct rmpe_psc_history *h,
					      u64 seq);
u64 rmpe_history_oldest(const struct rmpe_psc_history *h);
const struct rmpe_psc_event *rmpe_history_last(const struct rmpe_psc_history *h,
					       gfn_t gfn);
bool rmpe_history_changed_since(const struct rmpe_psc_history *h, gfn_t gfn,
				u64 seq);

#endif
