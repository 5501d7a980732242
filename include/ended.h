/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last VMs that have ended: what they did, for whoever did not look in time.
 */
#ifndef RMPE_ENDED_H
#define RMPE_ENDED_H

#include <linux/sched.h>
#include <linux/types.h>

#include "vm.h"

#define RMPE_NR_ENDED 64

/**
 * struct rmpe_ended - a VM that has ended
 * @nr: counts them, from 1
 * @when_ns: CLOCK_MONOTONIC, when it ended
 * @id: the VM
 * @pid: of the VMM
 * @comm: of the VMM, made printable
 * @terminated: the module ended the guest
 * @history: how far back it was known
 * @psc_requests: PSCs that it had asked for
 * @npf_judged: #NPFs that were judged
 * @counters: the others
 */
struct rmpe_ended {
	u64 nr;
	u64 when_ns;
	u64 id;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	bool terminated;
	enum rmpe_history_state history;
	u64 psc_requests;
	u64 npf_judged;
	struct rmpe_counters counters;
};

void rmpe_ended_add(const struct rmpe_vm *vm);
bool rmpe_ended_next(u64 after, struct rmpe_ended *ended);

#endif
