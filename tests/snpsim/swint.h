/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * INT3 and INT n: intercepted only because TCG may execute an INT3 that is no
 * longer there.
 *
 * TCG drops its translation of code before a store to it, not after.  A CPU that
 * translates the same code in between keeps the old bytes for ever.  Linux
 * changes code by writing an INT3, then the rest of the instruction, then its
 * first byte, making all CPUs serialize after each step; the translation that
 * survives the last step is one of INT3, which then hits a kernel that no longer
 * expects it ("Oops: int3").  QEMU 7.2 does this without this program, too.
 */
#ifndef SNPSIM_SWINT_H
#define SNPSIM_SWINT_H

#include "cpu.h"

#define INTERCEPT1_SWINT	BIT(21)
#define VMEXIT_SWINT		0x75
#define OPCODE_INT_N		0xcd

/**
 * swint_is_stale() - an exit for INT3 or INT n came from a stale translation
 * @insn: where the instruction is in memory
 *
 * If so, TCG has dropped the translation when this returns: resume.
 */
bool swint_is_stale(u8 *insn);

/** host_swint() - the host executed INT3 or INT n */
void host_swint(struct cpu *c);

#endif /* SNPSIM_SWINT_H */
