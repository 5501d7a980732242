/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memslots that come.
 */
#ifndef RMPE_SLOTS_H
#define RMPE_SLOTS_H

#include <linux/kvm_types.h>

struct kvm_memory_slot;
struct rmpe_vm;

void rmpe_slots_changing(struct kvm *kvm);
void rmpe_slots_prepared(struct kvm *kvm, const struct kvm_memory_slot *slot);
void rmpe_slots_settle(struct rmpe_vm *vm, struct kvm *kvm);

#endif
