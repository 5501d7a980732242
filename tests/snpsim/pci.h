/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration mechanism 1, with two functions more than the machine has.
 */
#ifndef SNPSIM_PCI_H
#define SNPSIM_PCI_H

#include "types.h"

#define PCI_PORTS	0xcf8		/* address, data */
#define PCI_NR_PORTS	8

/*
 * pci_in(), pci_out() - an access of the host to one of these ports, of 1, 2 or 4
 * bytes.  Call them with the lock held.
 */
u32 pci_in(u16 port, unsigned int size);
void pci_out(u16 port, unsigned int size, u32 val);

#endif /* SNPSIM_PCI_H */
