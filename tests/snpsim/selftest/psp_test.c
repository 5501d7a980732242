// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware's state machine: commands in order, and out of order with the
 * status that the firmware refuses them with.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/psp-sev.h>
#include <asm/smp.h>

#include "selftest.h"

#define POLICY		(BIT_ULL(17) | BIT_ULL(16))	/* must-be-one, SMT allowed */
#define UNKNOWN_CMD	0x1ff
#define ASID_OF_SEV	50
#define GSTATE_RUNNING	2

struct guest_status {
	u64 policy;
	u32 asid;
	u8 state;
} __packed;

/* Firmware status of a command; -1 if it did not get that far. */
static int cmd(int id, void *buf)
{
	int status = SEV_RET_NO_FW_CALL;

	sev_do_cmd(id, buf, &status);
	return status;
}

static int cmd_addr(int id, u64 pa)
{
	struct sev_data_snp_addr b = { .address = pa };

	return cmd(id, &b);
}

static int activate(u64 gctx, u32 asid)
{
	struct sev_data_snp_activate b = { .gctx_paddr = gctx, .asid = asid };

	return cmd(SEV_CMD_SNP_ACTIVATE, &b);
}

static int launch_start(u64 gctx, u64 policy)
{
	struct sev_data_snp_launch_start b = { .gctx_paddr = gctx, .policy = policy };

	return cmd(SEV_CMD_SNP_LAUNCH_START, &b);
}

static int launch_update(u64 gctx, u64 pa, int type)
{
	struct sev_data_snp_launch_update b = {
		.gctx_paddr = gctx, .address = pa, .page_type = type,
	};

	return cmd(SEV_CMD_SNP_LAUNCH_UPDATE, &b);
}

static int launch_finish(u64 gctx)
{
	struct sev_data_snp_launch_finish b = { .gctx_paddr = gctx };

	return cmd(SEV_CMD_SNP_LAUNCH_FINISH, &b);
}

static int guest_status(u64 gctx, u64 pa)
{
	struct sev_data_snp_guest_status b = { .gctx_paddr = gctx, .address = pa };

	return cmd(SEV_CMD_SNP_GUEST_STATUS, &b);
}

static int reclaim(u64 pa)
{
	struct sev_data_snp_page_reclaim b = { .paddr = pa };

	return cmd(SEV_CMD_SNP_PAGE_RECLAIM, &b);
}

/* A page for a guest that is being launched. */
static int make_pre_guest(u64 pa, u32 asid)
{
	struct rmp_operand op = {
		.gpa = TEST_GPA, .assigned = 1, .immutable = 1, .asid = asid,
	};

	return insn_rmpupdate(pa, &op);
}

/* DF_FLUSH after caches were written back everywhere: ASIDs can be used again. */
static void flush_asids(void)
{
	wbinvd_on_all_cpus();
	EXPECT_EQ(cmd(SEV_CMD_SNP_DF_FLUSH, NULL), SEV_RET_SUCCESS);
}

static void platform(void)
{
	struct sev_data_snp_init_ex init = { .init_rmp = 1 };
	struct sev_user_data_snp_config config = { .rsvd = 1 };
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	void *status = snp_alloc_firmware_page(GFP_KERNEL);

	EXPECT_EQ(cmd(UNKNOWN_CMD, NULL), SEV_RET_INVALID_COMMAND);
	EXPECT_EQ(cmd(SEV_CMD_SNP_INIT, NULL), SEV_RET_INVALID_PLATFORM_STATE);
	EXPECT_EQ(cmd(SEV_CMD_SNP_INIT_EX, &init), SEV_RET_INVALID_PLATFORM_STATE);
	EXPECT_EQ(cmd(SEV_CMD_SNP_CONFIG, &config), SEV_RET_INVALID_PARAM);
	/* output only to firmware pages */
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_PLATFORM_STATUS, page_to_phys(page)),
		  SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_PLATFORM_STATUS, ~0ull << PAGE_SHIFT),
		  SEV_RET_INVALID_ADDRESS);
	EXPECT_TRUE(status);
	if (status) {
		struct sev_user_data_snp_status *s = status;

		EXPECT_EQ(cmd_addr(SEV_CMD_SNP_PLATFORM_STATUS, __pa(status)), SEV_RET_SUCCESS);
		EXPECT_EQ(s->state, 1);
		EXPECT_EQ(s->api_major, 1);
		snp_free_firmware_page(status);
	}
	EXPECT_EQ(reclaim(page_to_phys(page)), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(reclaim(page_to_phys(page) | 1), page_to_phys(page) & (SZ_2M - 1) ?
		  SEV_RET_INVALID_ADDRESS : SEV_RET_INVALID_PAGE_SIZE);
	__free_page(page);
}

static void before_launch(u64 gctx, u64 page)
{
	EXPECT_EQ(activate(gctx, TEST_ASID), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(launch_finish(gctx), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(launch_start(gctx, 0), SEV_RET_POLICY_FAILURE);
	EXPECT_EQ(launch_start(gctx, POLICY | 0xff00), SEV_RET_POLICY_FAILURE);
	EXPECT_EQ(launch_start(gctx, POLICY), SEV_RET_SUCCESS);
	EXPECT_EQ(launch_start(gctx, POLICY), SEV_RET_INVALID_GUEST_STATE);
}

static void update_pages(u64 gctx, u64 page)
{
	EXPECT_EQ(launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(make_pre_guest(page, TEST_ASID - 1), RMP_OK);
	EXPECT_EQ(launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_PAGE_OWNER);
	EXPECT_EQ(reclaim(page), SEV_RET_SUCCESS);
	EXPECT_EQ(rmp_share(page, false), RMP_OK);
	EXPECT_EQ(make_pre_guest(page, TEST_ASID), RMP_OK);
	EXPECT_EQ(launch_update(gctx, page, 0), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(launch_update(gctx, page + 8, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_ADDRESS);
	EXPECT_EQ(launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_SUCCESS);
	EXPECT_EQ(rmp_read(page), RMP_ENTRY_ASSIGNED | RMP_ENTRY_VALIDATED | TEST_GPA |
		  (u64)TEST_ASID << 51);
	EXPECT_EQ(launch_update(gctx, page, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_PAGE_STATE);
}

static void check_status(u64 gctx, struct page *normal)
{
	struct guest_status *s = snp_alloc_firmware_page(GFP_KERNEL);

	EXPECT_EQ(guest_status(gctx, page_to_phys(normal)), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_TRUE(s);
	if (!s)
		return;
	EXPECT_EQ(guest_status(gctx, __pa(s)), SEV_RET_SUCCESS);
	EXPECT_EQ(s->policy, POLICY);
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
	flush_asids();
	EXPECT_EQ(launch_start(gctx, POLICY), SEV_RET_INVALID_GUEST);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_GCTX_CREATE, pa), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_GCTX_CREATE, gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(reclaim(gctx), SEV_RET_INVALID_PAGE_STATE);
	before_launch(gctx, pa);
	EXPECT_EQ(launch_update(gctx, pa, SNP_PAGE_TYPE_NORMAL), SEV_RET_INACTIVE);
	EXPECT_EQ(activate(gctx, 0), SEV_RET_INVALID_ASID);
	EXPECT_EQ(activate(gctx, ASID_OF_SEV), SEV_RET_INVALID_ASID);
	EXPECT_EQ(activate(gctx, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(activate(gctx, TEST_ASID), SEV_RET_ACTIVE);
	update_pages(gctx, pa);
	EXPECT_EQ(launch_finish(gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(launch_finish(gctx), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(launch_update(gctx, pa, SNP_PAGE_TYPE_NORMAL), SEV_RET_INVALID_GUEST_STATE);
	EXPECT_EQ(rmp_share(pa, false), RMP_OK);
	check_status(gctx, page);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_DECOMMISSION, gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_DECOMMISSION, gctx), SEV_RET_INVALID_GUEST);
	snp_free_firmware_page(ctx);
	__free_page(page);
	flush_asids();
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
	flush_asids();
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_GCTX_CREATE, g1), SEV_RET_SUCCESS);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_GCTX_CREATE, g2), SEV_RET_SUCCESS);
	EXPECT_EQ(launch_start(g1, POLICY), SEV_RET_SUCCESS);
	EXPECT_EQ(launch_start(g2, POLICY), SEV_RET_SUCCESS);
	EXPECT_EQ(activate(g1, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(activate(g2, TEST_ASID), SEV_RET_ASID_OWNED);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_DECOMMISSION, g1), SEV_RET_SUCCESS);
	EXPECT_EQ(activate(g2, TEST_ASID), SEV_RET_DFFLUSH_REQUIRED);
	EXPECT_EQ(cmd(SEV_CMD_SNP_DF_FLUSH, NULL), SEV_RET_WBINVD_REQUIRED);
	flush_asids();
	EXPECT_EQ(activate(g2, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(cmd_addr(SEV_CMD_SNP_DECOMMISSION, g2), SEV_RET_SUCCESS);
	snp_free_firmware_page(ctx1);
	snp_free_firmware_page(ctx2);
	flush_asids();
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

	EXPECT_EQ(cmd(SEV_CMD_PDH_CERT_EXPORT, &e), SEV_RET_INVALID_LEN);
	EXPECT_EQ(e.pdh_cert_len, 2084);
	EXPECT_EQ(e.cert_chain_len, 3 * 2084);
	e.pdh_cert_address = __pa(pdh);
	e.cert_chain_address = __pa(chain);
	EXPECT_EQ(cmd(SEV_CMD_PDH_CERT_EXPORT, &e), SEV_RET_SUCCESS);
	EXPECT_EQ(pdh[0], 1);
	EXPECT_EQ(chain[2 * 2084], 1);

	EXPECT_EQ(cmd(SEV_CMD_GET_ID, &id), SEV_RET_INVALID_LEN);
	EXPECT_EQ(id.len, 128);
	memset(pdh, 0xff, PAGE_SIZE);
	id.address = __pa(pdh);
	EXPECT_EQ(cmd(SEV_CMD_GET_ID, &id), SEV_RET_SUCCESS);
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
