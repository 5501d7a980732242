// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI function of the security processor, as 1022:14CA: no CCP engine, the
 * mailbox in BAR 2, one MSI.  Register offsets: struct sev_vdata sevv2 and
 * struct psp_vdata pspv... in drivers/crypto/ccp/sp-pci.c.
 *
 * A command is executed at once, on the CPU that writes it.  If a test wants it to
 * take time (control.h), the boot CPU, which Linux does not get, executes it at the
 * end of that time.
 */
#include "apic.h"
#include "hostmem.h"
#include "idt.h"
#include "lib.h"
#include "psp.h"
#include "psp_control.h"
#include "psp_mbox.h"
#include "smp.h"

#define BAR_SIZE		0x40000u

#define PCI_ID			0x14ca1022
#define PCI_CLASS		0x10800000	/* encryption controller */
#define PCI_STATUS_CAP		0x00100000
#define PCI_COMMAND_MEM		BIT(1)
#define PCI_COMMAND_MASK	0x507
#define PCI_INTX_A		0x100
#define CAP_MSI			0x50
#define MSI_CAP			0x00800005	/* id, last capability, 64-bit address */
#define MSI_ENABLE		BIT(16)
#define MSI_WRITABLE		0x00710000

#define REG_INTEN		0x10690
#define REG_INTSTS		0x10694
#define REG_CMDRESP		0x10980
#define REG_ADDR_LO		0x109e0
#define REG_ADDR_HI		0x109e4
#define REG_BOOTLOADER		0x109ec
#define REG_FEATURE		0x109fc

#define FEATURE_SEV		BIT(0)
#define CMDRESP_RESPONSE	BIT(31)
#define CMDRESP_IOC		BIT(0)
#define CMDRESP_CMD(v)		((v) >> 16 & 0x7ff)
#define INT_COMMAND_DONE	BIT(1)
#define BOOTLOADER_VERSION	0x00220055u

#define BOOT_CPU_APIC_ID	0
#define MAX_ALARM_US		1000000u

static struct {
	u32 command, bar2, irq_line;
	u32 msi_control, msi_addr_lo, msi_addr_hi, msi_data;
	u32 mapped;			/* where the BAR is trapped; 0: nowhere */
} pci;

static struct {
	u32 addr_lo, addr_hi;
	u32 cmdresp, inten, intsts;
} mbox;

/* The command that takes its time, if there is one. */
static struct {
	bool under_way;
	bool ticking;			/* for a part of the time */
	u32 left_us;			/* without that part */
	u32 val;			/* as it was written ... */
	u64 buf;			/* ... when this was in the registers */
	u32 refusal;
} late;

static void update_bar(void)
{
	u32 want = pci.command & PCI_COMMAND_MEM ? pci.bar2 : 0;

	if (want == pci.mapped)
		return;
	if (pci.mapped)
		hostmem_trap(pci.mapped, BAR_SIZE, false);
	if (want)
		hostmem_trap(want, BAR_SIZE, true);
	pci.mapped = want;
}

u32 psp_config_read(u32 reg)
{
	switch (reg) {
	case 0x00:
	case 0x2c:
		return PCI_ID;
	case 0x04:
		return pci.command | PCI_STATUS_CAP;
	case 0x08:
		return PCI_CLASS;
	case 0x18:
		return pci.bar2;
	case 0x34:
		return CAP_MSI;
	case 0x3c:
		return pci.irq_line | PCI_INTX_A;
	case CAP_MSI:
		return MSI_CAP | pci.msi_control;
	case CAP_MSI + 4:
		return pci.msi_addr_lo;
	case CAP_MSI + 8:
		return pci.msi_addr_hi;
	case CAP_MSI + 12:
		return pci.msi_data;
	default:
		return 0;
	}
}

void psp_config_write(u32 reg, u32 val)
{
	switch (reg) {
	case 0x04:
		pci.command = val & PCI_COMMAND_MASK;
		update_bar();
		break;
	case 0x18:
		pci.bar2 = val & ~(BAR_SIZE - 1);
		update_bar();
		break;
	case 0x3c:
		pci.irq_line = val & 0xff;
		break;
	case CAP_MSI:
		pci.msi_control = val & MSI_WRITABLE;
		break;
	case CAP_MSI + 4:
		pci.msi_addr_lo = val;
		break;
	case CAP_MSI + 8:
		pci.msi_addr_hi = val;
		break;
	case CAP_MSI + 12:
		pci.msi_data = val & 0xffff;
		break;
	}
}

bool psp_mmio_offset(u64 pa, u32 *offset)
{
	if (!pci.mapped || pa < pci.mapped || pa >= pci.mapped + BAR_SIZE)
		return false;
	*offset = pa - pci.mapped;
	return true;
}

u64 psp_mmio_read(u32 offset)
{
	switch (offset) {
	case REG_INTEN:
		return mbox.inten;
	case REG_INTSTS:
		return mbox.intsts;
	case REG_CMDRESP:
		return mbox.cmdresp;
	case REG_ADDR_LO:
		return mbox.addr_lo;
	case REG_ADDR_HI:
		return mbox.addr_hi;
	case REG_BOOTLOADER:
		return BOOTLOADER_VERSION;
	case REG_FEATURE:
		return FEATURE_SEV;
	default:
		return 0;
	}
}

static void answer(u32 val, u64 buf, u32 refusal)
{
	u32 cmd = CMDRESP_CMD(val), status = refusal ? refusal : psp_command(cmd, buf);

	if (status)
		log("PSP: command %x: status %x%s", cmd, status, refusal ? ", as told" : "");
	psp_control_done(cmd, status);
	mbox.cmdresp = CMDRESP_RESPONSE | status;
	if (!(val & CMDRESP_IOC))
		return;
	mbox.intsts |= INT_COMMAND_DONE;
	if (pci.msi_control & MSI_ENABLE)
		apic_send_msi((u64)pci.msi_addr_hi << 32 | pci.msi_addr_lo, pci.msi_data);
}

static void take_command(u32 val)
{
	u64 buf = (u64)mbox.addr_hi << 32 | mbox.addr_lo;
	struct psp_order order;

	if (late.under_way) {
		log("PSP: command %x while %x is under way: lost", CMDRESP_CMD(val),
		    CMDRESP_CMD(late.val));
		return;
	}
	order = psp_control_order(CMDRESP_CMD(val));
	mbox.cmdresp = val & ~CMDRESP_RESPONSE;
	if (order.silent) {
		log("PSP: command %x: no answer, as told", CMDRESP_CMD(val));
		return;
	}
	if (!order.delay_us) {
		answer(val, buf, order.refusal);
		return;
	}
	late.under_way = true;
	late.ticking = false;
	late.left_us = order.delay_us;
	late.val = val;
	late.buf = buf;
	late.refusal = order.refusal;
	apic_send(BOOT_CPU_APIC_ID, ICR_ASSERT | VECTOR_TICK);
}

/* Any interrupt leads here, so it may be early. */
static void serve_late(void)
{
	u32 us = late.left_us < MAX_ALARM_US ? late.left_us : MAX_ALARM_US;

	if (!late.under_way || (late.ticking && !apic_alarm_over()))
		return;
	late.ticking = us;
	late.left_us -= us;
	if (us) {
		apic_alarm(VECTOR_TICK, us * 1000);
		return;
	}
	late.under_way = false;
	answer(late.val, late.buf, late.refusal);
}

void psp_mbox_serve(void)
{
	idt_take_interrupts();
	apic_start();
	for (;;) {
		sim_lock();
		serve_late();
		sim_unlock();
		asm volatile("sti; hlt; cli" ::: "memory");
	}
}

void psp_mmio_write(u32 offset, u64 val)
{
	switch (offset) {
	case REG_INTEN:
		mbox.inten = val;
		break;
	case REG_INTSTS:
		mbox.intsts &= ~val;
		break;
	case REG_CMDRESP:
		take_command(val);
		break;
	case REG_ADDR_LO:
		mbox.addr_lo = val;
		break;
	case REG_ADDR_HI:
		mbox.addr_hi = val;
		break;
	}
}
