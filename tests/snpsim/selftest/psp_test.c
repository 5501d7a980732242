// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware's state machine: commands in order, and out of order with the
 * status that the firmware refuses them with.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "psp_cmd.h"
#include "selftest.h"

#define UNKNOWN_CMD	0x1ff
#define ASID_OF_SEV	50
#define GSTATE_RUNNING	2

struct guest_status {
	u64 policy;
	u32 asid;
	u8 state;
} __packed;

static void platform(void)
{
	struct sev_data_snp_init_ex init = { .init_rmp = 1 };
	struct sev_user_data_snp_config config = { .rsvd = 1 };
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	void *status = snp_alloc_firmware_page(GFP_KERNEL);

	EXPECT_EQ(psp_cmd(UNKNOWN_CMD, NULL), SEV_RET_INVALID_COMMAND);
	EXPECT_EQ(psp_cmd(SEV_CMD_SNP_INIT, NULL), SEV_RET_INVALID_PLATFORM_STATE);
	EXPECT_EQ(psp_cmd(SEV_CMD_SNP_INIT_EX, &init), SEV_RET_INVALID_PLATFORM_STATE);
	EXPECT_EQ(psp_cmd(SEV_CMD_SNP_CONFIG, &config), SEV_RET_INVALID_PARAM);
	/* output only to firmware pages */
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_PLATFORM_STATUS, page_to_phys(page)),
		  SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_PLATFORM_STATUS, ~0ull << PAGE_SHIFT),
		  SEV_RET_INVALID_ADDRESS);
	EXPECT_TRUE(status);
	if (status) {
		struct sev_user_data_snp_status *s = status;

		EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_PLATFORM_STATUS, __pa(status)), SEV_RET_SUCCESS);
		EXPECT_EQ(s->state, 1);
		EXPECT_EQ(s->api_major, 1);
		snp_free_firmware_page(status);
	}
	EXPECT_EQ(psp_reclaim(page_to_phys(page)), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_reclaim(page_to_phys(page) | 1), page_to_phys(page) & (SZ_2M - 1) ?
		  SEV_RET_INVALID_ADDRESS : SEV_RET_INVALID_PAGE_SIZE);
	__free_page(page);
}

static void before_launch(u64 gctx, u64 page)
{
	EXPECT_EQ(psp_activate(gctx, TEST_ASID), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(psp_launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(psp_launch_finish(gctx), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(psp_launch_start(gctx, 0), SEV_RET_POLICY_FAILURE);
	EXPECT_EQ(psp_launch_start(gctx, PSP_POLICY | 0xff00), SEV_RET_POLICY_FAILURE);
	EXPECT_EQ(psp_launch_start(gctx, PSP_POLICY), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_launch_start(gctx, PSP_POLICY), SEV_RET_INVALID_GUEST_STATE);
}

static void update_pages(u64 gctx, u64 page)
{
	EXPECT_EQ(psp_launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_pre_guest(page, TEST_ASID - 1), RMP_OK);
	EXPECT_EQ(psp_launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_PAGE_OWNER);
	EXPECT_EQ(psp_reclaim(page), SEV_RET_SUCCESS);
	EXPECT_EQ(rmp_share(page, false), RMP_OK);
	EXPECT_EQ(psp_pre_guest(page, TEST_ASID), RMP_OK);
	EXPECT_EQ(psp_launch_update(gctx, page, 0), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_launch_update(gctx, page + 8, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_ADDRESS);
	EXPECT_EQ(psp_launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_SUCCESS);
	EXPECT_EQ(rmp_read(page), RMP_ENTRY_ASSIGNED | RMP_ENTRY_VALIDATED | TEST_GPA |
		  (u64)TEST_ASID << 51);
	EXPECT_EQ(psp_launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_PAGE_STATE);
}

static void check_status(u64 gctx, struct page *normal)
{
	struct guest_status *s = snp_alloc_firmware_page(GFP_KERNEL);

	EXPECT_EQ(psp_guest_status(gctx, page_to_phys(normal)), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_TRUE(s);
	if (!s)
		return;
	EXPECT_EQ(psp_guest_status(gctx, __pa(s)), SEV_RET_SUCCESS);
	EXPECT_EQ(s->policy, PSP_POLICY);
	EXPECT_EQ(s->asid, TEST_ASID);
	EXPECT_EQ(s->state, GSTATE_RUNNING);
	snp_free_firmware_page(s);
}

/* A guest from birth to death, with what is not its turn tried at each step. */
static void guest(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	void *ctx = snp_alloc_firmware_page(GFP_KERNEL);
	u64 pa = page_to_phys(page), gctx;

	EXPECT_TRUE(ctx);
	if (!ctx)
		return;
	gctx = __pa(ctx);
	psp_flush_asids();
	EXPECT_EQ(psp_launch_start(gctx, PSP_POLICY), SEV_RET_INVALID_GUEST);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_GCTX_CREATE, pa), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_GCTX_CREATE, gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_reclaim(gctx), SEV_RET_INVALID_PAGE_STATE);
	before_launch(gctx, pa);
	EXPECT_EQ(psp_launch_update(gctx, pa, SNP_PAGE_TYPE_NORMAL), SEV_RET_INACTIVE);
	EXPECT_EQ(psp_activate(gctx, 0), SEV_RET_INVALID_ASID);
	EXPECT_EQ(psp_activate(gctx, ASID_OF_SEV), SEV_RET_INVALID_ASID);
	EXPECT_EQ(psp_activate(gctx, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_activate(gctx, TEST_ASID), SEV_RET_ACTIVE);
	update_pages(gctx, pa);
	EXPECT_EQ(psp_launch_finish(gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_launch_finish(gctx), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(psp_launch_update(gctx, pa, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(rmp_share(pa, false), RMP_OK);
	check_status(gctx, page);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_DECOMMISSION, gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_DECOMMISSION, gctx), SEV_RET_INVALID_GUEST);
	snp_free_firmware_page(ctx);
	__free_page(page);
	psp_flush_asids();
}

/* An ASID belongs to one guest, and to none after it until all is flushed. */
static void asid(void)
{
	void *ctx1 = snp_alloc_firmware_page(GFP_KERNEL);
	void *ctx2 = snp_alloc_firmware_page(GFP_KERNEL);
	u64 g1, g2;

	EXPECT_TRUE(ctx1 && ctx2);
	if (!ctx1 || !ctx2)
		return;
	g1 = __pa(ctx1);
	g2 = __pa(ctx2);
	psp_flush_asids();
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_GCTX_CREATE, g1), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_GCTX_CREATE, g2), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_launch_start(g1, PSP_POLICY), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_launch_start(g2, PSP_POLICY), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_activate(g1, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_activate(g2, TEST_ASID), SEV_RET_ASID_OWNED);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_DECOMMISSION, g1), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_activate(g2, TEST_ASID), SEV_RET_DFFLUSH_REQUIRED);
	EXPECT_EQ(psp_cmd(SEV_CMD_SNP_DF_FLUSH, NULL), SEV_RET_WBINVD_REQUIRED);
	psp_flush_asids();
	EXPECT_EQ(psp_activate(g2, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_DECOMMISSION, g2), SEV_RET_SUCCESS);
	snp_free_firmware_page(ctx1);
	snp_free_firmware_page(ctx2);
	psp_flush_asids();
}

/*
 * What QEMU asks for in query-sev-capabilities: how long it is, then the thing
 * itself.  The driver lends the firmware the buffers' pages.
 */
static void identity(void)
{
	struct sev_data_pdh_cert_export e = { };
	struct sev_data_get_id id = { };
	u8 *pdh = (void *)get_zeroed_page(GFP_KERNEL | __GFP_NOFAIL);
	u8 *chain = (void *)__get_free_pages(GFP_KERNEL | __GFP_NOFAIL | __GFP_ZERO, 1);

	EXPECT_EQ(psp_cmd(SEV_CMD_PDH_CERT_EXPORT, &e), SEV_RET_INVALID_LEN);
	EXPECT_EQ(e.pdh_cert_len, 2084);
	EXPECT_EQ(e.cert_chain_len, 3 * 2084);
	e.pdh_cert_address = __pa(pdh);
	e.cert_chain_address = __pa(chain);
	EXPECT_EQ(psp_cmd(SEV_CMD_PDH_CERT_EXPORT, &e), SEV_RET_SUCCESS);
	EXPECT_EQ(pdh[0], 1);
	EXPECT_EQ(chain[2 * 2084], 1);

	EXPECT_EQ(psp_cmd(SEV_CMD_GET_ID, &id), SEV_RET_INVALID_LEN);
	EXPECT_EQ(id.len, 128);
	memset(pdh, 0xff, PAGE_SIZE);
	id.address = __pa(pdh);
	EXPECT_EQ(psp_cmd(SEV_CMD_GET_ID, &id), SEV_RET_SUCCESS);
	EXPECT_TRUE(pdh[0] && !pdh[127] && pdh[128] == 0xff);
	free_page((unsigned long)pdh);
	free_pages((unsigned long)chain, 1);
}

const struct selftest psp_tests[] = {
	{ "psp_platform", platform },
	{ "psp_identity", identity },
	{ "psp_guest", guest },
	{ "psp_asid", asid },
	{ }
};
