/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_PSP_SEV_H
#define UNIT_LINUX_PSP_SEV_H

#include <linux/types.h>

/* 56860, "SEV-SNP Firmware ABI Specification". */
#define SEV_CMD_SNP_DBG_DECRYPT		0x0b0
#define SEV_CMD_SNP_PAGE_RECLAIM	0x0c7
#define SEV_RET_POLICY_FAILURE		7

struct sev_data_snp_dbg {
	u64 gctx_paddr;
	u64 src_addr;
	u64 dst_addr;
} __attribute__((packed));

struct sev_data_snp_page_reclaim {
	u64 paddr;
} __attribute__((packed));

int sev_do_cmd(int cmd, void *data, int *psp_ret);
void *snp_alloc_firmware_page(gfp_t mask);

#endif
