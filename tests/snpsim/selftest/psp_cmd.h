/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands of the firmware, by the driver.  Each returns the firmware's status, or
 * SEV_RET_NO_FW_CALL if it did not get that far.
 */
#ifndef SNPSIM_PSP_CMD_H
#define SNPSIM_PSP_CMD_H

#include <linux/psp-sev.h>
#include <linux/types.h>

#define PSP_POLICY		(BIT_ULL(17) | BIT_ULL(16))	/* must-be-one, SMT allowed */
#define PSP_POLICY_DEBUG	(PSP_POLICY | BIT_ULL(19))

int psp_cmd(int id, void *buf);
int psp_cmd_addr(int id, u64 pa);
int psp_activate(u64 gctx, u32 asid);
int psp_launch_start(u64 gctx, u64 policy);
int psp_launch_update(u64 gctx, u64 pa, int type);
int psp_launch_finish(u64 gctx);
int psp_guest_status(u64 gctx, u64 pa);
int psp_reclaim(u64 pa);
int psp_decrypt(u64 gctx, u64 src, u64 dst);
int psp_encrypt(u64 gctx, u64 src, u64 dst);

/** psp_pre_guest() - RMPUPDATE: a page for a guest that is being launched */
int psp_pre_guest(u64 pa, u32 asid);

/** psp_flush_asids() - DF_FLUSH after WBINVD everywhere: ASIDs can be used again */
void psp_flush_asids(void);

#endif /* SNPSIM_PSP_CMD_H */
