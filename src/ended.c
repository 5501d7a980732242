// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last VMs that have ended.
 */
#include "ended.h"

#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/string.h>

/* A ring: number n is at n % RMPE_NR_ENDED. */
static struct rmpe_ended last[RMPE_NR_ENDED];
static u64 nr_ended;
/* For both.  Held for a copy: all VMs that end need it. */
static DEFINE_SPINLOCK(ended_lock);

/**
 * rmpe_ended_add() - a VM ends
 * @vm: the VM; nothing runs in it any more
 *
 * Context: process context.
 */
void rmpe_ended_add(const struct rmpe_vm *vm)
{
	struct rmpe_ended ended = {
		.when_ns	= ktime_get_ns(),
		.id		= vm->id,
		.pid		= vm->pid,
		.terminated	= rmpe_terminated(vm),
		.history	= vm->history_state,
		.psc_requests	= atomic64_read(&vm->psc_requests),
		.npf_judged	= rmpe_vm_npf_judged(vm),
		.counters	= vm->counters,
	};

	memcpy(ended.comm, vm->comm, sizeof(ended.comm));
	spin_lock(&ended_lock);
	ended.nr = ++nr_ended;
	last[ended.nr % RMPE_NR_ENDED] = ended;
	spin_unlock(&ended_lock);
}

/**
 * rmpe_ended_next() - one of the last VMs that have ended
 * @after: the number of the one before, 0 for the first
 * @ended: set to a copy
 *
 * Context: process context.
 * Return: false if there is none.
 */
bool rmpe_ended_next(u64 after, struct rmpe_ended *ended)
{
	u64 nr;
	bool found;

	spin_lock(&ended_lock);
	nr = after + 1;
	if (nr_ended > RMPE_NR_ENDED)
		nr = max(nr, nr_ended - RMPE_NR_ENDED + 1);
	found = nr <= nr_ended;
	if (found)
		*ended = last[nr % RMPE_NR_ENDED];
	spin_unlock(&ended_lock);
	return found;
}
