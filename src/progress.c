// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that faults at one gfn without end, although the access is in order: the page
 * is in use in a way that only the hardware knows of, such as a VMSA whose vCPU runs
 * (APM volume 2, 15.36.10).
 */
#include "progress.h"

#include <linux/jiffies.h>

#define MIN_FAULTS	1000
/* KVM has a vCPU fault again while the VMM changes memory, and that may take long. */
#define MIN_TIME	(2 * HZ)

/**
 * rmpe_is_stuck() - is a row of faults long enough to be told?
 * @p: the row, RMPE_LOOK_EVERY or a multiple of that
 * @vcpu: the vCPU
 *
 * Context: KVM_RUN of @vcpu; no lock.
 * Return: true once for a row.
 */
bool rmpe_is_stuck(struct rmpe_progress *p, const struct kvm_vcpu *vcpu)
{
	const u64 faults = p->faults - RMPE_LOOK_EVERY;
	u64 exits;

	if (!faults) {
		p->exits = vcpu->stat.exits;
		p->since = jiffies;
		p->told = false;
		return false;
	}
	if (p->told || faults < MIN_FAULTS || time_before(jiffies, p->since + MIN_TIME))
		return false;
	exits = vcpu->stat.exits - p->exits;
	if (2 * exits > 3 * faults) {	/* it does other things, too */
		p->faults = 0;
		return false;
	}
	p->told = true;
	return true;
}
