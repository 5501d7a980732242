// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of control.h: a security processor that is slow, silent or contrary,
 * and the counters.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pci.h>

#include "control.h"
#include "psp_cmd.h"
#include "selftest.h"

#define PSP_DEVICE	0x14ca
#define PSP_BAR		2
#define REG_CMDRESP	0x10980
#define REG_ADDR_LO	0x109e0
#define REG_ADDR_HI	0x109e4
#define RESPONSE	BIT(31)

#define DELAY_MS	600
#define ANY_STATUS	SEV_RET_HWSEV_RET_PLATFORM
#define PATTERN		0x5a

static u32 get(unsigned int reg)
{
	return inl(SNPSIM_PORT(reg));
}

static void set(unsigned int reg, u32 val)
{
	outl(val, SNPSIM_PORT(reg));
}

static void usual(void)
{
	set(SNPSIM_PSP_SLOW, 0);
	set(SNPSIM_PSP_SLOW_US, 0);
	set(SNPSIM_PSP_SILENT, 0);
	set(SNPSIM_PSP_REFUSE, 0);
}

/* A guest that may be debugged, with a page that may be, and one for the output. */
static struct {
	void *ctx, *out;
	u8 *data;
	u64 gctx, dst, page;
} f;

static bool set_up(void)
{
	f.ctx = snp_alloc_firmware_page(GFP_KERNEL);
	f.out = snp_alloc_firmware_page(GFP_KERNEL | __GFP_ZERO);
	f.data = (u8 *)__get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	EXPECT_TRUE(f.ctx && f.out);
	if (!f.ctx || !f.out)
		return false;
	memset(f.data, PATTERN, PAGE_SIZE);
	f.gctx = __pa(f.ctx);
	f.dst = __pa(f.out);
	f.page = __pa(f.data);
	psp_flush_asids();
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_GCTX_CREATE, f.gctx), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_launch_start(f.gctx, PSP_POLICY_DEBUG), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_activate(f.gctx, TEST_ASID), SEV_RET_SUCCESS);
	EXPECT_EQ(rmp_assign(f.page, TEST_GPA, TEST_ASID, false), RMP_OK);
	return true;
}

static void tear_down(void)
{
	usual();
	EXPECT_EQ(rmp_share(f.page, false), RMP_OK);
	EXPECT_EQ(psp_cmd_addr(SEV_CMD_SNP_DECOMMISSION, f.gctx), SEV_RET_SUCCESS);
	snp_free_firmware_page(f.ctx);
	snp_free_firmware_page(f.out);
	free_page((unsigned long)f.data);
	psp_flush_asids();
}

static int decrypt(void)
{
	return psp_decrypt(f.gctx, f.page, f.dst);
}

static void registers(void)
{
	EXPECT_EQ(get(SNPSIM_ID), SNPSIM_ID_VALUE);
	EXPECT_EQ(inb(SNPSIM_PORT(SNPSIM_ID) + 1), SNPSIM_ID_VALUE >> 8 & 0xff);
	EXPECT_EQ(inw(SNPSIM_PORT(SNPSIM_ID) + 2), SNPSIM_ID_VALUE >> 16);
	set(SNPSIM_ID, 0);
	EXPECT_EQ(get(SNPSIM_ID), SNPSIM_ID_VALUE);
	set(SNPSIM_PSP_SLOW_US, 0x12345678);
	outb(0x9a, SNPSIM_PORT(SNPSIM_PSP_SLOW_US) + 2);
	EXPECT_EQ(get(SNPSIM_PSP_SLOW_US), 0x129a5678);
	usual();
}

static void counters(void)
{
	u32 commands, dbg, failed, reclaims, firmware, reclaimed;
	void *page;

	if (!set_up())
		return;
	commands = get(SNPSIM_PSP_COMMANDS);
	dbg = get(SNPSIM_PSP_DBG);
	failed = get(SNPSIM_PSP_DBG_FAILED);
	reclaims = get(SNPSIM_PSP_RECLAIM);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_EQ(psp_encrypt(f.gctx, f.page, f.page), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(psp_launch_finish(f.dst), SEV_RET_INVALID_GUEST);
	EXPECT_EQ(get(SNPSIM_PSP_COMMANDS) - commands, 3);
	EXPECT_EQ(get(SNPSIM_PSP_DBG) - dbg, 2);
	EXPECT_EQ(get(SNPSIM_PSP_DBG_FAILED) - failed, 1);
	EXPECT_EQ(get(SNPSIM_PSP_RECLAIM) - reclaims, 0);

	firmware = get(SNPSIM_RMP_FIRMWARE);
	EXPECT_TRUE(firmware);
	reclaimed = get(SNPSIM_RMP_RECLAIM);
	page = snp_alloc_firmware_page(GFP_KERNEL);
	EXPECT_EQ(get(SNPSIM_RMP_FIRMWARE) - firmware, 1);
	EXPECT_EQ(psp_reclaim(__pa(page)), SEV_RET_SUCCESS);
	EXPECT_EQ(get(SNPSIM_RMP_FIRMWARE) - firmware, 0);
	EXPECT_EQ(get(SNPSIM_RMP_RECLAIM) - reclaimed, 1);
	EXPECT_EQ(get(SNPSIM_PSP_RECLAIM) - reclaims, 1);
	snp_free_firmware_page(page);
	EXPECT_EQ(get(SNPSIM_RMP_RECLAIM) - reclaimed, 0);
	tear_down();
}

static void refuse(void)
{
	u32 failed = get(SNPSIM_PSP_DBG_FAILED);

	if (!set_up())
		return;
	set(SNPSIM_PSP_REFUSE, SNPSIM_REFUSE(2, SNPSIM_DBG, ANY_STATUS));
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_TRUE(!memchr_inv(f.out, PATTERN, PAGE_SIZE));
	EXPECT_EQ(get(SNPSIM_PSP_REFUSE), SNPSIM_REFUSE(1, SNPSIM_DBG, ANY_STATUS));
	/* Others don't count. */
	EXPECT_EQ(psp_reclaim(f.page), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_EQ(decrypt(), ANY_STATUS);
	EXPECT_EQ(get(SNPSIM_PSP_REFUSE), 0);
	EXPECT_EQ(decrypt(), SEV_RET_SUCCESS);
	EXPECT_EQ(get(SNPSIM_PSP_DBG_FAILED) - failed, 1);

	set(SNPSIM_PSP_REFUSE, SNPSIM_REFUSE(1, SNPSIM_RECLAIM, SEV_RET_INVALID_PAGE_SIZE));
	EXPECT_EQ(psp_reclaim(f.dst), SEV_RET_INVALID_PAGE_SIZE);
	/* It was not executed. */
	EXPECT_EQ(rmp_read(f.dst), RMP_ENTRY_ASSIGNED | RMP_ENTRY_IMMUTABLE);
	tear_down();
}

/* What goes on while the firmware is busy: time, and what needs the simulator. */
struct bystander {
	u64 page;
	unsigned int rounds;
};

static int go_on(void *data)
{
	struct bystander *b = data;

	while (!kthread_should_stop()) {
		EXPECT_EQ(rmp_assign(b->page, TEST_GPA, TEST_ASID, false), RMP_OK);
		EXPECT_EQ(rmp_share(b->page, false), RMP_OK);
		WRITE_ONCE(b->rounds, b->rounds + 1);
		usleep_range(1000, 2000);
	}
	return 0;
}

static s64 ms_of(int (*command)(void), int want)
{
	ktime_t start = ktime_get();

	EXPECT_EQ(command(), want);
	return ktime_ms_delta(ktime_get(), start);
}

static int reclaim_guest_page(void)
{
	return psp_reclaim(f.page);
}

static void slow(void)
{
	unsigned long page = __get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	struct bystander b = { .page = __pa(page) };
	struct task_struct *t;
	unsigned int before;

	if (!set_up())
		return;
	t = kthread_run(go_on, &b, "snpsim_bystander");
	EXPECT_TRUE(!IS_ERR(t));
	if (IS_ERR(t))
		return;

	set(SNPSIM_PSP_SLOW_US, DELAY_MS * 1000);
	set(SNPSIM_PSP_SLOW, SNPSIM_DBG);
	before = READ_ONCE(b.rounds);
	EXPECT_TRUE(ms_of(decrypt, SEV_RET_SUCCESS) >= DELAY_MS * 9 / 10);
	EXPECT_TRUE(!memchr_inv(f.out, PATTERN, PAGE_SIZE));
	EXPECT_TRUE(READ_ONCE(b.rounds) - before >= 10);
	EXPECT_TRUE(ms_of(reclaim_guest_page, SEV_RET_INVALID_PAGE_STATE) < DELAY_MS / 2);

	set(SNPSIM_PSP_SLOW, SNPSIM_RECLAIM);
	EXPECT_TRUE(ms_of(decrypt, SEV_RET_SUCCESS) < DELAY_MS / 2);
	EXPECT_TRUE(ms_of(reclaim_guest_page, SEV_RET_INVALID_PAGE_STATE) >= DELAY_MS * 9 / 10);

	/* More than one alarm; and one that is refused. */
	set(SNPSIM_PSP_SLOW_US, 4 * DELAY_MS * 1000);
	set(SNPSIM_PSP_SLOW, SNPSIM_DBG | SNPSIM_RECLAIM | SNPSIM_OTHERS);
	set(SNPSIM_PSP_REFUSE, SNPSIM_REFUSE(1, SNPSIM_DBG, ANY_STATUS));
	EXPECT_TRUE(ms_of(decrypt, ANY_STATUS) >= 4 * DELAY_MS * 9 / 10);
	usual();
	EXPECT_TRUE(ms_of(decrypt, SEV_RET_SUCCESS) < DELAY_MS / 2);

	kthread_stop(t);
	free_page(page);
	tear_down();
}

/* --- the mailbox itself, which nobody else uses now --- */

static void __iomem *mailbox;

static bool map_mailbox(void)
{
	struct pci_dev *dev = pci_get_device(PCI_VENDOR_ID_AMD, PSP_DEVICE, NULL);

	EXPECT_TRUE(dev);
	if (!dev)
		return false;
	mailbox = ioremap(pci_resource_start(dev, PSP_BAR), pci_resource_len(dev, PSP_BAR));
	pci_dev_put(dev);
	EXPECT_TRUE(mailbox);
	return mailbox;
}

/* Without interrupt: the driver need not know. */
static void submit(int id, u64 buf)
{
	iowrite32(lower_32_bits(buf), mailbox + REG_ADDR_LO);
	iowrite32(upper_32_bits(buf), mailbox + REG_ADDR_HI);
	iowrite32(id << 16, mailbox + REG_CMDRESP);
}

/* The status, or -1 if there is no answer after so much time. */
static int answer(unsigned int ms)
{
	ktime_t end = ktime_add_ms(ktime_get(), ms);
	u32 val;

	do {
		val = ioread32(mailbox + REG_CMDRESP);
		if (val & RESPONSE)
			return val & 0xffff;
		usleep_range(500, 1000);
	} while (ktime_before(ktime_get(), end));
	return -1;
}

/* A command that takes its time is executed at the end of that time. */
static void late(void)
{
	struct sev_data_snp_dbg *b = (void *)get_zeroed_page(GFP_KERNEL | __GFP_NOFAIL);
	ktime_t start;

	if (!map_mailbox() || !set_up())
		return;
	b->gctx_paddr = f.gctx;
	b->src_addr = f.page;
	b->dst_addr = f.dst;
	set(SNPSIM_PSP_SLOW_US, DELAY_MS * 1000);
	set(SNPSIM_PSP_SLOW, SNPSIM_DBG);
	start = ktime_get();
	submit(SEV_CMD_SNP_DBG_DECRYPT, __pa(b));
	EXPECT_EQ(answer(DELAY_MS / 4), -1);
	EXPECT_TRUE(ktime_ms_delta(ktime_get(), start) < DELAY_MS);
	EXPECT_TRUE(!memchr_inv(f.out, 0, PAGE_SIZE));
	/* The mailbox has room for one. */
	submit(SEV_CMD_SNP_DF_FLUSH, 0);
	EXPECT_EQ(rmp_share(f.page, false), RMP_OK);
	EXPECT_EQ(answer(20 * DELAY_MS), SEV_RET_INVALID_PAGE_STATE);
	EXPECT_TRUE(ktime_ms_delta(ktime_get(), start) >= DELAY_MS * 9 / 10);
	EXPECT_TRUE(!memchr_inv(f.out, 0, PAGE_SIZE));
	EXPECT_EQ(rmp_assign(f.page, TEST_GPA, TEST_ASID, false), RMP_OK);
	tear_down();
	free_page((unsigned long)b);
	iounmap(mailbox);
}

static void silent(void)
{
	struct sev_data_snp_dbg *b = (void *)get_zeroed_page(GFP_KERNEL | __GFP_NOFAIL);

	if (!map_mailbox() || !set_up())
		return;
	b->gctx_paddr = f.gctx;
	b->src_addr = f.page;
	b->dst_addr = f.dst;
	set(SNPSIM_PSP_SILENT, SNPSIM_DBG);
	submit(SEV_CMD_SNP_DBG_DECRYPT, __pa(b));
	EXPECT_EQ(answer(DELAY_MS), -1);
	EXPECT_TRUE(!memchr_inv(f.out, 0, PAGE_SIZE));
	/* Others are answered. */
	EXPECT_EQ(psp_reclaim(f.page), SEV_RET_INVALID_PAGE_STATE);
	set(SNPSIM_PSP_SILENT, 0);
	submit(SEV_CMD_SNP_DBG_DECRYPT, __pa(b));
	EXPECT_EQ(answer(DELAY_MS), SEV_RET_SUCCESS);
	EXPECT_TRUE(!memchr_inv(f.out, PATTERN, PAGE_SIZE));
	tear_down();
	free_page((unsigned long)b);
	iounmap(mailbox);
}

const struct selftest control_tests[] = {
	{ "control_registers", registers },
	{ "control_counters", counters },
	{ "control_refuse", refuse },
	{ "control_slow", slow },
	{ "control_late", late },
	{ "control_silent", silent },
	{ }
};
