/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a vCPU did wrong lately: is this access one that was seen before?
 *
 * All functions: process context, under the VM's lock. Suspects are changed by the thread
 * of their vCPU alone, which may also look for one without that lock.
 */
#ifndef RMPE_SUSPECT_H
#define RMPE_SUSPECT_H

#include <linux/kvm_types.h>
#include <linux/types.h>

#include "policy.h"
#include "psc_history.h"
#include "record.h"

/* A handler that does wrong itself, and another one that it calls. */
#define RMPE_NR_SUSPECTS 4

/**
 * struct rmpe_suspect - a mismatch that was seen, and what was done about it
 * @active: there is one
 * @private: the access
 * @told: the class that it was reported as, or RMPE_CLASS_NONE
 * @acted: as something that was acted upon
 * @gfn: its gfn
 * @psc_seq: the VM's last answered PSC when it was first seen
 * @psc_requests: how many the VM had asked for by then
 * @injected: how often #VC was injected for it
 * @exits: the vCPU's count of exits when it was last seen
 * @when: jiffies of then
 * @turn: orders the suspects of a vCPU by when they were last seen
 * @record: its record
 */
struct rmpe_suspect {
	bool active;
	bool private;
	bool acted;
	enum rmpe_class told;
	gfn_t gfn;
	u64 psc_seq;
	u64 psc_requests;
	unsigned int injected;
	u64 exits;
	unsigned long when;
	u64 turn;
	struct rmpe_told record;
};

/**
 * struct rmpe_suspects - those of a vCPU
 * @entry: in no order
 * @turn: the last one's
 */
struct rmpe_suspects {
	struct rmpe_suspect entry[RMPE_NR_SUSPECTS];
	u64 turn;
};

struct rmpe_suspect *rmpe_suspect_seen(struct rmpe_suspects *t, gfn_t gfn, bool private,
				       u64 exits, u64 psc_requests,
				       const struct rmpe_psc_history *history,
				       bool *again);
struct rmpe_suspect *rmpe_suspect_find(struct rmpe_suspects *t, gfn_t gfn, bool private);

#endif
