/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration mechanism 1, with two functions more than the machine has.
 */
#ifndef SNPSIM_PCI_H
#define SNPSIM_PCI_H

#include "cpu.h"

/** pci_trap_ports() - have accesses to CF8h-CFFh exit */
void pci_trap_ports(u8 *iopm);

/** pci_ioio() - handle such an exit of the host */
void pci_ioio(struct cpu *c);

#endif /* SNPSIM_PCI_H */
