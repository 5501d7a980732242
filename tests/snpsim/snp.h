/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMRUN of an SNP vCPU, as the rest of the program sees it.
 */
#ifndef SNPSIM_SNP_H
#define SNPSIM_SNP_H

#include "cpu.h"

/**
 * snp_cpu_init() - prepare this file's per-CPU state; once per CPU before its
 *	first snp_vmrun()
 * @c: the CPU
 */
void snp_cpu_init(struct cpu *c);

/**
 * snp_vmrun() - the host executed VMRUN on a VMCB with SEV-ES enabled
 * @c: this CPU
 * @v12: the host's VMCB
 *
 * Returns at the first exit that the host is to see, which is then in @v12;
 * the host's registers are as they were.  Call it without the lock.
 */
void snp_vmrun(struct cpu *c, struct vmcb *v12);

/**
 * snp_log_stats() - write counters since start to the log
 */
void snp_log_stats(void);

#endif /* SNPSIM_SNP_H */
