// SPDX-License-Identifier: GPL-2.0-only
/*
 * RMPUPDATE and PSMASH: results, and what is in the table afterwards.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/psp-sev.h>

#include "selftest.h"

#define ORDER_2M	9
#define ASID_TOO_BIG	100

static struct page *block;		/* 2M, aligned */
static u64 pa;

static bool get_block(void)
{
	block = alloc_pages(GFP_KERNEL, ORDER_2M);
	EXPECT_TRUE(block);
	if (!block)
		return false;
	pa = page_to_phys(block);
	return true;
}

/* All pages are shared again, or they must not be used by anybody else. */
static void put_block(void)
{
	bool clean = true;
	int i;

	for (i = 0; i < 1 << ORDER_2M; i++)
		clean &= !(rmp_read(pa + i * PAGE_SIZE) & RMP_ENTRY_ASSIGNED);
	EXPECT_TRUE(clean);
	if (clean)
		__free_pages(block, ORDER_2M);
}

static void update_4k(void)
{
	if (!get_block())
		return;
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, false), RMP_OK);
	EXPECT_EQ(rmp_read(pa), RMP_ENTRY_ASSIGNED | TEST_GPA | (u64)TEST_ASID << 51);
	EXPECT_EQ(rmp_read(pa + PAGE_SIZE), 0);
	EXPECT_EQ(rmp_share(pa, false), RMP_OK);
	EXPECT_EQ(rmp_read(pa), 0);
	put_block();
}

static void update_2m(void)
{
	if (!get_block())
		return;
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, true), RMP_OK);
	EXPECT_TRUE(rmp_read(pa) & RMP_ENTRY_2M);
	EXPECT_TRUE(rmp_read(pa + SZ_2M - PAGE_SIZE) & RMP_ENTRY_ASSIGNED);
	EXPECT_EQ(rmp_share(pa, true), RMP_OK);
	put_block();
}

static void update_bad_input(void)
{
	struct rmp_operand shared_asid = { .asid = TEST_ASID };

	if (!get_block())
		return;
	/* a 2M page whose address or guest address is not aligned to 2M */
	EXPECT_EQ(rmp_assign(pa + PAGE_SIZE, TEST_GPA, TEST_ASID, true), RMP_FAIL_INPUT);
	EXPECT_EQ(rmp_assign(pa, TEST_GPA + PAGE_SIZE, TEST_ASID, true), RMP_FAIL_INPUT);
	EXPECT_EQ(rmp_assign(pa, TEST_GPA + 8, TEST_ASID, false), RMP_FAIL_INPUT);
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, ASID_TOO_BIG, false), RMP_FAIL_INPUT);
	EXPECT_EQ(insn_rmpupdate(pa, &shared_asid), RMP_FAIL_INPUT);
	/* past the last entry of the table */
	EXPECT_EQ(rmp_assign(rmp_table_pages() << PAGE_SHIFT, TEST_GPA, TEST_ASID, false),
		  RMP_FAIL_INPUT);
	EXPECT_EQ(rmp_read(pa), 0);
	put_block();
}

static void update_overlap(void)
{
	if (!get_block())
		return;
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, true), RMP_OK);
	EXPECT_EQ(rmp_assign(pa + PAGE_SIZE, TEST_GPA, TEST_ASID, false), RMP_FAIL_OVERLAP);
	EXPECT_EQ(rmp_share(pa + PAGE_SIZE, false), RMP_FAIL_OVERLAP);
	EXPECT_EQ(rmp_share(pa, true), RMP_OK);

	EXPECT_EQ(rmp_assign(pa + PAGE_SIZE, TEST_GPA, TEST_ASID, false), RMP_OK);
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, true), RMP_FAIL_OVERLAP);
	EXPECT_EQ(rmp_share(pa + PAGE_SIZE, false), RMP_OK);
	put_block();
}

/* A firmware page can't be taken back without the firmware. */
static void update_immutable(void)
{
	struct rmp_operand firmware = { .assigned = 1, .immutable = 1 };
	struct sev_data_snp_page_reclaim reclaim = { 0 };
	int status = 0;

	if (!get_block())
		return;
	EXPECT_EQ(insn_rmpupdate(pa, &firmware), RMP_OK);
	EXPECT_EQ(rmp_share(pa, false), RMP_FAIL_PERMISSION);
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, false), RMP_FAIL_PERMISSION);
	EXPECT_EQ(insn_rmpupdate(pa, &firmware), RMP_FAIL_PERMISSION);
	reclaim.paddr = pa;
	EXPECT_EQ(sev_do_cmd(SEV_CMD_SNP_PAGE_RECLAIM, &reclaim, &status), 0);
	EXPECT_EQ(status, SEV_RET_SUCCESS);
	EXPECT_EQ(rmp_share(pa, false), RMP_OK);
	put_block();
}

/* Nobody owns the memory of the table itself. */
static void update_table(void)
{
	u64 last = rmp_table_base() + rmp_table_pages() * 16;

	EXPECT_EQ(rmp_assign(rmp_table_base(), TEST_GPA, TEST_ASID, false), RMP_FAIL_PERMISSION);
	EXPECT_EQ(rmp_share(last & PAGE_MASK, false), RMP_FAIL_PERMISSION);
}

static void psmash_ok(void)
{
	int i;

	if (!get_block())
		return;
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, true), RMP_OK);
	EXPECT_EQ(insn_psmash(pa), RMP_OK);
	EXPECT_EQ(rmp_read(pa), RMP_ENTRY_ASSIGNED | TEST_GPA | (u64)TEST_ASID << 51);
	EXPECT_EQ(rmp_read(pa + 5 * PAGE_SIZE),
		  RMP_ENTRY_ASSIGNED | (TEST_GPA + 5 * PAGE_SIZE) | (u64)TEST_ASID << 51);
	/* now every 4K page can go its own way */
	for (i = 0; i < 1 << ORDER_2M; i++)
		EXPECT_EQ(rmp_share(pa + i * PAGE_SIZE, false), RMP_OK);
	put_block();
}

static void psmash_bad_input(void)
{
	if (!get_block())
		return;
	EXPECT_EQ(insn_psmash(pa), RMP_FAIL_INPUT);		/* not assigned */
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, false), RMP_OK);
	EXPECT_EQ(insn_psmash(pa), RMP_FAIL_INPUT);		/* 4K already */
	EXPECT_EQ(rmp_share(pa, false), RMP_OK);
	EXPECT_EQ(rmp_assign(pa, TEST_GPA, TEST_ASID, true), RMP_OK);
	EXPECT_EQ(insn_psmash(pa + PAGE_SIZE), RMP_FAIL_INPUT);	/* not the head */
	EXPECT_EQ(insn_psmash(rmp_table_pages() << PAGE_SHIFT), RMP_FAIL_INPUT);
	EXPECT_EQ(rmp_share(pa, true), RMP_OK);
	put_block();
}

static void psmash_immutable(void)
{
	struct rmp_operand firmware = { .assigned = 1, .immutable = 1, .pagesize = 1 };
	struct sev_data_snp_page_reclaim reclaim = { 0 };
	int status = 0;

	if (!get_block())
		return;
	EXPECT_EQ(insn_rmpupdate(pa, &firmware), RMP_OK);
	EXPECT_EQ(insn_psmash(pa), RMP_FAIL_PERMISSION);
	reclaim.paddr = pa | 1;			/* bit 0: a 2M page */
	EXPECT_EQ(sev_do_cmd(SEV_CMD_SNP_PAGE_RECLAIM, &reclaim, &status), 0);
	EXPECT_EQ(insn_psmash(pa), RMP_OK);
	EXPECT_EQ(rmp_share(pa, true), RMP_OK);
	put_block();
}

/*
 * The VMSA of a vCPU that runs is in use.  Wait for one: on one host CPU it
 * never runs while we do.  The operand is a 2M page around the VMSA, so that the
 * instruction fails at any other moment, too: pages in it are assigned.
 */
static void update_inuse(void)
{
	unsigned long timeout = jiffies + 10 * HZ;
	u64 vmsa = 0, p, end = rmp_table_pages() << PAGE_SHIFT;
	unsigned int in_use = 0;

	for (p = 0; p < end && !vmsa; p += PAGE_SIZE) {
		u64 want = RMP_ENTRY_ASSIGNED | RMP_ENTRY_VMSA | RMP_ENTRY_VALIDATED;

		if ((rmp_read(p) & want) == want)
			vmsa = p;
	}
	EXPECT_TRUE(vmsa);
	if (!vmsa)
		return;
	while (!in_use && time_before(jiffies, timeout)) {
		int ret = rmp_assign(vmsa & ~(u64)(SZ_2M - 1), 0, TEST_ASID, true);

		EXPECT_TRUE(ret != RMP_OK);
		if (ret == RMP_OK)
			return;
		in_use += ret == RMP_FAIL_INUSE;
		if (num_online_cpus() == 1)
			break;
		cond_resched();
	}
	EXPECT_EQ(!!in_use, num_online_cpus() > 1);
}

const struct selftest rmp_tests[] = {
	{ "rmpupdate_4k", update_4k },
	{ "rmpupdate_2m", update_2m },
	{ "rmpupdate_bad_input", update_bad_input },
	{ "rmpupdate_overlap", update_overlap },
	{ "rmpupdate_immutable", update_immutable },
	{ "rmpupdate_rmp_table", update_table },
	{ "rmpupdate_inuse", update_inuse },
	{ "psmash", psmash_ok },
	{ "psmash_bad_input", psmash_bad_input },
	{ "psmash_immutable", psmash_immutable },
	{ }
};
