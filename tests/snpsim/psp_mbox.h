/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PCI function of the security processor: mailbox registers and MSI.
 */
#ifndef SNPSIM_PSP_MBOX_H
#define SNPSIM_PSP_MBOX_H

#include "types.h"

#define PSP_DEVFN	(0x1e << 3)

/* PCI configuration space, whole dwords; see pci.h */
u32 psp_config_read(u32 reg);
void psp_config_write(u32 reg, u32 val);

/** psp_mmio_offset() - is @pa in the BAR?  Sets @offset. */
bool psp_mmio_offset(u64 pa, u32 *offset);
u64 psp_mmio_read(u32 offset);
void psp_mmio_write(u32 offset, u64 val);

/**
 * psp_mbox_serve() - execute commands that take their time
 *
 * On the boot CPU, for ever: the others go on meanwhile.
 */
void psp_mbox_serve(void) __noreturn;

#endif /* SNPSIM_PSP_MBOX_H */
