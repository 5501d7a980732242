// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the memory of an ordinary guest: its own page tables in all paging
 * modes, and KVM's nested table below them.
 */
#include "decode.h"
#include "lib.h"
#include "npt.h"
#include "plain_vcpu.h"

#define NO_ADDR		(~0ul)
#define CR4_PSE		BIT(4)
#define LEGACY_4M	(SZ_2M * 2)

static bool read_phys(const struct vmcb *v, u64 gpa, void *dst, unsigned int n)
{
	struct npt_walk w;

	if (npt_walk(v->control.nested_cr3, gpa, &w) != NPT_MAPPED)
		return false;
	memcpy(dst, pa_to_ptr(w.spa), n);
	return true;
}

/* Two levels of 1024 entries */
static u64 translate_legacy(const struct vmcb *v, u32 va)
{
	u32 e;

	if (!read_phys(v, (v->save.cr3 & 0xfffff000) + (va >> 22) * 4, &e, 4) || !(e & PTE_P))
		return NO_ADDR;
	if (e & PTE_PS && v->save.cr4 & CR4_PSE)
		return ((u64)e >> 13 & 0xff) << 32 | ALIGN_DOWN(e, LEGACY_4M) |
		       (va & (LEGACY_4M - 1));
	if (!read_phys(v, (e & 0xfffff000) + (va >> 12 & 1023) * 4, &e, 4) || !(e & PTE_P))
		return NO_ADDR;
	return (e & 0xfffff000) | (va & ~PAGE_MASK);
}

/* PAE has three levels, of which the first has only four entries */
static u64 translate_long(const struct vmcb *v, u64 va, int levels)
{
	u64 table = v->save.cr3 & (levels == 3 ? 0xffffffe0 : PAGE_ADDR), e, mask;
	int level;

	for (level = levels - 1; ; level--) {
		mask = BIT(PAGE_SHIFT + 9 * level) - 1;
		if (!read_phys(v, table + (va >> (PAGE_SHIFT + 9 * level) & 511) * 8, &e, 8) ||
		    !(e & PTE_P))
			return NO_ADDR;
		if (!level || (e & PTE_PS && level < 3))
			return (e & PAGE_ADDR & ~mask) | (va & mask);
		table = e & PAGE_ADDR;
	}
}

static u64 translate(const struct vmcb *v, u64 va)
{
	if (!(v->save.cr0 & CR0_PG))
		return (u32)va;
	if (v->save.efer & EFER_LMA)
		return translate_long(v, va, v->save.cr4 & CR4_LA57 ? 5 : 4);
	if (v->save.cr4 & CR4_PAE)
		return translate_long(v, (u32)va, 3);
	return translate_legacy(v, va);
}

void plain_fetch(const struct vmcb *v, u8 *buf)
{
	bool wide = code_is_64bit(v);
	u64 va = v->save.rip + (wide ? 0 : v->save.cs.base);
	unsigned int i;

	memset(buf, 0, MAX_INSN_LEN);
	for (i = 0; i < MAX_INSN_LEN; i++, va++) {
		u64 gpa = translate(v, wide ? va : (u32)va);

		if (gpa == NO_ADDR || !read_phys(v, gpa, &buf[i], 1))
			return;
	}
}
