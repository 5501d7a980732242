// SPDX-License-Identifier: GPL-2.0-only
/* What reading a guest that may be debugged takes (since 6.11)? */
#include <linux/cc_platform.h>
#include <linux/kvm_host.h>
#include <linux/psp.h>
#include <linux/psp-sev.h>
#include <asm/sev.h>
#include <asm/svm.h>

int (*do_cmd)(int cmd, void *data, int *status) = sev_do_cmd;
void *(*alloc)(gfp_t gfp) = snp_alloc_firmware_page;
int (*take_back)(u64 pfn, enum pg_level level) = rmp_make_shared;
struct sev_data_snp_dbg dbg = { .gctx_paddr = 0, .src_addr = 0, .dst_addr = 0 };
struct sev_data_snp_page_reclaim reclaim = { .paddr = 0 };
static inline u64 address(void *page) { return __psp_pa(page); }
int commands[] = { SEV_CMD_SNP_DBG_DECRYPT, SEV_CMD_SNP_PAGE_RECLAIM };
int lstar = offsetof(struct sev_es_save_area, lstar);
