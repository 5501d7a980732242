/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the record of a violation goes.
 */
#ifndef RMPE_REPORT_H
#define RMPE_REPORT_H

#include "record.h"

struct kvm_vcpu;
struct rmpe_vm;

/**
 * struct rmpe_report - a record on its way, from the verdict to those who are told
 * @is_due: there is one
 * @print: it goes to the kernel log, too
 * @told: where it is kept
 * @rec: the record
 * @sites: where its events were
 */
struct rmpe_report {
	bool is_due;
	bool print;
	struct rmpe_told told;
	struct rmpe_record rec;
	struct rmpe_sites sites;
};

void rmpe_report_begin(struct rmpe_vm *vm, const struct rmpe_record *rec,
		       struct rmpe_report *report);
void rmpe_report_end(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
		     struct rmpe_report *report);
void rmpe_report_now(struct rmpe_vm *vm, const struct rmpe_record *rec);
void rmpe_report_repeat(struct rmpe_vm *vm, const struct rmpe_told *told);

#endif
