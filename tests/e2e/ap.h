/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU that vCPU 0 makes, as guests with more than one do. */
#ifndef AP_H
#define AP_H

#include "vmm/vmm.h"

/*
 * Makes the page at @vmsa private and the VMSA of @vcpu, to run at @vmpl; it is to be
 * parked until then. Above VMPL 0 it gets all rights on what every vCPU uses.
 * Returns the operation that starts it.
 */
unsigned int add_ap(struct vm *vm, unsigned int vcpu, uint64_t vmsa, unsigned int vmpl);
/* All rights on a page for VMPL 1. */
void grant_vmpl1(struct vm *vm, uint64_t gpa, uint64_t pages);

#endif
