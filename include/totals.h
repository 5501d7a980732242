/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host has seen since the module was loaded: a VM's counters end with it.
 */
#ifndef RMPE_TOTALS_H
#define RMPE_TOTALS_H

#include <linux/atomic.h>

#include "judge.h"

/**
 * struct rmpe_totals - counters of the host, of VMs that run and of those that have ended
 * @vms: VMs met
 * @vms_ended: those of them that have ended
 * @vms_terminated: guests that the module ended
 * @vc_injected: as a VM's
 * @enforced: as a VM's
 * @repeated: as a VM's
 * @class: as a VM's
 *
 * They are counted beside the VM's: a sum over VMs would have to keep VMs from
 * ending, or count one twice.
 */
struct rmpe_totals {
	atomic64_t vms;
	atomic64_t vms_ended;
	atomic64_t vms_terminated;
	atomic64_t vc_injected;
	atomic64_t enforced;
	atomic64_t repeated;
	atomic64_t class[RMPE_NR_CLASSES];
};

extern struct rmpe_totals rmpe_totals;

#endif
