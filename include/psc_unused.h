/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that a guest has asked for and never used.
 */
#ifndef RMPE_PSC_UNUSED_H
#define RMPE_PSC_UNUSED_H

#include <linux/kvm_types.h>

struct rmpe_vm;

bool rmpe_unused_next(struct rmpe_vm *vm, gfn_t gfn, gfn_t *first, gfn_t *end);

#endif
