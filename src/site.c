// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a VMSA and pages of guest memory to a site.
 *
 * Which words of a stack are return addresses only the guest's own unwinder can know.  But
 * a call reaches 2 GiB in either direction, so a word that is farther from rip than that
 * is none, nor is one in the first page.
 */
#include "site.h"

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>

#define CALL_REACH	BIT_ULL(31)
#define USER_CPL	3
/* Linux's kernel stacks are aligned to their size (arch/x86/include/asm/page_64_types.h). */
#define STACK_SIZE	(RMPE_SITE_STACK_PAGES * PAGE_SIZE)

#define PTE_PRESENT	BIT_ULL(0)
#define PTE_LARGE	BIT_ULL(7)
#define PTE_ADDRESS	GENMASK_ULL(51, 12)

/* @process: in user mode it is the process's, and none of our business. */
static const struct {
	const char *name;
	u16 offset;
	bool process;
} regs[] = {
#define REG(_reg, _name, _member, _process) \
	[_reg] = { _name, offsetof(struct sev_es_save_area, _member), _process }
	REG(RMPE_REG_RIP, "rip", rip, false),
	REG(RMPE_REG_RFLAGS, "rflags", rflags, true),
	REG(RMPE_REG_RSP, "rsp", rsp, true),
	REG(RMPE_REG_RBP, "rbp", rbp, true),
	REG(RMPE_REG_RAX, "rax", rax, true),
	REG(RMPE_REG_RBX, "rbx", rbx, true),
	REG(RMPE_REG_RCX, "rcx", rcx, true),
	REG(RMPE_REG_RDX, "rdx", rdx, true),
	REG(RMPE_REG_RSI, "rsi", rsi, true),
	REG(RMPE_REG_RDI, "rdi", rdi, true),
	REG(RMPE_REG_R8, "r8", r8, true),
	REG(RMPE_REG_R9, "r9", r9, true),
	REG(RMPE_REG_R10, "r10", r10, true),
	REG(RMPE_REG_R11, "r11", r11, true),
	REG(RMPE_REG_R12, "r12", r12, true),
	REG(RMPE_REG_R13, "r13", r13, true),
	REG(RMPE_REG_R14, "r14", r14, true),
	REG(RMPE_REG_R15, "r15", r15, true),
	REG(RMPE_REG_CR0, "cr0", cr0, false),
	REG(RMPE_REG_CR3, "cr3", cr3, false),
	REG(RMPE_REG_CR4, "cr4", cr4, false),
	REG(RMPE_REG_EFER, "efer", efer, false),
	REG(RMPE_REG_CS_BASE, "cs_base", cs.base, false),
	REG(RMPE_REG_GS_BASE, "gs_base", gs.base, true),
	REG(RMPE_REG_LSTAR, "lstar", lstar, false),
#undef REG
};

/**
 * rmpe_site_set_regs() - the registers of a site
 * @site: the site
 * @vmsa: as firmware has decrypted it (APM volume 2, table B-4)
 *
 * Context: any.
 */
void rmpe_site_set_regs(struct rmpe_site *site, const struct sev_es_save_area *vmsa)
{
	int i;

	site->cpl = min_t(u8, vmsa->cpl, USER_CPL);
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		site->reg[i] = regs[i].process && site->cpl == USER_CPL ? 0 :
			*(const u64 *)((const u8 *)vmsa + regs[i].offset);
}

static bool in_long_mode(const struct rmpe_site *site)
{
	return site->reg[RMPE_REG_EFER] & EFER_LMA;
}

/*
 * A linear address of a guest without paging, or in long mode (APM volume 2, 5.3).
 * Other modes: U64_MAX, as for what is not mapped.
 */
static gpa_t translate(const struct rmpe_site *site, struct rmpe_site_reader *reader,
		       u64 linear)
{
	gpa_t table = site->reg[RMPE_REG_CR3] & PTE_ADDRESS & ~reader->c_bit;
	int shift = site->reg[RMPE_REG_CR4] & X86_CR4_LA57 ? 48 : 39;
	const u64 *entries;
	u64 pte;

	if (!(site->reg[RMPE_REG_CR0] & X86_CR0_PG))
		return lower_32_bits(linear);
	if (!in_long_mode(site))
		return U64_MAX;
	for (;; shift -= 9) {
		entries = reader->page(reader, table);
		if (!entries)
			return U64_MAX;
		pte = entries[linear >> shift & 511];
		if (!(pte & PTE_PRESENT))
			return U64_MAX;
		table = pte & PTE_ADDRESS & ~reader->c_bit;
		if (shift == PAGE_SHIFT)
			break;
		if (shift <= 30 && pte & PTE_LARGE) {
			table &= ~(BIT_ULL(shift) - 1);
			break;
		}
	}
	return table | (linear & (BIT_ULL(shift) - 1));
}

/* The page of a linear address; NULL if it can't be had. */
static const u8 *page_of(const struct rmpe_site *site, struct rmpe_site_reader *reader,
			 u64 linear)
{
	gpa_t gpa = translate(site, reader, linear);

	return gpa == U64_MAX ? NULL : reader->page(reader, gpa & PAGE_MASK);
}

/* The next page matters only if the instruction is longer. */
static u8 read_insn(const struct rmpe_site *site, struct rmpe_site_stack *stack,
		    struct rmpe_site_reader *reader)
{
	u64 linear = site->reg[RMPE_REG_RIP];
	unsigned int done = 0;

	if (!in_long_mode(site))
		linear = lower_32_bits(linear + site->reg[RMPE_REG_CS_BASE]);
	while (done < RMPE_SITE_INSN) {
		unsigned int at = offset_in_page(linear + done);
		unsigned int n = min_t(unsigned int, RMPE_SITE_INSN - done, PAGE_SIZE - at);
		const u8 *page = page_of(site, reader, linear + done);

		if (!page)
			break;
		memcpy(stack->insn + done, page + at, n);
		done += n;
	}
	return done;
}

/* Code does not go on at 0 where it ends at the top.  In the first page nobody has any. */
static bool may_be_return(u64 word, u64 rip)
{
	if (word < PAGE_SIZE)
		return false;
	return word >= rip ? word - rip < CALL_REACH : rip - word <= CALL_REACH;
}

static void scan(const struct rmpe_site *site, struct rmpe_site_stack *stack,
		 const u8 *page, u64 from, u64 end)
{
	const u64 rip = site->reg[RMPE_REG_RIP], rsp = site->reg[RMPE_REG_RSP];
	u64 at;

	for (at = from; at < end && stack->nr < RMPE_SITE_WORDS; at += sizeof(u64)) {
		u64 word = *(const u64 *)(page + offset_in_page(at));

		if (!may_be_return(word, rip))
			continue;
		stack->offset[stack->nr] = at - rsp;
		stack->word[stack->nr++] = word;
	}
}

static bool read_stack(const struct rmpe_site *site, struct rmpe_site_stack *stack,
		       struct rmpe_site_reader *reader)
{
	const u64 rsp = site->reg[RMPE_REG_RSP], top = ALIGN(rsp + 1, STACK_SIZE);
	u64 at = ALIGN(rsp, sizeof(u64));
	bool any = false;

	if (!in_long_mode(site) || top <= at)
		return false;
	while (at < top && stack->nr < RMPE_SITE_WORDS) {
		u64 end = min(top, ALIGN(at + 1, PAGE_SIZE));
		const u8 *page = page_of(site, reader, at);

		/* A guard page, or the end of a stack of another kind. */
		if (!page)
			break;
		scan(site, stack, page, at, end);
		any = true;
		at = end;
	}
	return any;
}

/**
 * rmpe_site_read_stack() - the instruction and the kernel stack of a site
 * @site: its registers
 * @stack: filled in
 * @reader: how to read
 *
 * In user mode both are the process's: nothing is read.
 *
 * Context: that of @reader.
 */
void rmpe_site_read_stack(const struct rmpe_site *site, struct rmpe_site_stack *stack,
			  struct rmpe_site_reader *reader)
{
	memset(stack, 0, sizeof(*stack));
	if (site->cpl == USER_CPL)
		return;
	stack->insn_len = read_insn(site, stack, reader);
	stack->stack_read = read_stack(site, stack, reader);
}

/**
 * rmpe_site_show() - a site as key=value
 * @m: where to; without a newline
 * @site: the site
 *
 * Context: any.
 */
void rmpe_site_show(struct seq_file *m, const struct rmpe_site *site)
{
	const struct rmpe_site_stack *s = &site->stack;
	int i;

	seq_printf(m, " rip=0x%llx cpl=%u", site->reg[RMPE_REG_RIP], site->cpl);
	for (i = RMPE_REG_RIP + 1; i < ARRAY_SIZE(regs); i++) {
		if (regs[i].process && site->cpl == USER_CPL)
			seq_printf(m, " %s=n/a", regs[i].name);
		else
			seq_printf(m, " %s=0x%llx", regs[i].name, site->reg[i]);
	}
	if (s->insn_len)
		seq_printf(m, " insn=%*phN", s->insn_len, s->insn);
	else
		seq_puts(m, " insn=n/a");
	seq_printf(m, " stack=%s", s->nr ? "" : s->stack_read ? "none" : "n/a");
	for (i = 0; i < s->nr; i++)
		seq_printf(m, "%s0x%x:0x%llx", i ? "," : "", s->offset[i], s->word[i]);
}

/**
 * rmpe_site_alloc() - an empty site
 *
 * Context: process context, may sleep.
 * Return: the site, held by the caller, or NULL.
 */
struct rmpe_site *rmpe_site_alloc(void)
{
	struct rmpe_site *site = kzalloc(sizeof(*site), GFP_KERNEL_ACCOUNT);

	if (site)
		refcount_set(&site->users, 1);
	return site;
}

/**
 * rmpe_site_get() - hold a site
 * @site: the site, or NULL
 *
 * Context: any.
 * Return: @site.
 */
struct rmpe_site *rmpe_site_get(struct rmpe_site *site)
{
	if (site)
		refcount_inc(&site->users);
	return site;
}

/**
 * rmpe_site_put() - let go of a site
 * @site: the site, or NULL
 *
 * Context: any.
 */
void rmpe_site_put(struct rmpe_site *site)
{
	if (site && refcount_dec_and_test(&site->users))
		kfree(site);
}
