/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's accesses to memory-mapped registers of ours.
 */
#ifndef SNPSIM_MMIO_H
#define SNPSIM_MMIO_H

#include "cpu.h"

/**
 * mmio_access() - execute the instruction at the host's RIP if it goes to us
 * @c: this CPU, whose host exited with #NPF
 * @gpa: EXITINFO2
 *
 * Call it with the lock held.
 *
 * Return: false if @gpa is no register of ours.
 */
bool mmio_access(struct cpu *c, u64 gpa);

#endif /* SNPSIM_MMIO_H */
