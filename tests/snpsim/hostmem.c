// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's nested page table, and walking the host's own.
 */
#include "hostmem.h"

#include "decode.h"
#include "lib.h"
#include "npt.h"
#include "rmp.h"
#include "shadow.h"
#include "smp.h"

#define NR_PDPT		256			/* 128 TB: all that Linux places devices in */
#define HOST_BITS	(PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define LOW_MEM		BIT(32)			/* devices live below it */
#define SPLIT_SPARE	1024ul			/* device pages above all RAM */
#define CR4_LA57_LEVELS	5
#define NO_ADDR		(~0ul)

static u64 bottom, top;
static u64 *pml4;
static u64 pool_next, pool_end;

static u64 carve(u64 size)
{
	bottom = ALIGN_DOWN(bottom - size, SZ_2M);
	return bottom;
}

static u64 *pool_page(void)
{
	u64 page = pool_next;

	if (page == pool_end)
		die("host page table: pool of split pages is used up");
	pool_next += PAGE_SIZE;
	return pa_to_ptr(page);
}

void hostmem_init(u64 top_of_ram)
{
	u64 npfn, npages, i, j;

	bottom = ALIGN_DOWN(top_of_ram, SZ_2M);
	top = top_of_ram;
	/* The kernel wants every page of memory covered, the table's own too. */
	npfn = ALIGN_UP(top_of_ram, SZ_2M) >> PAGE_SHIFT;
	rmp_init(carve(rmp_size(npfn)), npfn);

	/* Enough to split all of RAM and all below 4G into 4K pages. */
	npages = (top > LOW_MEM ? top : LOW_MEM) / SZ_2M + 1 + NR_PDPT +
		 (top / SZ_1G + 4) + SPLIT_SPARE;
	pool_next = carve(npages * PAGE_SIZE);
	pool_end = pool_next + npages * PAGE_SIZE;
	shadow_init(carve(shadow_mem_size(npfn)), npfn);

	pml4 = pool_page();
	memset(pml4, 0, PAGE_SIZE);
	for (i = 0; i < NR_PDPT; i++) {
		u64 *pdpt = pool_page();

		pml4[i] = (u64)pdpt | HOST_BITS;
		for (j = 0; j < 512; j++)
			pdpt[j] = (i << 39 | j << 30) | HOST_BITS | PTE_PS;
	}
}

u64 hostmem_bottom(void)
{
	return bottom;
}

u64 hostmem_top(void)
{
	return top;
}

u64 hostmem_root(void)
{
	return (u64)pml4;
}

/* Replace a big entry by a table of smaller ones; what they allow is the same. */
static void split(u64 *e, u64 step)
{
	u64 *table = pool_page(), base = *e & PAGE_ADDR & ~(512 * step - 1), i;

	for (i = 0; i < 512; i++)
		table[i] = (base + i * step) | HOST_BITS | (step > PAGE_SIZE ? PTE_PS : 0);
	WRITE_ONCE(*e, (u64)table | HOST_BITS);
}

static u64 *entry_4k(u64 pa)
{
	u64 *e;

	if (pa >> 39 >= NR_PDPT)
		die("host page table: address %lx is out of range", pa);
	e = (u64 *)pa_to_ptr(pml4[pa >> 39] & PAGE_ADDR) + (pa >> 30 & 511);
	if (*e & PTE_PS)
		split(e, SZ_2M);
	e = (u64 *)pa_to_ptr(*e & PAGE_ADDR) + (pa >> 21 & 511);
	if (*e & PTE_PS)
		split(e, PAGE_SIZE);
	return (u64 *)pa_to_ptr(*e & PAGE_ADDR) + (pa >> 12 & 511);
}

void hostmem_trap(u64 pa, u64 len, bool on)
{
	u64 end = pa + len;

	for (; pa < end; pa += PAGE_SIZE) {
		u64 *e = entry_4k(pa);

		WRITE_ONCE(*e, on ? *e & ~PTE_P : *e | PTE_P);
	}
	if (on)
		cpus_flush(FLUSH_HOST);
}

bool hostmem_protect(u64 pfn, bool ro)
{
	u64 *e = entry_4k(pfn << PAGE_SHIFT), old = *e;

	WRITE_ONCE(*e, ro ? old & ~PTE_W : old | PTE_W);
	return ro && old & PTE_W;
}

bool hostmem_allows(u64 pa, bool write)
{
	u64 want = PTE_P | (write ? PTE_W : 0);
	u64 e;

	if (pa >> 39 >= NR_PDPT)
		return false;
	e = ((u64 *)pa_to_ptr(pml4[pa >> 39] & PAGE_ADDR))[pa >> 30 & 511];
	if (!(e & PTE_PS))
		e = ((u64 *)pa_to_ptr(e & PAGE_ADDR))[pa >> 21 & 511];
	if (!(e & PTE_PS))
		e = ((u64 *)pa_to_ptr(e & PAGE_ADDR))[pa >> 12 & 511];
	return (e & want) == want;
}

u64 host_walk(u64 cr3, u64 va, bool *writable)
{
	int level = this_cpu()->vmcb01.save.cr4 & CR4_LA57 ? CR4_LA57_LEVELS : 4;
	u64 table = cr3 & PAGE_ADDR, perm = PTE_W, e, mask;

	for (level--; ; level--) {
		mask = BIT(PAGE_SHIFT + 9 * level) - 1;
		if (table >= top)
			return NO_ADDR;
		e = READ_ONCE(((u64 *)pa_to_ptr(table))[va >> (PAGE_SHIFT + 9 * level) & 511]);
		if (!(e & PTE_P))
			return NO_ADDR;
		perm &= e;
		if (!level || e & PTE_PS)
			break;
		table = e & PAGE_ADDR;
	}
	if (writable)
		*writable = perm & PTE_W;
	return (e & PAGE_ADDR & ~mask) | (va & mask);
}

int host_copy_from(struct vmcb *v, u64 va, void *dst, int n)
{
	u8 *d = dst;

	while (n > 0) {
		u64 pa = host_walk(v->save.cr3, va, NULL);
		int part = PAGE_SIZE - (va & ~PAGE_MASK);

		if (pa == NO_ADDR)
			return -1;
		if (part > n)
			part = n;
		memcpy(d, pa_to_ptr(pa), part);
		n -= part;
		d += part;
		va += part;
	}
	return 0;
}

/* Does the linear address @va, or the end of an operand there, reach @gpa? */
static bool points_to(struct vmcb *v, u64 va, u64 gpa, u64 *cr2)
{
	static const u8 offset[] = { 0, 7, 15, 31, 63 };	/* up to a 64-byte operand */
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offset); i++) {
		u64 pa = host_walk(v->save.cr3, va + offset[i], NULL);

		if (pa != NO_ADDR && (pa & PAGE_MASK) == (gpa & PAGE_MASK)) {
			*cr2 = ((va + offset[i]) & PAGE_MASK) | (gpa & ~PAGE_MASK);
			return true;
		}
	}
	return false;
}

static bool find_linear(struct cpu *c, struct vmcb *v, u64 gpa, u64 *cr2)
{
	u8 insn[MAX_INSN_LEN] = { 0 };
	struct operand op;
	int i;

	for (i = 0; i < MAX_INSN_LEN; i++)
		if (host_copy_from(v, v->save.rip + i, &insn[i], 1))
			break;
	if (!decode_mem(c, v, insn, &op)) {
		if (op.has_mem && points_to(v, op.linear, gpa, cr2))
			return true;
	}
	/* PUSH, CALL and the like write below the stack pointer. */
	return points_to(v, v->save.rsp - 8, gpa, cr2);
}

bool host_rmp_fault(struct cpu *c, u64 err, u64 gpa)
{
	struct vmcb *v = &c->vmcb01;
	u32 code = BIT(31) | PTE_P | PTE_W;
	u64 cr2;

	if (!(err & NPF_WRITE) || !(err & NPF_PRESENT))
		return false;
	if (rmp_hypervisor_owned(gpa) && !(gpa >= rmp_base() && gpa <= rmp_end()))
		return false;
	if (!find_linear(c, v, gpa, &cr2)) {
		log("host: write to assigned page %lx by an unknown instruction at %lx",
		    gpa, v->save.rip);
		return false;
	}
	if (seg_dpl(&v->save.ss) == 3)
		code |= PTE_U;
	v->save.cr2 = cr2;
	inject_exception(v, EXC_PF, true, code);
	return true;
}
