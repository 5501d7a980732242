/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols of the assembly files and of the linker script, and what the
 * assembly files call.
 */
#ifndef SNPSIM_ENTRY_H
#define SNPSIM_ENTRY_H

#include "types.h"

extern u8 sim_start[], sim_end[];		/* the image in memory */
extern u64 pml4[], gdt[];

#define AP_BASE	0x8000ul			/* where the trampoline has to be */
extern const u8 ap_trampoline[], ap_trampoline_end[];

extern const u64 sizeof_cpu, stack_size;

void vmrun_asm(u64 vmcb_pa, u64 *gprs, bool host_if);

void bsp_main(u64 mb_info) __noreturn;
void ap_main(unsigned int id) __noreturn;

#endif /* SNPSIM_ENTRY_H */
