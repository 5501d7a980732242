/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the record of a violation goes.
 */
#ifndef RMPE_REPORT_H
#define RMPE_REPORT_H

#include "record.h"

struct kvm_memory_slot;
struct rmpe_vm;

struct rmpe_told rmpe_report(struct rmpe_vm *vm, const struct kvm_memory_slot *slot,
			     struct rmpe_record *rec);
void rmpe_report_repeat(struct rmpe_vm *vm, const struct rmpe_told *told);

#endif
