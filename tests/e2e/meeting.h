/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest says that it is ready, the VMM does something, the guest goes on.
 */
#ifndef MEETING_H
#define MEETING_H

#include "vmm/vmm.h"

/* Flags of the guest's that a scenario with a meeting leaves alone. */
enum { FLAG_READY, FLAG_GO };

/* Where the first vCPU's script has got to is the place. */
void add_meeting(struct vm *vm);
void run_until_meeting(struct vm *vm);
/* Of a VM that was launched already. */
void start_until_meeting(struct vm *vm);
/* To whatever end. */
void go_on(struct vm *vm);
/* To the end of its script. */
void run_on(struct vm *vm);

#endif
