/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memslots that come.
 */
#ifndef RMPE_SLOTS_H
#define RMPE_SLOTS_H

#include <linux/kvm_types.h>

struct rmpe_hook;
struct rmpe_vm;

extern struct rmpe_hook rmpe_hook_prepare_region;

void rmpe_slots_settle(struct rmpe_vm *vm, struct kvm *kvm);

#endif
