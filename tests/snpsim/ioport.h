/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's port I/O, as far as it exits: PCI configuration and the registers of
 * control.h.
 */
#ifndef SNPSIM_IOPORT_H
#define SNPSIM_IOPORT_H

#include "cpu.h"

/** ioport_trap() - have accesses to these ports exit */
void ioport_trap(u8 *iopm);

/** ioport_exit() - handle such an exit of the host */
void ioport_exit(struct cpu *c);

#endif /* SNPSIM_IOPORT_H */
