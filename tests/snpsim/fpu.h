/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x87, SSE, AVX and PKRU of host and SNP guest.  This program itself uses
 * general registers only, so the registers hold the guest's values from
 * fpu_enter() to fpu_leave().
 */
#ifndef SNPSIM_FPU_H
#define SNPSIM_FPU_H

#include "vmcb.h"

#define FPU_AREA_SIZE	4096

/**
 * struct fpu - room for one CPU
 * @host: the host's registers, between fpu_enter() and fpu_leave()
 * @guest: image in which the VMSA's fields are put together
 */
struct fpu {
	u8 host[FPU_AREA_SIZE] __aligned(64);
	u8 guest[FPU_AREA_SIZE] __aligned(64);
	u64 host_xcr0;
};

/** fpu_enter() - save the host's registers, load those of a VMSA */
void fpu_enter(struct fpu *f, const struct vmsa *sa);

/** fpu_leave() - store the registers to a VMSA, load the host's again */
void fpu_leave(struct fpu *f, struct vmsa *sa);

#endif /* SNPSIM_FPU_H */
