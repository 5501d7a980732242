/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of a guest_memfd.
 */
#ifndef RMPE_GMEM_H
#define RMPE_GMEM_H

#include <linux/kvm_types.h>
#include <linux/types.h>

struct kvm_memory_slot;

bool rmpe_gmem_pfn(const struct kvm_memory_slot *slot, gfn_t gfn, u64 *pfn);

#endif
