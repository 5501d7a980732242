/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From multiboot to a Linux kernel that is ready to run.
 */
#ifndef SNPSIM_BOOT_H
#define SNPSIM_BOOT_H

#include "cpu.h"

/*
 * Linux's zero page (Documentation/arch/x86/zero-page.rst), by offset: only a
 * few fields are needed.
 */
struct boot_params {
	u8 bytes[4096];
};

#define BP_ACPI_RSDP	0x070

/**
 * boot_load_linux() - put kernel, command line and initramfs in place
 * @mb_info: address of the multiboot information
 * @bp: the zero page to fill
 *
 * Initialises the host's memory (hostmem.h) on the way, since that decides
 * what the memory map offers to Linux.
 *
 * Return: the address of the kernel's 64-bit entry point.
 */
u64 boot_load_linux(u64 mb_info, struct boot_params *bp);

/**
 * boot_enter() - make a CPU's host VMCB ready to start in 64-bit mode
 * @c: the CPU
 * @rip: where
 * @rsi: value of RSI: the zero page for the kernel's entry point
 *
 * The state is that of the 64-bit boot protocol, which is also what the ACPI
 * multiprocessor wakeup structure demands: flat segments, interrupts off,
 * memory mapped 1:1.
 */
void boot_enter(struct cpu *c, u64 rip, u64 rsi);

#endif /* SNPSIM_BOOT_H */
