/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest without a machine: memory at a low address, KVM's nested table and
 * the guest's own tables built by hand, and no shadow table.
 */
#ifndef SNPSIM_UNIT_GUESTMEM_H
#define SNPSIM_UNIT_GUESTMEM_H

#include <string.h>
#include <sys/mman.h>

#include "../hostmem.h"
#include "../lib.h"
#include "../npt.h"
#include "../rmp.h"
#include "../smp.h"
#include "../snp_vcpu.h"
#include "../stats.h"
#include "ktap.h"

#define MEM		0x10000000ul
#define TOP		0x14000000ul
#define NPFN		(TOP >> PAGE_SHIFT)
#define RMP_AT		(TOP - 0x400000ul)
#define ASID		5
#define GPA_BASE	0x40000000ul	/* SPA = GPA - GPA_BASE + MEM + 16M */
#define SPA(gpa)	((gpa) - GPA_BASE + MEM + 0x1000000ul)
#define GVA_BASE	0x7f0000000000ul
#define RWX		(PTE_P | PTE_W | PTE_U)
#define MAX_ASID	99

static struct cpu the_cpu;
static struct snp_vcpu s;
static u64 next_page, guest_cr3, next_gpa;

struct snp_stats snp_stats;

void stats_count(enum stats_kind kind, u64 code)
{
	(void)kind;
	(void)code;
}

bool hostmem_protect(u64 pfn, bool ro)
{
	(void)pfn;
	(void)ro;
	return false;
}

bool shadow_drop(u64 pfn)
{
	(void)pfn;
	return false;
}

void cpus_flush(unsigned int whom)
{
	(void)whom;
}

u64 hostmem_top(void)
{
	return TOP;
}

void log(const char *fmt, ...)
{
	(void)fmt;
}

u64 *gpr_ptr(struct cpu *c, struct vmcb *v, unsigned int n)
{
	static u64 other[16];

	(void)c;
	return n == 0 ? &v->save.rax : n == 4 ? &v->save.rsp : &other[n];
}

static u64 new_page(void)
{
	u64 p = next_page;

	next_page += PAGE_SIZE;
	return p;
}

static u64 *entry_in(u64 root, u64 addr, int last)
{
	u64 t = root, *e;
	int level;

	for (level = 3; ; level--) {
		e = (u64 *)pa_to_ptr(t) + (addr >> (PAGE_SHIFT + 9 * level) & 511);
		if (level == last)
			return e;
		if (!(*e & PTE_P))
			*e = new_page() | RWX;
		t = *e & PAGE_ADDR;
	}
}

static u64 *npt_entry(u64 gpa)
{
	return entry_in(s.ncr3, gpa, 0);
}

static struct rmp_entry *rmp_of(u64 gpa)
{
	return rmp_get(SPA(gpa));
}

static void map_shared(u64 gpa)
{
	*npt_entry(gpa) = SPA(gpa) | RWX | PTE_A | PTE_D;
}

static void map_private(u64 gpa)
{
	struct rmp_state st = { .gpa = gpa, .assigned = 1, .asid = ASID };

	map_shared(gpa);
	rmp_update(SPA(gpa), &st, MAX_ASID);
	rmp_of(gpa)->lo |= RMP_VALIDATED;
}

/* A private page for the guest's own tables. */
static u64 guest_page(void)
{
	u64 gpa = next_gpa;

	next_gpa += PAGE_SIZE;
	map_private(gpa);
	return gpa;
}

/* The guest's entry for @va, tables made as needed; @bits go into new ones. */
static u64 *gpte(u64 va, int last)
{
	u64 t = guest_cr3, *e;
	int level;

	for (level = 3; ; level--) {
		e = (u64 *)pa_to_ptr(SPA(t)) + (va >> (PAGE_SHIFT + 9 * level) & 511);
		if (level == last)
			return e;
		if (!(*e & PTE_P))
			*e = guest_page() | RWX | CBIT;
		t = *e & PAGE_ADDR & ~CBIT;
	}
}

static void guest_setup(void)
{
	memset((void *)MEM, 0, TOP - MEM);
	memset(&the_cpu, 0, sizeof(the_cpu));
	memset(&s, 0, sizeof(s));
	rmp_init(RMP_AT, NPFN);
	next_page = MEM;
	next_gpa = GPA_BASE + SZ_2M;
	s.c = &the_cpu;
	s.v = &the_cpu.vmcb02;
	s.asid = ASID;
	s.ncr3 = new_page();
	guest_cr3 = guest_page();
	s.v->save.cr3 = guest_cr3 | CBIT;
	s.v->save.cr0 = CR0_PG | CR0_PE | CR0_WP;
	s.v->save.cr4 = CR4_PAE;
	s.v->save.efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME;
	s.v->save.cs.attrib = SEG_L | 0x9b;
	s.v->save.rflags = 2;
}

static void guest_mem_init(void)
{
	void *p = mmap((void *)MEM, TOP - MEM, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)MEM)
		die("no memory at %#lx", MEM);
}

#endif /* SNPSIM_UNIT_GUESTMEM_H */
