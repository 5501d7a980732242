/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host, i.e. Linux: its exits, and what it sees of the machine.
 */
#ifndef SNPSIM_HOST_H
#define SNPSIM_HOST_H

#include "cpu.h"

/*
 * What CPUID 8000001F promises: ASIDs 1..49 are for SEV-ES and SNP guests, none for
 * SEV: VMRUN knows no such guests.
 */
#define SEV_MAX_ASID		49
#define SEV_MIN_ASID		50

#define SYSCFG_MEM_ENCRYPT	BIT(23)
#define SYSCFG_SNP_EN		BIT(24)
#define SYSCFG_SNP_VMPL_EN	BIT(25)
#define SYSCFG_MFDM		BIT(19)
#define SYSCFG_INITIAL		SYSCFG_MEM_ENCRYPT

/**
 * host_init() - once, before any CPU runs the host
 */
void host_init(void);

/**
 * host_run() - run the host on this CPU for ever
 *
 * Its VMCB has been prepared by boot_enter().
 */
void host_run(struct cpu *c) __noreturn;

/* host_cpuid.c, host_msr.c, host_insn.c: one exit each, RIP included */
void host_cpuid(struct cpu *c);
void host_msr(struct cpu *c);
void host_ud(struct cpu *c);

/** host_trap_msrs() - have reads and writes of certain MSRs exit */
void host_trap_msrs(u8 *msrpm);

/**
 * host_cpl0() - the host is in kernel mode; else queue #GP
 */
bool host_cpl0(struct vmcb *v);

#endif /* SNPSIM_HOST_H */
