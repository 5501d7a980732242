// SPDX-License-Identifier: GPL-2.0-only
/* Commands of the firmware, by the driver. */
#include <linux/mm.h>
#include <asm/smp.h>

#include "psp_cmd.h"
#include "selftest.h"

int psp_cmd(int id, void *buf)
{
	int status = SEV_RET_NO_FW_CALL;

	sev_do_cmd(id, buf, &status);
	return status;
}

int psp_cmd_addr(int id, u64 pa)
{
	struct sev_data_snp_addr b = { .address = pa };

	return psp_cmd(id, &b);
}

int psp_activate(u64 gctx, u32 asid)
{
	struct sev_data_snp_activate b = { .gctx_paddr = gctx, .asid = asid };

	return psp_cmd(SEV_CMD_SNP_ACTIVATE, &b);
}

int psp_launch_start(u64 gctx, u64 policy)
{
	struct sev_data_snp_launch_start b = { .gctx_paddr = gctx, .policy = policy };

	return psp_cmd(SEV_CMD_SNP_LAUNCH_START, &b);
}

int psp_launch_update(u64 gctx, u64 pa, int type)
{
	struct sev_data_snp_launch_update b = {
		.gctx_paddr = gctx, .address = pa, .page_type = type,
	};

	return psp_cmd(SEV_CMD_SNP_LAUNCH_UPDATE, &b);
}

int psp_launch_finish(u64 gctx)
{
	struct sev_data_snp_launch_finish b = { .gctx_paddr = gctx };

	return psp_cmd(SEV_CMD_SNP_LAUNCH_FINISH, &b);
}

int psp_guest_status(u64 gctx, u64 pa)
{
	struct sev_data_snp_guest_status b = { .gctx_paddr = gctx, .address = pa };

	return psp_cmd(SEV_CMD_SNP_GUEST_STATUS, &b);
}

int psp_reclaim(u64 pa)
{
	struct sev_data_snp_page_reclaim b = { .paddr = pa };

	return psp_cmd(SEV_CMD_SNP_PAGE_RECLAIM, &b);
}

int psp_decrypt(u64 gctx, u64 src, u64 dst)
{
	struct sev_data_snp_dbg b = { .gctx_paddr = gctx, .src_addr = src, .dst_addr = dst };

	return psp_cmd(SEV_CMD_SNP_DBG_DECRYPT, &b);
}

int psp_encrypt(u64 gctx, u64 src, u64 dst)
{
	struct sev_data_snp_dbg b = { .gctx_paddr = gctx, .src_addr = src, .dst_addr = dst };

	return psp_cmd(SEV_CMD_SNP_DBG_ENCRYPT, &b);
}

int psp_pre_guest(u64 pa, u32 asid)
{
	struct rmp_operand op = {
		.gpa = TEST_GPA, .assigned = 1, .immutable = 1, .asid = asid,
	};

	return insn_rmpupdate(pa, &op);
}

void psp_flush_asids(void)
{
	wbinvd_on_all_cpus();
	EXPECT_EQ(psp_cmd(SEV_CMD_SNP_DF_FLUSH, NULL), SEV_RET_SUCCESS);
}
