// SPDX-License-Identifier: GPL-2.0-only
/*
 * SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT: each rule of RULES.md, and which of them
 * comes first.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <asm/svm.h>

#include "psp_cmd.h"
#include "selftest.h"

#define ORDER_2M	9
#define CBIT		BIT_ULL(47)
#define PATTERN		0x5a
#define OTHER_PATTERN	0xc3
#define RESET_RIP	0xfff0

/* A guest, a page that is to be its own, and pages for the firmware's output and input. */
static struct {
	void *ctx, *out;
	u8 *data, *plain;
	u64 gctx, dst, page, src;
} f;

/* The guest is in the LAUNCH state, without an ASID. */
static bool set_up(u64 policy)
{
	f.ctx = snp_alloc_firmware_page(GFP_KERNEL);
	f.out = snp_alloc_firmware_page(GFP_KERNEL | __GFP_ZERO);
	f.data = (u8 *)__get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	f.plain = (u8 *)__get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	EXPECT_TRUE(f.ctx && f.out);
	if (!f.ctx || !f.out)
		return false;
	memset(f.data, PATTERN, PAGE_SIZE);
	memset(f.plain, OTHER_PATTERN, PAGE_SIZE);
	f.gctx = __pa(f.ctx);
	f.dst = __pa(f.out);
	f.page = __pa(f.data);
	f.src = __pa(f.plain);
	psp_flush_asids();
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_GCTX_CREATE, f.gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_launch_start(f.gctx, policy), SEV_RET_SUCCESS);
	return true;
}

static bool set_up_active(u64 policy)
{
	if (!set_up(policy))
		return false;
	EXPECT_EQ(psp_activate(f.gctx, TEST_ASID), SEV_RET_SUCCESS);
	return true;
}

/* The page is the hypervisor's again. */
static void tear_down(void)
{
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_DECOMMISSION, f.gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(rmp_read(f.page), 0);
	snp_free_firmware_page(f.ctx);
	snp_free_firmware_page(f.out);
	free_page((unsigned long)f.plain);
	if (!rmp_read(f.page))
		free_page((unsigned long)f.data);
	psp_flush_asids();
}

static void take_back(u64 pa)
{
	psp_reclaim(pa);		/* Pre-Guest pages need it, others don't mind */
	EXPECT_EQ(rmp_share(pa, false), RMP_OK);
}

static int decrypt(void)
{
	return psp_decrypt(f.gctx, f.page, f.dst);
}

static bool all_bytes(const void *p, u8 byte)
{
	return !memchr_inv(p, byte, PAGE_SIZE);
}

static void policy(void)
{
	if (!set_up_active(PSP_POLICY))
		return;
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID), RMP_OK);
	EXPECT_EQ(decrypt(), SEV_RET_POLICY_FAILURE);
	EXPECT_TRUE(all_bytes(f.out, 0));
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.page), SEV_RET_POLICY_FAILURE);
	take_back(f.page);
	tear_down();
}

/* From ACTIVATE to DECOMMISSION, whatever the state. */
static void guest_state(void)
{
	if (!set_up(PSP_POLICY_DEBUG))
		return;
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID), RMP_OK);
	EXPECT_EQ(decrypt(), SEV_RET_INVALID_PAGE_OWNER);
	EXPECT_EQ(psp_activate(f.gctx, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_launch_finish(f.gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_DECOMMISSION, f.gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(decrypt(), SEV_RET_INVALID_GUEST);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_GCTX_CREATE, f.gctx), SEV_RET_SUCCESS);
	take_back(f.page);
	tear_down();
}

/* What the guest's page may be. */
static void guest_page_state(void)
{
	if (!set_up_active(PSP_POLICY_DEBUG))
		return;
	/* Hypervisor, Firmware, Context, Default */
	EXPECT_EQ(decrypt(), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.page), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_decrypt(f.gctx, f.dst, f.dst), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.dst), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_decrypt(f.gctx, f.gctx, f.dst), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.gctx), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_decrypt(f.gctx, rmp_table_pages() << PAGE_SHIFT, f.dst),
		  SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, rmp_table_pages() << PAGE_SHIFT),
		  SEV_RET_INVALID_PAGE_STATE);
	/* Pre-Guest */
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID), RMP_OK);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.page), SEV_RET_SUCCESS);
	/* Guest-Valid */
	EXPECT_EQ(psp_launch_update(f.gctx, f.page, SNP_PAGE_TYPE_NORMAL), SEV_RET_SUCCESS);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.page), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(rmp_share(f.page, false), RMP_OK);
	/* Guest-Invalid */
	EXPECT_EQ(rmp_assign(f.page, TEST_GPA, TEST_ASID, false), RMP_OK);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.page), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(rmp_share(f.page, false), RMP_OK);
	tear_down();
}

/* Only a page that is in the Firmware state is written to. */
static void destination(void)
{
	struct rmp_operand firmware = { .assigned = 1, .immutable = 1 };
	u8 *other = (u8 *)__get_free_page(GFP_KERNEL | __GFP_NOFAIL | __GFP_ZERO);
	u64 dst = __pa(other);

	if (!set_up_active(PSP_POLICY_DEBUG))
		return;
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID), RMP_OK);
	/* Hypervisor, Context, a guest's, Default */
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, dst), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_TRUE(all_bytes(other, 0));
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, f.gctx), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, f.page), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, rmp_table_pages() << PAGE_SHIFT),
		  SEV_RET_INVALID_PAGE_STATE);
	/* Firmware, Reclaim */
	EXPECT_EQ(insn_rmpupdate(dst, &firmware), RMP_OK);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, dst), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(other, PATTERN));
	EXPECT_EQ(psp_reclaim(dst), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, dst), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(rmp_share(dst, false), RMP_OK);
	free_page((unsigned long)other);
	take_back(f.page);
	tear_down();
}

static void owner(void)
{
	if (!set_up_active(PSP_POLICY_DEBUG))
		return;
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID - 1), RMP_OK);
	EXPECT_EQ(decrypt(), SEV_RET_INVALID_PAGE_OWNER);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.page), SEV_RET_INVALID_PAGE_OWNER);
	EXPECT_TRUE(all_bytes(f.out, 0));
	take_back(f.page);
	tear_down();
}

static void addresses(void)
{
	u64 table = rmp_table_base();

	if (!set_up_active(PSP_POLICY_DEBUG))
		return;
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID), RMP_OK);
	EXPECT_EQ(psp_decrypt(f.gctx + 16, f.page, f.dst), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page + 16, f.dst), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, f.dst + 16), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_encrypt(f.gctx, f.src + 16, f.page), SEV_RET_INVALID_PARAM);
	/* The RMP is nobody's page. */
	EXPECT_EQ(psp_decrypt(table, f.page, f.dst), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_decrypt(f.gctx, table, f.dst), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, table), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_encrypt(f.gctx, table, f.page), SEV_RET_INVALID_PARAM);
	/* No context */
	EXPECT_EQ(psp_decrypt(f.dst, f.page, f.dst), SEV_RET_INVALID_GUEST);
	EXPECT_EQ(psp_decrypt(0, f.page, f.dst), SEV_RET_INVALID_GUEST);
	/* Encryption has its source anywhere in memory. */
	EXPECT_EQ(psp_encrypt(f.gctx, f.gctx, f.page), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_encrypt(f.gctx, BIT_ULL(45), f.page), SEV_RET_INVALID_ADDRESS);
	/* As a host with memory encryption has them. */
	EXPECT_EQ(psp_decrypt(f.gctx | CBIT, f.page | CBIT, f.dst | CBIT), SEV_RET_SUCCESS);
	take_back(f.page);
	tear_down();
}

/* Of two things that are wrong, the one that is told. */
static void order(void)
{
	if (!set_up_active(PSP_POLICY))
		return;
	EXPECT_EQ(psp_decrypt(f.dst, f.page + 16, f.dst), SEV_RET_INVALID_PARAM);
	EXPECT_EQ(psp_decrypt(f.dst, f.page, f.page), SEV_RET_INVALID_GUEST);
	EXPECT_EQ(decrypt(), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID - 1), RMP_OK);
	EXPECT_EQ(psp_decrypt(f.gctx, f.page, f.page), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(decrypt(), SEV_RET_INVALID_PAGE_OWNER);
	take_back(f.page);
	tear_down();
}

/* It is 4K within a page of 2M, too. */
static void size(void)
{
	struct page *block = alloc_pages(GFP_KERNEL, ORDER_2M);
	u8 *p;
	int i;

	EXPECT_TRUE(block);
	if (!block || !set_up_active(PSP_POLICY_DEBUG))
		return;
	p = page_address(block);
	for (i = 0; i < 1 << ORDER_2M; i++)
		memset(p + i * PAGE_SIZE, i, PAGE_SIZE);
	EXPECT_EQ(rmp_assign(__pa(p), TEST_GPA, TEST_ASID, true), RMP_OK);
	EXPECT_EQ(psp_decrypt(f.gctx, __pa(p), f.dst), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(f.out, 0));
	EXPECT_EQ(psp_decrypt(f.gctx, __pa(p) + 77 * PAGE_SIZE, f.dst), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(f.out, 77));
	EXPECT_EQ(psp_decrypt(f.gctx, __pa(p) + SZ_2M - PAGE_SIZE, f.dst), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(f.out, 0xff));
	EXPECT_EQ(rmp_share(__pa(p), true), RMP_OK);
	__free_pages(block, ORDER_2M);
	tear_down();
}

static void contents(void)
{
	if (!set_up_active(PSP_POLICY_DEBUG))
		return;
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID), RMP_OK);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(f.out, PATTERN));
	EXPECT_EQ(psp_encrypt(f.gctx, f.src, f.page), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(f.plain, OTHER_PATTERN));
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(f.out, OTHER_PATTERN));
	/* Nothing has become of the states. */
	EXPECT_EQ(rmp_read(f.dst), RMP_ENTRY_ASSIGNED | RMP_ENTRY_IMMUTABLE);
	EXPECT_EQ(rmp_read(f.page), RMP_ENTRY_ASSIGNED | RMP_ENTRY_IMMUTABLE | TEST_GPA |
		  (u64)TEST_ASID << 51);
	take_back(f.page);
	tear_down();
}

static void vmsa(void)
{
	if (!set_up_active(PSP_POLICY_DEBUG))
		return;
	EXPECT_EQ(psp_pre_guest(f.page, TEST_ASID), RMP_OK);
	EXPECT_EQ(psp_launch_update(f.gctx, f.page, SNP_PAGE_TYPE_VMSA), SEV_RET_SUCCESS);
	EXPECT_TRUE(rmp_read(f.page) & RMP_ENTRY_VMSA);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_TRUE(all_bytes(f.out, PATTERN));
	EXPECT_EQ(rmp_share(f.page, false), RMP_OK);
	tear_down();
}

/* The first page that has these of ASSIGNED, IMMUTABLE, VMSA and VALIDATED. */
static u64 find_page(u64 want)
{
	u64 mask = RMP_ENTRY_ASSIGNED | RMP_ENTRY_IMMUTABLE | RMP_ENTRY_VMSA | RMP_ENTRY_VALIDATED;
	u64 p, end = rmp_table_pages() << PAGE_SHIFT;

	for (p = 0; p < end; p += PAGE_SIZE) {
		if ((rmp_read(p) & mask) == want)
			return p;
	}
	EXPECT_TRUE(false);
	return 0;
}

/* With two CPUs, the vCPU runs meanwhile (./run has started it): nobody minds. */
static void in_use(void)
{
	u64 save = find_page(RMP_ENTRY_ASSIGNED | RMP_ENTRY_VMSA | RMP_ENTRY_VALIDATED);
	u64 gctx = find_page(RMP_ENTRY_ASSIGNED | RMP_ENTRY_IMMUTABLE | RMP_ENTRY_VMSA);
	void *out = snp_alloc_firmware_page(GFP_KERNEL | __GFP_ZERO);
	const struct sev_es_save_area *s = out;
	int i;

	EXPECT_TRUE(out);
	if (!out || !save || !gctx)
		return;
	for (i = 0; i < 100; i++)
		EXPECT_EQ(psp_decrypt(gctx, save, __pa(out)), SEV_RET_SUCCESS);
	EXPECT_EQ(s->rip, RESET_RIP);
	EXPECT_EQ(s->cs.base, 0xffff0000);
	snp_free_firmware_page(out);
}

const struct selftest dbg_tests[] = {
	{ "dbg_policy", policy },
	{ "dbg_guest_state", guest_state },
	{ "dbg_guest_page_state", guest_page_state },
	{ "dbg_destination", destination },
	{ "dbg_owner", owner },
	{ "dbg_addresses", addresses },
	{ "dbg_order", order },
	{ "dbg_size", size },
	{ "dbg_contents", contents },
	{ "dbg_vmsa", vmsa },
	{ "dbg_in_use", in_use },
	{ }
};
