// SPDX-License-Identifier: GPL-2.0-only
/*
 * Take kernel and initramfs from multiboot and build the zero page, by the
 * 64-bit boot protocol (Documentation/arch/x86/boot.rst).
 */
#include "boot.h"
#include "entry.h"
#include "hostmem.h"
#include "lib.h"

#define KERNEL_ADDR		0x1000000ul	/* the usual pref_address */
#define KERNEL_ENTRY64		0x200
#define MIN_PROTOCOL		0x020c		/* has xloadflags */
#define MAX_CMDLINE		2048u

/* in the zero page; the same offsets hold in the kernel image's header */
#define BP_E820_ENTRIES		0x1e8
#define BP_SETUP_SECTS		0x1f1
#define BP_HEADER_END		0x201
#define BP_PROTOCOL		0x206
#define BP_TYPE_OF_LOADER	0x210
#define BP_LOADFLAGS		0x211
#define BP_RAMDISK_IMAGE	0x218
#define BP_RAMDISK_SIZE		0x21c
#define BP_CMD_LINE_PTR		0x228
#define BP_XLOADFLAGS		0x236
#define BP_E820_TABLE		0x2d0
#define E820_MAX		128
#define XLF_KERNEL_64		BIT(0)

#define E820_RAM		1
#define E820_RESERVED		2

struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper;
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
};

#define MB_HAS_MODS	BIT(3)
#define MB_HAS_MMAP	BIT(6)

struct mb_module {
	u32 start, end;
	u32 string;
	u32 reserved;
};

struct mb_mmap {
	u32 size;		/* of the rest of the entry */
	u64 addr;
	u64 len;
	u32 type;
} __packed;

struct e820_entry {
	u64 addr;
	u64 size;
	u32 type;
} __packed;

static char cmdline[MAX_CMDLINE];

static u32 get(const void *base, unsigned int off, unsigned int size)
{
	u32 val = 0;

	memcpy(&val, (const u8 *)base + off, size);
	return val;
}

static void put(void *base, unsigned int off, u64 val, unsigned int size)
{
	memcpy((u8 *)base + off, &val, size);
}

/* The module's string is "FILE ARGUMENTS..."; Linux wants the arguments. */
static void copy_cmdline(const char *s)
{
	unsigned int i;

	while (*s && *s != ' ')
		s++;
	if (*s)
		s++;
	for (i = 0; s[i]; i++) {
		if (i == sizeof(cmdline) - 1)
			die("the kernel command line is longer than %u bytes", MAX_CMDLINE - 1);
		cmdline[i] = s[i];
	}
}

static void e820_add(struct boot_params *bp, u64 start, u64 end, u32 type)
{
	u32 n = get(bp, BP_E820_ENTRIES, 1);
	struct e820_entry e = { start, end - start, type };

	if (end <= start)
		return;
	if (n == E820_MAX)
		die("too many entries in the memory map");
	memcpy(&bp->bytes[BP_E820_TABLE + n * sizeof(e)], &e, sizeof(e));
	put(bp, BP_E820_ENTRIES, n + 1, 1);
	log("memory: %lx-%lx type %u", start, end, type);
}

/*
 * RAM, less what this program occupies: its own image in the middle, and the
 * RMP with the page tables at the end of the highest range.
 */
static void build_e820(struct boot_params *bp, const struct mb_info *mi)
{
	u64 sim_lo = (u64)sim_start, sim_hi = (u64)sim_end, top = 0;
	const struct mb_mmap *m;
	u64 p, end = mi->mmap_addr + mi->mmap_length;

	for (p = mi->mmap_addr; p < end; p += m->size + sizeof(m->size)) {
		m = pa_to_ptr(p);
		if (m->type == E820_RAM && m->addr + m->len > top)
			top = m->addr + m->len;
	}
	if (top <= sim_hi)
		die("not enough memory: the machine needs 1G or more");
	hostmem_init(top);

	for (p = mi->mmap_addr; p < end; p += m->size + sizeof(m->size)) {
		u64 lo, hi;

		m = pa_to_ptr(p);
		lo = m->addr;
		hi = m->addr + m->len;
		if (m->type == E820_RAM && hi == top) {
			e820_add(bp, hostmem_bottom(), hi, E820_RESERVED);
			hi = hostmem_bottom();
		}
		if (m->type == E820_RAM && lo <= sim_lo && hi >= sim_hi) {
			e820_add(bp, lo, sim_lo, E820_RAM);
			e820_add(bp, sim_lo, sim_hi, E820_RESERVED);
			lo = sim_hi;
		}
		e820_add(bp, lo, hi, m->type);
	}
}

u64 boot_load_linux(u64 mb_info, struct boot_params *bp)
{
	const struct mb_info *mi = pa_to_ptr(mb_info);
	const struct mb_module *kernel, *initrd;
	u32 setup_size, image_size;
	const u8 *image;

	if (!(mi->flags & MB_HAS_MMAP))
		die("no memory map from the boot loader");
	if (!(mi->flags & MB_HAS_MODS) || mi->mods_count < 2)
		die("kernel and initramfs are missing (QEMU: -initrd \"KERNEL ARGS,INITRAMFS\")");
	kernel = pa_to_ptr(mi->mods_addr);
	initrd = kernel + 1;
	image = pa_to_ptr(kernel->start);
	image_size = kernel->end - kernel->start;
	if (image_size < KERNEL_ENTRY64 + 512 || memcmp(image + 0x202, "HdrS", 4) ||
	    get(image, BP_PROTOCOL, 2) < MIN_PROTOCOL ||
	    !(get(image, BP_XLOADFLAGS, 2) & XLF_KERNEL_64))
		die("the first module is not a 64-bit Linux kernel image");

	memset(bp, 0, sizeof(*bp));
	memcpy(&bp->bytes[BP_SETUP_SECTS], image + BP_SETUP_SECTS,
	       0x202 + image[BP_HEADER_END] - BP_SETUP_SECTS);
	copy_cmdline(pa_to_ptr(kernel->string));
	put(bp, BP_TYPE_OF_LOADER, 0xff, 1);
	put(bp, BP_CMD_LINE_PTR, (u64)cmdline, 4);
	put(bp, BP_RAMDISK_IMAGE, initrd->start, 4);
	put(bp, BP_RAMDISK_SIZE, initrd->end - initrd->start, 4);
	build_e820(bp, mi);

	setup_size = (image[BP_SETUP_SECTS] ? image[BP_SETUP_SECTS] : 4) * 512 + 512;
	memcpy(pa_to_ptr(KERNEL_ADDR), image + setup_size, image_size - setup_size);
	return KERNEL_ADDR + KERNEL_ENTRY64;
}

void boot_enter(struct cpu *c, u64 rip, u64 rsi)
{
	static const struct seg data = { 0x18, 0xc93, 0xffffffff, 0 };
	struct vmsa *s = &c->vmcb01.save;

	s->cs = (struct seg){ 0x10, 0xa9b, 0xffffffff, 0 };
	s->ds = data;
	s->es = data;
	s->ss = data;
	s->fs = data;
	s->gs = data;
	s->gdtr = (struct seg){ .limit = 4 * 8 - 1, .base = (u64)gdt };
	s->ldtr = (struct seg){ .attrib = 0x82, .limit = 0xffff };
	s->tr = (struct seg){ .attrib = 0x8b, .limit = 0xffff };
	/* NXE: a CPU that is woken up goes to the kernel's page tables without setting it. */
	s->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME;
	s->cr0 = CR0_PG | CR0_WP | 0x33;	/* PE MP ET NE */
	s->cr3 = (u64)pml4;
	s->cr4 = CR4_PAE;
	s->g_pat = 0x0007040600070406ul;
	s->dr6 = 0xffff0ff0;
	s->dr7 = 0x400;
	s->rflags = 2;
	s->rip = rip;
	memset(c->gpr, 0, sizeof(c->gpr));
	c->gpr[GPR_RSI] = rsi;
}
