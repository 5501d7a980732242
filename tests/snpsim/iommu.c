// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOMMU's registers (AMD I/O virtualization specification 48882, chapter
 * 3.4) as far as drivers/iommu/amd/init.c wants them: an extended feature
 * register with SNPSup, and a command buffer that answers COMPLETION_WAIT.
 *
 * QEMU's own amd-iommu device is no use: under TCG, interrupts of the IOAPIC
 * get lost in it.
 */
#include "hostmem.h"
#include "iommu.h"
#include "lib.h"

#define IOMMU_BASE		0xfeb80000ul
#define IOMMU_SIZE		0x4000ul

/*
 * SNPSup, and of the rest what a translating IOMMU of that age offers, less
 * what would make the driver use more registers: PPR, guest tables, x2APIC.
 */
#define EFR_SNP_SUP		BIT(63)
#define EFR			(EFR_SNP_SUP | 0x29c1ul)

#define REG_CMD_BASE		0x0008
#define REG_EVENT_LOG		0x0010
#define REG_COMPLETION_BASE	0x0020		/* with SNP; else the exclusion range */
#define REG_COMPLETION_LIMIT	0x0028
#define REG_EFR			0x0030
#define REG_PPR_LOG		0x0038
#define REG_CMD_HEAD		0x2000
#define REG_CMD_TAIL		0x2008
#define CMD_BASE_ADDR		0x000ffffffffff000ul	/* of the logs, too */
#define CMD_LEN(base)		((base) >> 56 & 15)	/* log2 of the entries */
#define CMD_PTR_MASK		0x7fff0ul
#define CMD_SIZE		16ul
#define CMD_OPCODE(w1)		((w1) >> 28)
#define CMD_COMPLETION_WAIT	1
#define CMD_WAIT_STORE		BIT(0)

#define PCI_ID			0x14811022
#define PCI_CLASS		0x08060000	/* IOMMU */
#define PCI_STATUS_CAP		0x00100000
#define PCI_COMMAND_MASK	0x507
#define CAP_SECURE		0x40
#define CAP_SECURE_HEADER	0x190b640f	/* secure device, IOMMU, EFR present */
#define CAP_MSI			0x64
#define CAP_MSI_HEADER		0x00800005

#define IVHD_TYPE_10		0x10
#define IVHD_TYPE_11		0x11
#define IVHD_FLAGS		0xb0		/* coherent, IOTLB, prefetch */
#define IVINFO			0x00203041	/* 48-bit addresses, EFR is valid */
#define IVHD_DEV_SELECT		2

struct ivhd {
	u8 type;
	u8 flags;
	u16 length;
	u16 device_id;
	u16 capability;
	u64 base;
	u16 segment;
	u16 info;
	u32 attributes;
	/* type 0x11 only */
	u64 efr;
	u64 efr2;
} __packed;

#define IVHD_SIZE_10		24
#define IVHD_SIZE_11		40

static u64 regs[IOMMU_SIZE / 8];
static u32 pci_command;

void iommu_init(void)
{
	regs[REG_EFR / 8] = EFR;
	hostmem_trap(IOMMU_BASE, IOMMU_SIZE, true);
}

u32 iommu_fill_ivrs(u8 *p, u16 devfn)
{
	u8 *start = p;
	u8 type;

	memset(p, 0, 12);
	*(u32 *)p = IVINFO;
	p += 12;
	/* The driver takes the newest type of block, older ones the first. */
	for (type = IVHD_TYPE_10; type <= IVHD_TYPE_11; type++) {
		u16 size = type == IVHD_TYPE_10 ? IVHD_SIZE_10 : IVHD_SIZE_11;
		struct ivhd h = {
			.type = type,
			.flags = IVHD_FLAGS,
			.length = size + 4,
			.device_id = IOMMU_DEVFN,
			.capability = CAP_SECURE,
			.base = IOMMU_BASE,
			.efr = EFR,
		};
		u8 entry[4] = { IVHD_DEV_SELECT, devfn, devfn >> 8, 0 };

		memcpy(p, &h, size);
		memcpy(p + size, entry, sizeof(entry));
		p += h.length;
	}
	return p - start;
}

bool iommu_buffer(unsigned int i, u64 *pa, u64 *size)
{
	static const u16 base_reg[] = { REG_EVENT_LOG, REG_PPR_LOG, REG_COMPLETION_BASE };
	u64 base;

	if (i >= ARRAY_SIZE(base_reg))
		return false;
	base = regs[base_reg[i] / 8];
	*pa = base & CMD_BASE_ADDR;
	if (!*pa)
		*size = 0;
	else if (base_reg[i] == REG_COMPLETION_BASE)
		*size = (regs[REG_COMPLETION_LIMIT / 8] & CMD_BASE_ADDR) - *pa + PAGE_SIZE;
	else
		*size = ALIGN_UP(CMD_SIZE << CMD_LEN(base), PAGE_SIZE);
	return true;
}

u32 iommu_config_read(u32 reg)
{
	switch (reg) {
	case 0x00:
	case 0x2c:
		return PCI_ID;
	case 0x04:
		return pci_command | PCI_STATUS_CAP;
	case 0x08:
		return PCI_CLASS;
	case 0x34:
		return CAP_SECURE;
	case CAP_SECURE:
		return CAP_SECURE_HEADER;
	case CAP_SECURE + 4:
		return IOMMU_BASE | 1;		/* enabled */
	case CAP_MSI:
		return CAP_MSI_HEADER;
	default:
		return 0;
	}
}

void iommu_config_write(u32 reg, u32 val)
{
	if (reg == 0x04)
		pci_command = val & PCI_COMMAND_MASK;
}

bool iommu_mmio_offset(u64 pa, u32 *offset)
{
	if (pa < IOMMU_BASE || pa >= IOMMU_BASE + IOMMU_SIZE)
		return false;
	*offset = pa - IOMMU_BASE;
	return true;
}

u64 iommu_mmio_read(u32 offset)
{
	return regs[offset / 8] >> 8 * (offset & 7);
}

static void run_command(const u32 *cmd)
{
	u64 addr = ((u64)cmd[1] & 0xfffff) << 32 | (cmd[0] & ~7u);

	if (CMD_OPCODE(cmd[1]) == CMD_COMPLETION_WAIT && cmd[0] & CMD_WAIT_STORE &&
	    addr < hostmem_top())
		*(volatile u64 *)pa_to_ptr(addr) = (u64)cmd[3] << 32 | cmd[2];
}

static void run_commands(void)
{
	u64 base = regs[REG_CMD_BASE / 8] & CMD_BASE_ADDR;
	u64 size = CMD_SIZE << CMD_LEN(regs[REG_CMD_BASE / 8]);
	u64 head = regs[REG_CMD_HEAD / 8] & CMD_PTR_MASK & (size - 1);
	u64 tail = regs[REG_CMD_TAIL / 8] & CMD_PTR_MASK & (size - 1);

	for (; head != tail; head = (head + CMD_SIZE) & (size - 1)) {
		if (base + head < hostmem_top())
			run_command(pa_to_ptr(base + head));
	}
	regs[REG_CMD_HEAD / 8] = head;
}

void iommu_mmio_write(u32 offset, u64 val, unsigned int size)
{
	u64 shift = 8 * (offset & 7);
	u64 mask = (size < 8 ? BIT(8 * size) - 1 : ~0ul) << shift;
	u64 *reg = &regs[offset / 8];

	if ((offset & ~7u) == REG_EFR)
		return;
	*reg = (*reg & ~mask) | (val << shift & mask);
	if ((offset & ~7u) == REG_CMD_TAIL)
		run_commands();
}
