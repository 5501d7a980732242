// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a VMSA and a guest's memory to a site, and to its text.
 */
#include "test.h"

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/container_of.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>

#include <string.h>

#include <unit/alloc.h>

#include "random.h"
#include "site.h"

#define C_BIT		BIT_ULL(51)
#define ADDRESS		GENMASK_ULL(46, 12)	/* of what there is here */
#define PRESENT		BIT_ULL(0)
#define LARGE		BIT_ULL(7)
/* What else a page-table entry has: write, user, accessed, dirty, global, no-execute. */
#define FLAGS		(0x166ULL | BIT_ULL(63))

#define KERNEL		0xffffffff81000000ULL
#define RIP		(KERNEL + 0x234568)
#define STACK		0xffffc90000010000ULL	/* 16 KB from here on */
#define STACK_SIZE	0x4000
#define STACK_PAGE(i)	(0x303000 + 0x10000ULL * (i))
#define GIB		BIT_ULL(30)

/* The guest's memory: pages that can be read, in no order. */
#define NR_PAGES	64

static struct memory {
	struct rmpe_site_reader base;
	unsigned int nr;
	gpa_t gpa[NR_PAGES];
	union {
		u8 byte[PAGE_SIZE];
		u64 word[PAGE_SIZE / 8];
	} page[NR_PAGES];
	unsigned int reads;
	gpa_t next_table;
	gpa_t root;
	int levels;
} mem;

static struct rmpe_site site;
static struct rmpe_site_stack stack;

static int find(gpa_t gpa)
{
	unsigned int i;

	for (i = 0; i < mem.nr; i++)
		if (mem.gpa[i] == gpa)
			return i;
	return -1;
}

static const void *read_page(struct rmpe_site_reader *reader, gpa_t gpa)
{
	int i = find(gpa);

	assert_ptr_equal(container_of(reader, struct memory, base), &mem);
	assert_int_equal(gpa % PAGE_SIZE, 0);
	mem.reads++;
	return i < 0 ? NULL : &mem.page[i];
}

/* A page of the guest, made if need be. */
static u64 *words(gpa_t gpa)
{
	int i = find(gpa);

	if (i < 0) {
		assert_true(mem.nr < NR_PAGES);
		i = mem.nr++;
		mem.gpa[i] = gpa;
	}
	return mem.page[i].word;
}

static u8 *bytes(gpa_t gpa)
{
	return (u8 *)words(gpa);
}

/* The page can't be read any more. */
static void lose(gpa_t gpa)
{
	int i = find(gpa);

	assert_true(i >= 0);
	mem.gpa[i] = ~0ULL;
}

/* The entry of @va in the table of pages of 1 << @shift bytes; tables come as needed. */
static u64 *entry_of(u64 va, int shift)
{
	gpa_t table = mem.root;
	int at = mem.levels == 5 ? 48 : 39;

	for (; at > shift; at -= 9) {
		u64 *pte = &words(table)[va >> at & 511];

		if (!*pte) {
			*pte = mem.next_table | C_BIT | FLAGS | PRESENT;
			words(mem.next_table);
			mem.next_table += PAGE_SIZE;
		}
		table = *pte & ADDRESS;
	}
	return &words(table)[va >> shift & 511];
}

static void map_large(u64 va, gpa_t gpa, int shift)
{
	/* Bit 12 is the PAT bit there, bit 7 in a small page's. */
	*entry_of(va, shift) = gpa | C_BIT | FLAGS | PRESENT | LARGE |
			       (shift > PAGE_SHIFT ? BIT_ULL(12) : 0);
}

static void map(u64 va, gpa_t gpa)
{
	map_large(va, gpa, PAGE_SHIFT);
}

/* Empty memory but for a root table. */
static void in_long_mode(int levels)
{
	memset(&mem, 0, sizeof(mem));
	mem.base.page = read_page;
	mem.base.c_bit = C_BIT;
	mem.levels = levels;
	mem.root = 0x7000;
	mem.next_table = 0x100000;
	words(mem.root);
	site.reg[RMPE_REG_CR0] = X86_CR0_PG | 1;
	/* A PCID, and the C-bit. */
	site.reg[RMPE_REG_CR3] = mem.root | C_BIT | 0x805;
	site.reg[RMPE_REG_CR4] = levels == 5 ? X86_CR4_LA57 : 0;
	site.reg[RMPE_REG_EFER] = EFER_LMA | 0x101;
	site.reg[RMPE_REG_RIP] = RIP;
	site.reg[RMPE_REG_RSP] = STACK + 0x3e08;
	site.cpl = 0;
}

/* The code's page and the stack's, apart in memory. */
static int set_up(void **state)
{
	unsigned int i;

	unit_reset();
	memset(&site, 0, sizeof(site));
	in_long_mode(4);
	map(RIP, 0x200000);
	for (i = 0; i < PAGE_SIZE; i++)
		bytes(0x200000)[i] = i % 251;
	for (i = 0; i < 4; i++) {
		map(STACK + i * PAGE_SIZE, STACK_PAGE(i));
		memset(words(STACK_PAGE(i)), 0x40, PAGE_SIZE);	/* no addresses */
	}
	return 0;
}

static int tear_down(void **state)
{
	return unit_live_objects() != 0;
}

static u64 *stack_word(u64 va)
{
	assert_true(va >= STACK && va < STACK + STACK_SIZE);
	va -= STACK;
	return &words(STACK_PAGE(va / PAGE_SIZE))[va % PAGE_SIZE / 8];
}

static void read_site(void)
{
	memset(&stack, 0x5a, sizeof(stack));
	mem.reads = 0;
	rmpe_site_read_stack(&site, &stack, &mem.base);
}

/* @va is found at @gpa, by what of the instruction is read. */
static void assert_at(u64 va, gpa_t gpa)
{
	u8 *page = bytes(gpa & PAGE_MASK);

	assert_true(gpa % PAGE_SIZE <= PAGE_SIZE - RMPE_SITE_INSN);
	memset(page, 0, PAGE_SIZE);
	memcpy(page + gpa % PAGE_SIZE, "0123456789abcdef", RMPE_SITE_INSN);
	site.reg[RMPE_REG_RIP] = va;
	read_site();
	assert_int_equal(stack.insn_len, RMPE_SITE_INSN);
	assert_memory_equal(stack.insn, "0123456789abcdef", RMPE_SITE_INSN);
}

static void assert_not_mapped(u64 va)
{
	site.reg[RMPE_REG_RIP] = va;
	read_site();
	assert_int_equal(stack.insn_len, 0);
}

/* By the numbers of APM volume 2, table B-4. */
static const struct {
	enum rmpe_site_reg reg;
	unsigned int offset;
	const char *name;
	bool process;
} layout[] = {
	{ RMPE_REG_RIP, 0x178, "rip", false },
	{ RMPE_REG_RFLAGS, 0x170, "rflags", true },
	{ RMPE_REG_RSP, 0x1d8, "rsp", true },
	{ RMPE_REG_RBP, 0x328, "rbp", true },
	{ RMPE_REG_RAX, 0x1f8, "rax", true },
	{ RMPE_REG_RBX, 0x318, "rbx", true },
	{ RMPE_REG_RCX, 0x308, "rcx", true },
	{ RMPE_REG_RDX, 0x310, "rdx", true },
	{ RMPE_REG_RSI, 0x330, "rsi", true },
	{ RMPE_REG_RDI, 0x338, "rdi", true },
	{ RMPE_REG_R8, 0x340, "r8", true },
	{ RMPE_REG_R9, 0x348, "r9", true },
	{ RMPE_REG_R10, 0x350, "r10", true },
	{ RMPE_REG_R11, 0x358, "r11", true },
	{ RMPE_REG_R12, 0x360, "r12", true },
	{ RMPE_REG_R13, 0x368, "r13", true },
	{ RMPE_REG_R14, 0x370, "r14", true },
	{ RMPE_REG_R15, 0x378, "r15", true },
	{ RMPE_REG_CR0, 0x158, "cr0", false },
	{ RMPE_REG_CR3, 0x150, "cr3", false },
	{ RMPE_REG_CR4, 0x148, "cr4", false },
	{ RMPE_REG_EFER, 0xd0, "efer", false },
	{ RMPE_REG_CS_BASE, 0x18, "cs_base", false },
	{ RMPE_REG_GS_BASE, 0x58, "gs_base", true },
	{ RMPE_REG_LSTAR, 0x208, "lstar", false },
};

#define CPL_OFFSET	0xcb

/* A save area in which every byte differs from its neighbours. */
static const struct sev_es_save_area *save_area(u8 cpl)
{
	static union {
		struct sev_es_save_area area;
		u8 byte[sizeof(struct sev_es_save_area)];
	} vmsa;
	unsigned int i;

	for (i = 0; i < sizeof(vmsa); i++)
		vmsa.byte[i] = i * 7 + i / 256 + 1;
	vmsa.byte[CPL_OFFSET] = cpl;
	return &vmsa.area;
}

static u64 in_save_area(const struct sev_es_save_area *vmsa, unsigned int offset)
{
	u64 word;

	memcpy(&word, (const u8 *)vmsa + offset, sizeof(word));
	return word;
}

static void registers_of_the_kernel(void **state)
{
	unsigned int i;
	u8 cpl;

	assert_int_equal(ARRAY_SIZE(layout), RMPE_NR_SITE_REGS);
	for (cpl = 0; cpl < 3; cpl++) {
		const struct sev_es_save_area *vmsa = save_area(cpl);

		memset(&site, 0x5a, sizeof(site));
		rmpe_site_set_regs(&site, vmsa);
		assert_int_equal(site.cpl, cpl);
		for (i = 0; i < ARRAY_SIZE(layout); i++)
			assert_int_equal(site.reg[layout[i].reg],
					 in_save_area(vmsa, layout[i].offset));
	}
}

/* What is the process's isn't even kept. */
static void registers_of_a_process(void **state)
{
	const struct sev_es_save_area *vmsa = save_area(3);
	unsigned int i;

	memset(&site, 0x5a, sizeof(site));
	rmpe_site_set_regs(&site, vmsa);
	assert_int_equal(site.cpl, 3);
	for (i = 0; i < ARRAY_SIZE(layout); i++)
		assert_int_equal(site.reg[layout[i].reg], layout[i].process ? 0 :
				 in_save_area(vmsa, layout[i].offset));
}

/* No processor has such a level; if it did, it would be a process's. */
static void odd_privilege_level(void **state)
{
	rmpe_site_set_regs(&site, save_area(0xff));
	assert_int_equal(site.cpl, 3);
	assert_int_equal(site.reg[RMPE_REG_RAX], 0);
}

static void process_is_not_read(void **state)
{
	site.cpl = 3;
	*stack_word(STACK + 0x3f00) = RIP;
	read_site();
	assert_int_equal(mem.reads, 0);
	assert_int_equal(stack.insn_len, 0);
	assert_false(stack.stack_read);
	assert_int_equal(stack.nr, 0);
}

static void four_levels(void **state)
{
	/* Indexes 0, 511, and all different. */
	map(0, 0x400000);
	assert_at(0x123, 0x400123);
	map(0xfffffffffffff000, 0x401000);
	assert_at(0xfffffffffffff800, 0x401800);
	map(0x0000123456789000, 0x402000);
	assert_at(0x0000123456789abc, 0x402abc);
	assert_not_mapped(0x0000123456788abc);
	assert_not_mapped(0x000012345678aabc);
}

static void five_levels(void **state)
{
	in_long_mode(5);
	map(0x00f123456789a000, 0x402000);
	assert_at(0x00f123456789a123, 0x402123);
	/* The same in the lower 48 bits. */
	assert_not_mapped(0x000123456789a123);
	map(0xff11000000000000, 0x403000);
	assert_at(0xff11000000000fef, 0x403fef);
}

/* With four, bit 48 and above don't count. */
static void levels_are_those_of_cr4(void **state)
{
	map(0xffff123456789000, 0x402000);
	assert_at(0xffff123456789000, 0x402000);
	site.reg[RMPE_REG_CR4] = X86_CR4_LA57;
	assert_not_mapped(0xffff123456789000);
	site.reg[RMPE_REG_CR4] = ~X86_CR4_LA57;
	assert_at(0xffff123456789000, 0x402000);
}

static void large_pages(void **state)
{
	map_large(0xffff888040000000, 0x7c0000000, 30);
	assert_at(0xffff888040000000, 0x7c0000000);
	assert_at(0xffff88807ffff123, 0x7fffff123);
	assert_not_mapped(0xffff888080000000);
	assert_not_mapped(0xffff88803ffff000);

	map_large(0xffff888100200000, 0x1e00000, 21);
	assert_at(0xffff888100200000, 0x1e00000);
	assert_at(0xffff8881003ff123, 0x1fff123);
	assert_not_mapped(0xffff888100400000);
	assert_not_mapped(0xffff8881001ff000);
}

/* In the topmost tables the bit is reserved, in the last one it is PAT. */
static void page_size_bit_elsewhere(void **state)
{
	gpa_t table;

	map(0x0000123456789000, 0x402000);
	*entry_of(0x0000123456789000, 39) |= LARGE;
	assert_at(0x0000123456789100, 0x402100);
	table = *entry_of(0x0000123456789000, 12);
	assert_true(table & LARGE);

	in_long_mode(5);
	map(0x00f123456789a000, 0x402000);
	*entry_of(0x00f123456789a000, 48) |= LARGE;
	assert_at(0x00f123456789a123, 0x402123);
}

/* Wherever the processor has it; not every guest sets it. */
static void encryption_bit_is_no_address(void **state)
{
	static const int bits[] = { 47, 51 };
	unsigned int i;
	int shift;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		u64 *pte = entry_of(RIP, 12);

		mem.base.c_bit = BIT_ULL(bits[i]);
		site.reg[RMPE_REG_CR3] = mem.root | mem.base.c_bit;
		for (shift = 39; shift > PAGE_SHIFT; shift -= 9)
			*entry_of(RIP, shift) = (*entry_of(RIP, shift) & ADDRESS) |
				PRESENT | (shift == 30 ? 0 : mem.base.c_bit);
		*pte = 0x200000 | mem.base.c_bit | PRESENT;
		assert_at(RIP, 0x200568);
		*pte = 0x200000 | PRESENT;
		assert_at(RIP, 0x200568);
		/* Another bit is one. */
		*pte = 0x200000 | BIT_ULL(46) | PRESENT;
		assert_not_mapped(RIP);
	}
	mem.base.c_bit = 0;
	*entry_of(RIP, 12) = 0x200000 | C_BIT | PRESENT;
	assert_not_mapped(RIP);
}

static void entry_that_is_not_present(void **state)
{
	static const int shifts[] = { 39, 30, 21, 12 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		u64 *pte = entry_of(RIP, shifts[i]);

		*pte &= ~PRESENT;
		assert_not_mapped(RIP);
		*pte |= PRESENT;
		assert_at(RIP, 0x200568);
	}
}

/* Shared, or taken away by the VMM, or none of the guest's. */
static void table_that_cannot_be_read(void **state)
{
	gpa_t gpa[4] = { mem.root };
	unsigned int i;

	for (i = 1; i < 4; i++)
		gpa[i] = *entry_of(RIP, 48 - 9 * i) & ADDRESS;
	for (i = 0; i < 4; i++) {
		int at = find(gpa[i]);

		lose(gpa[i]);
		assert_not_mapped(RIP);
		assert_false(stack.stack_read && i == 0);
		mem.gpa[at] = gpa[i];
		assert_at(RIP, 0x200568);
	}
	lose(0x200000);
	assert_not_mapped(RIP);
	assert_true(stack.stack_read);
}

static void paging_off(void **state)
{
	site.reg[RMPE_REG_CR0] = 1;
	site.reg[RMPE_REG_EFER] = 0;
	site.reg[RMPE_REG_CR3] = 0x123456000;
	words(0x80000000);
	assert_at(0x80000100, 0x80000100);
	/* Real mode: the segment counts, as at reset. */
	site.reg[RMPE_REG_CS_BASE] = 0xffff0000;
	assert_at(0xff80, 0xffffff80);
	site.reg[RMPE_REG_CS_BASE] = 0x12340;
	assert_at(0x10, 0x12350);
	/* It wraps at 4 GiB. */
	site.reg[RMPE_REG_CS_BASE] = 0xfffff000;
	assert_at(0x2000, 0x1000);
	assert_at(0x100002000, 0x1000);
	/* Which stack that is we don't know. */
	assert_false(stack.stack_read);
	assert_int_equal(stack.nr, 0);
}

/* At the end of its 4 GiB it goes on at 0. */
static void instruction_that_wraps_without_paging(void **state)
{
	site.reg[RMPE_REG_CR0] = 1;
	site.reg[RMPE_REG_EFER] = 0;
	memset(bytes(0xfffff000), 0xaa, PAGE_SIZE);
	memset(bytes(0), 0xbb, PAGE_SIZE);
	site.reg[RMPE_REG_CS_BASE] = 0xffff0000;
	site.reg[RMPE_REG_RIP] = 0xfffb;
	read_site();
	assert_int_equal(stack.insn_len, 16);
	assert_memory_equal(stack.insn, "\xaa\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb\xbb\xbb"
					"\xbb\xbb\xbb\xbb\xbb", 16);
}

/* Protected mode with paging: tables of another kind, which we don't walk. */
static void paging_without_long_mode(void **state)
{
	site.reg[RMPE_REG_EFER] = 0x100;
	site.reg[RMPE_REG_RIP] = 0;
	map(0, 0x400000);
	words(0x400000);
	read_site();
	assert_int_equal(stack.insn_len, 0);
	assert_false(stack.stack_read);
	assert_int_equal(mem.reads, 0);
}

/* A segment's base means nothing there. */
static void code_segment_in_long_mode(void **state)
{
	site.reg[RMPE_REG_CS_BASE] = 0x1000;
	assert_at(RIP, 0x200568);
}

static void instruction(void **state)
{
	read_site();
	assert_int_equal(stack.insn_len, 16);
	assert_memory_equal(stack.insn, bytes(0x200000) + 0x568, 16);
}

/* Up to where the page ends; the next one is elsewhere in memory. */
static void instruction_across_a_border(void **state)
{
	unsigned int first;

	map(KERNEL + 0x235000, 0x700000);
	memset(bytes(0x700000), 0xcc, PAGE_SIZE);
	bytes(0x700000)[0] = 0xdd;
	for (first = 1; first <= 16; first++) {
		u8 should[16];

		memset(should, 0xcc, 16);
		if (first < 16)
			should[first] = 0xdd;
		memcpy(should, bytes(0x200000) + PAGE_SIZE - first, first);
		site.reg[RMPE_REG_RIP] = KERNEL + 0x235000 - first;
		read_site();
		assert_int_equal(stack.insn_len, 16);
		assert_memory_equal(stack.insn, should, 16);
	}
}

static void instruction_whose_end_cannot_be_read(void **state)
{
	unsigned int first;

	for (first = 1; first < 16; first++) {
		site.reg[RMPE_REG_RIP] = KERNEL + 0x235000 - first;
		read_site();
		assert_int_equal(stack.insn_len, first);
		assert_memory_equal(stack.insn, bytes(0x200000) + PAGE_SIZE - first, first);
	}
	/* And the other way round: then there is nothing. */
	map(KERNEL + 0x235000, 0x700000);
	words(0x700000);
	*entry_of(RIP, 12) = 0;
	read_site();
	assert_int_equal(stack.insn_len, 0);
}

static void assert_word(unsigned int i, u64 va, u64 word)
{
	assert_true(i < stack.nr);
	assert_int_equal(stack.offset[i], va - site.reg[RMPE_REG_RSP]);
	assert_int_equal(stack.word[i], word);
}

static void stack_without_any(void **state)
{
	read_site();
	assert_true(stack.stack_read);
	assert_int_equal(stack.nr, 0);
}

static void words_on_the_stack(void **state)
{
	*stack_word(STACK + 0x3e00) = RIP;		/* below rsp */
	*stack_word(STACK + 0x3e08) = RIP + 1;		/* at rsp */
	*stack_word(STACK + 0x3e10) = STACK;		/* none */
	*stack_word(STACK + 0x3f00) = RIP - 0x1000;
	*stack_word(STACK + 0x3ff8) = RIP;		/* the last */
	read_site();
	assert_true(stack.stack_read);
	assert_int_equal(stack.nr, 3);
	assert_word(0, STACK + 0x3e08, RIP + 1);
	assert_word(1, STACK + 0x3f00, RIP - 0x1000);
	assert_word(2, STACK + 0x3ff8, RIP);
}

/* A call has 32 bits, with a sign, to get there. */
static void words_within_2_gib(void **state)
{
	static const u64 rips[] = {
		0xffff800012345678, 0xffffffff00000000, 2 * GIB + PAGE_SIZE,
		0x7fff12345678,
	};
	const u64 sp = STACK + 0x3e08;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rips); i++) {
		const u64 rip = rips[i];

		site.reg[RMPE_REG_RIP] = rip;
		*stack_word(sp) = rip - 2 * GIB - 1;
		*stack_word(sp + 8) = rip - 2 * GIB;
		*stack_word(sp + 16) = rip;
		*stack_word(sp + 24) = rip + 2 * GIB - 1;
		*stack_word(sp + 32) = rip + 2 * GIB;
		*stack_word(sp + 40) = rip ^ BIT_ULL(63);
		read_site();
		assert_int_equal(stack.nr, 3);
		assert_word(0, sp + 8, rip - 2 * GIB);
		assert_word(1, sp + 16, rip);
		assert_word(2, sp + 24, rip + 2 * GIB - 1);
	}
}

/* Firmware runs at low addresses: what is in the first page is no code, all else may be. */
static void words_of_the_first_page(void **state)
{
	const u64 sp = STACK + 0x3e08;

	site.reg[RMPE_REG_RIP] = 0x103456;
	*stack_word(sp) = 0;
	*stack_word(sp + 8) = 7;
	*stack_word(sp + 16) = PAGE_SIZE - 1;
	*stack_word(sp + 24) = PAGE_SIZE;
	read_site();
	assert_int_equal(stack.nr, 1);
	assert_word(0, sp + 24, PAGE_SIZE);
}

/*
 * What a stack is full of: zeros, small numbers, errors.  Kernels are linked to the last
 * 2 GiB, and no call goes from there to where processes are.
 */
static void small_numbers_are_no_addresses(void **state)
{
	const u64 sp = STACK + 0x3e08;
	unsigned int i;

	for (i = 0; i < 60; i++)
		*stack_word(sp + 8 * i) = i * i;
	*stack_word(sp + 8 * i++) = (u32)RIP;
	*stack_word(sp + 8 * i++) = RIP;
	*stack_word(sp + 8 * i) = 0;
	read_site();
	assert_int_equal(stack.nr, 1);
	assert_word(0, sp + 8 * (i - 1), RIP);
}

static void fill_stack(void)
{
	u64 va;

	for (va = STACK; va < STACK + STACK_SIZE; va += 8)
		*stack_word(va) = RIP + (va - STACK);
}

/* The first ones are the innermost, and 64 of them are enough. */
static void words_are_64_at_most(void **state)
{
	unsigned int i;

	fill_stack();
	site.reg[RMPE_REG_RSP] = STACK + 0x800;
	read_site();
	assert_int_equal(stack.nr, RMPE_SITE_WORDS);
	for (i = 0; i < RMPE_SITE_WORDS; i++)
		assert_word(i, STACK + 0x800 + 8 * i, RIP + 0x800 + 8 * i);
	/* Four tables and a page, of the code and of the stack. */
	assert_int_equal(mem.reads, 2 * 5);

	/* Across a border; what it does not need it does not read. */
	for (i = 1; i < 4; i++)
		*entry_of(STACK + i * PAGE_SIZE, 12) = 0;
	site.reg[RMPE_REG_RSP] = STACK + PAGE_SIZE - 64 * 8;
	read_site();
	assert_int_equal(stack.nr, 64);
	site.reg[RMPE_REG_RSP] += 8;
	read_site();
	assert_int_equal(stack.nr, 63);
	assert_true(stack.stack_read);
}

/* All four pages, from one end to the other, and not a page of the next stack. */
static void words_of_16_kb(void **state)
{
	unsigned int i;

	map(STACK + STACK_SIZE, 0x600000);
	for (i = 0; i < 512; i++)
		words(0x600000)[i] = RIP;
	for (i = 0; i < 4; i++) {
		*stack_word(STACK + i * PAGE_SIZE) = RIP + i;
		*stack_word(STACK + i * PAGE_SIZE + 0xff8) = RIP - i;
	}
	site.reg[RMPE_REG_RSP] = STACK;
	read_site();
	assert_true(stack.stack_read);
	assert_int_equal(stack.nr, 8);
	for (i = 0; i < 4; i++) {
		assert_word(2 * i, STACK + i * PAGE_SIZE, RIP + i);
		assert_word(2 * i + 1, STACK + i * PAGE_SIZE + 0xff8, RIP - i);
	}
	assert_int_equal(stack.offset[7], 0x3ff8);
	site.reg[RMPE_REG_RSP] = STACK + 0x3ff8;
	read_site();
	assert_int_equal(stack.nr, 1);
}

/* Return addresses are where they are whatever rsp is; the offset is from rsp. */
static void unaligned_stack_pointer(void **state)
{
	unsigned int i;

	fill_stack();
	for (i = 1; i < 8; i++) {
		site.reg[RMPE_REG_RSP] = STACK + 0x3f00 + i;
		read_site();
		assert_int_equal(stack.nr, 31);
		assert_word(0, STACK + 0x3f08, RIP + 0x3f08);
		assert_int_equal(stack.offset[0], 8 - i);
		assert_word(30, STACK + 0x3ff8, RIP + 0x3ff8);
	}
	/* Less than a word is left of it. */
	for (i = 1; i < 8; i++) {
		site.reg[RMPE_REG_RSP] = STACK + 0x3ff8 + i;
		read_site();
		assert_false(stack.stack_read);
		assert_int_equal(stack.nr, 0);
	}
}

/* What the guest's own page tables say counts, not that pages lie in a row. */
static void guard_page_ends_the_stack(void **state)
{
	fill_stack();
	site.reg[RMPE_REG_RSP] = STACK + 0x1f80;
	*entry_of(STACK + 0x2000, 12) = 0;
	read_site();
	assert_true(stack.stack_read);
	assert_int_equal(stack.nr, 16);
	assert_word(15, STACK + 0x1ff8, RIP + 0x1ff8);

	/* Not mapped itself: an overflow, or a stack that is shared. */
	site.reg[RMPE_REG_RSP] = STACK + 0x2000;
	read_site();
	assert_false(stack.stack_read);
	assert_int_equal(stack.nr, 0);
	assert_int_equal(stack.insn_len, 16);
}

static void end_of_the_address_space(void **state)
{
	static const u64 rsp[] = { ~0ULL, ~0ULL - 7, ~0ULL - 0x3fff, 0xfffffffffffff000 };
	unsigned int i;

	map(0xfffffffffffff000, 0x600000);
	for (i = 0; i < 512; i++)
		words(0x600000)[i] = RIP;
	for (i = 0; i < ARRAY_SIZE(rsp); i++) {
		site.reg[RMPE_REG_RSP] = rsp[i];
		read_site();
		assert_in_range(stack.nr, 0, 64);
		assert_int_equal(stack.insn_len, 16);
	}
}

/* Whatever a guest has in its tables: it ends, and stays within. */
static void random_memory(void **state)
{
	unsigned int i, n;

	for (n = 0; n < 3000; n++) {
		/* Tables that point to each other, at most. */
		mem.nr = 16;
		for (i = 0; i < mem.nr; i++) {
			unsigned int w;

			mem.gpa[i] = i * PAGE_SIZE;
			for (w = 0; n % 100 == 0 && w < 512; w++)
				mem.page[i].word[w] = random_below(18) * PAGE_SIZE |
					(random_u64() & ~GENMASK_ULL(51, 12));
		}
		for (i = 0; i < RMPE_NR_SITE_REGS; i++)
			site.reg[i] = random_u64();
		site.reg[RMPE_REG_CR3] = random_below(16) * PAGE_SIZE;
		site.reg[RMPE_REG_EFER] |= random_below(4) ? EFER_LMA : 0;
		site.cpl = random_below(3);
		read_site();
		assert_in_range(stack.insn_len, 0, 16);
		assert_in_range(stack.nr, 0, 64);
		assert_true(stack.stack_read || !stack.nr);
		/* Two addresses of code, four of the stack, five tables and a page each. */
		assert_in_range(mem.reads, 0, 6 * 6);
	}
}

static const char *text_of(const struct rmpe_site *s)
{
	static char buf[8192];
	struct seq_file m = { .buf = buf, .size = sizeof(buf) };

	memset(buf, 0x5a, sizeof(buf));
	rmpe_site_show(&m, s);
	assert_int_equal(m.count, strlen(buf));
	return buf;
}

static void set_numbers(void)
{
	unsigned int i;

	site.cpl = 0;
	for (i = 0; i < ARRAY_SIZE(layout); i++)
		site.reg[layout[i].reg] = 0x1000 + i;
}

static void text_of_the_kernel(void **state)
{
	set_numbers();
	site.reg[RMPE_REG_RIP] = 0xffffffff8123abcd;
	site.reg[RMPE_REG_LSTAR] = 0;
	site.stack = (struct rmpe_site_stack){
		.insn_len = 16,
		.insn = "\x48\x89\x0f\0\xff\xa0\x07\x5\x4\x3\x2\x1\x10\x20\x30\x40",
		.stack_read = true,
		.nr = 2,
		.offset = { 0x18, 0x3ff8 },
		.word = { 0xffffffff81234567, 0xffffffff8 },
	};
	assert_string_equal(text_of(&site),
			    " rip=0xffffffff8123abcd cpl=0 rflags=0x1001 rsp=0x1002 rbp=0x1003 rax=0x1004 rbx=0x1005 rcx=0x1006 rdx=0x1007 rsi=0x1008 rdi=0x1009 r8=0x100a r9=0x100b r10=0x100c r11=0x100d r12=0x100e r13=0x100f r14=0x1010 r15=0x1011 cr0=0x1012 cr3=0x1013 cr4=0x1014 efer=0x1015 cs_base=0x1016 gs_base=0x1017 lstar=0x0 insn=48890f00ffa007050403020110203040 stack=0x18:0xffffffff81234567,0x3ff8:0xffffffff8");
}

static void text_of_a_process(void **state)
{
	set_numbers();
	site.cpl = 3;
	assert_string_equal(text_of(&site),
			    " rip=0x1000 cpl=3 rflags=n/a rsp=n/a rbp=n/a rax=n/a rbx=n/a rcx=n/a rdx=n/a rsi=n/a rdi=n/a r8=n/a r9=n/a r10=n/a r11=n/a r12=n/a r13=n/a r14=n/a r15=n/a cr0=0x1012 cr3=0x1013 cr4=0x1014 efer=0x1015 cs_base=0x1016 gs_base=n/a lstar=0x1018 insn=n/a stack=n/a");
}

/* The same from end to end, as the taker does it: none of the process's. */
static void process_from_vmsa_to_text(void **state)
{
	static struct sev_es_save_area vmsa;
	const char *text;

	memset(&vmsa, 0x77, sizeof(vmsa));
	((u8 *)&vmsa)[CPL_OFFSET] = 3;
	rmpe_site_set_regs(&site, &vmsa);
	rmpe_site_read_stack(&site, &site.stack, &mem.base);
	text = text_of(&site);
	assert_non_null(strstr(text, " rip=0x7777777777777777 cpl=3 rflags=n/a "));
	assert_non_null(strstr(text, " gs_base=n/a lstar=0x7777777777777777 insn=n/a stack=n/a"));
	assert_int_equal(mem.reads, 0);
}

static const char *end_of(const struct rmpe_site *s)
{
	return strstr(text_of(s), " insn=");
}

static void text_of_what_was_read(void **state)
{
	set_numbers();
	assert_string_equal(end_of(&site), " insn=n/a stack=n/a");
	site.stack.insn_len = 1;
	site.stack.insn[0] = 0xc3;
	site.stack.stack_read = true;
	assert_string_equal(end_of(&site), " insn=c3 stack=none");
	site.stack.nr = 1;
	assert_string_equal(end_of(&site), " insn=c3 stack=0x0:0x0");
}

/* One word, one "=": what people's scripts split at.  The longest has a line's length. */
static void text_is_key_value(void **state)
{
	static const char *const tail[] = { "insn", "stack" };
	char copy[8192], *rest = copy, *part;
	unsigned int i;

	memset(&site, 0xff, sizeof(site));
	site.cpl = 2;
	site.stack.insn_len = RMPE_SITE_INSN;
	site.stack.nr = RMPE_SITE_WORDS;
	snprintf(copy, sizeof(copy), "%s", text_of(&site));
	print_message("# longest site: %zu\n", strlen(copy));
	assert_string_equal(strsep(&rest, " "), "");
	for (i = 0; (part = strsep(&rest, " ")); i++) {
		const unsigned int reg = i - (i > 1);	/* cpl is between them */
		const char *name = i == 1 ? "cpl" :
			reg < ARRAY_SIZE(layout) ? layout[reg].name :
			tail[reg - ARRAY_SIZE(layout)];
		char *value = strchr(part, '=');

		assert_non_null(value);
		*value++ = '\0';
		assert_string_equal(part, name);
		assert_true(*value);
		assert_null(strchr(value, '='));
	}
	assert_int_equal(i, 1 + ARRAY_SIZE(layout) + 2);
}

static void holding(void **state)
{
	struct rmpe_site *s = rmpe_site_alloc();
	unsigned int i;

	assert_non_null(s);
	assert_int_equal(unit_uncharged_bytes(), 0);
	/* Nothing of what was there before. */
	for (i = 0; i < sizeof(s->stack); i++)
		assert_int_equal(((u8 *)&s->stack)[i], 0);
	assert_int_equal(s->cpl, 0);
	assert_ptr_equal(rmpe_site_get(s), s);
	assert_ptr_equal(rmpe_site_get(s), s);
	rmpe_site_put(s);
	rmpe_site_put(s);
	assert_int_equal(unit_live_objects(), 1);
	rmpe_site_put(s);
	assert_int_equal(unit_live_objects(), 0);
}

static void holding_nothing(void **state)
{
	assert_null(rmpe_site_get(NULL));
	rmpe_site_put(NULL);
	unit_fail_alloc(1);
	assert_null(rmpe_site_alloc());
	assert_true(unit_alloc_failed());
}

#define site_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		site_test(registers_of_the_kernel),
		site_test(registers_of_a_process),
		site_test(odd_privilege_level),
		site_test(process_is_not_read),
		site_test(four_levels),
		site_test(five_levels),
		site_test(levels_are_those_of_cr4),
		site_test(large_pages),
		site_test(page_size_bit_elsewhere),
		site_test(encryption_bit_is_no_address),
		site_test(entry_that_is_not_present),
		site_test(table_that_cannot_be_read),
		site_test(paging_off),
		site_test(instruction_that_wraps_without_paging),
		site_test(paging_without_long_mode),
		site_test(code_segment_in_long_mode),
		site_test(instruction),
		site_test(instruction_across_a_border),
		site_test(instruction_whose_end_cannot_be_read),
		site_test(stack_without_any),
		site_test(words_on_the_stack),
		site_test(words_within_2_gib),
		site_test(words_of_the_first_page),
		site_test(small_numbers_are_no_addresses),
		site_test(words_are_64_at_most),
		site_test(words_of_16_kb),
		site_test(unaligned_stack_pointer),
		site_test(guard_page_ends_the_stack),
		site_test(end_of_the_address_space),
		site_test(random_memory),
		site_test(text_of_the_kernel),
		site_test(text_of_a_process),
		site_test(process_from_vmsa_to_text),
		site_test(text_of_what_was_read),
		site_test(text_is_key_value),
		site_test(holding),
		site_test(holding_nothing),
	};

	random_seed();
	return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
