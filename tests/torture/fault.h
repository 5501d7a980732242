/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocations that fail, for kernels with fault injection; for scenarios with SC_FAULTS. */
#ifndef FAULT_H
#define FAULT_H

#include "fire.h"

/* More than any of the calls makes. */
#define FAULT_MOST	4000
/* No VM is left: only what is under way may keep the module for a moment. */
#define UNLOAD_S	5

/* Also allocations that may sleep, and whole pages; and without a stack trace of each. */
void fault_allow_all(void);
/* The @n-th allocation that this thread makes from now on fails; 0: none. One thread only. */
void fault_arm(unsigned int n);
/* How many allocations are left until then; 0 if it has failed. Ends it. */
unsigned int fault_left(void);
/* Has it failed?  Ends it. */
bool fault_struck(void);
/*
 * A VM that has done all of its own start, and will go on with what @add adds.  @policy: as
 * in struct vm_config.
 */
struct vm *fault_stopped_at(void (*add)(struct vm *vm), uint64_t policy);

#endif
