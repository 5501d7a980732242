/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that the VMM has KVM map before the guest touches them.
 */
#ifndef RMPE_PREFAULT_H
#define RMPE_PREFAULT_H

struct rmpe_hook;

extern struct rmpe_hook rmpe_hook_pre_fault;

#endif
