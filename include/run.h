/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_RUN of an SNP vCPU.
 */
#ifndef RMPE_RUN_H
#define RMPE_RUN_H

struct rmpe_hook;

extern struct rmpe_hook rmpe_hook_vcpu_run;

#endif
