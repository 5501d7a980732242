// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow nested page tables against a table that changes under them.
 */
#include <string.h>
#include <sys/mman.h>

#include "../hostmem.h"
#include "../shadow.h"
#include "../smp.h"
#include "ktap.h"

#define MEM		0x10000000ul
#define KVM_TABLES	MEM			/* the host's own page tables */
#define TOP		0x20000000ul
#define NPFN		(TOP >> PAGE_SHIFT)
#define ASID		3
#define RWX		(PTE_P | PTE_W | PTE_U)
#define NR_SHADOWS	64			/* as in shadow.c */

static unsigned int flushes;
static u64 next_table;

void cpus_flush(unsigned int whom)
{
	flushes += !!whom;
}

u64 hostmem_top(void)
{
	return TOP;
}

static u64 new_table(void)
{
	u64 t = next_table;

	next_table += PAGE_SIZE;
	memset(pa_to_ptr(t), 0, PAGE_SIZE);
	return t;
}

/* KVM's entry for @gpa; level 1: the entry of a 2M page. */
static u64 *kvm_entry(u64 root, u64 gpa, int last)
{
	u64 t = root, *e;
	int level;

	for (level = 3; ; level--) {
		e = (u64 *)pa_to_ptr(t) + (gpa >> (PAGE_SHIFT + 9 * level) & 511);
		if (level == last)
			return e;
		if (!*e)
			*e = new_table() | RWX;
		t = *e & PAGE_ADDR;
	}
}

static void kvm_map(u64 root, u64 gpa, u64 spa)
{
	*kvm_entry(root, gpa, 0) = spa | RWX | PTE_A | PTE_D;
}

static u64 shadow_entry(const struct shadow *s, bool all_private, u64 ga)
{
	u64 t = shadow_root(s, all_private), e;
	int level;

	for (level = 3; ; level--) {
		e = ((u64 *)pa_to_ptr(t))[ga >> (PAGE_SHIFT + 9 * level) & 511];
		if (!e || !level)
			return e & (PAGE_ADDR | PTE_W | PTE_NX);
		t = e & PAGE_ADDR;
	}
}

/* What an exit handler does: walk, then map. */
static void fill(struct shadow *s, u64 root, u64 ga)
{
	struct npt_walk w;

	expect(npt_walk(root, ga & ~CBIT, &w), NPT_MAPPED);
	shadow_map(s, ga, PTE_W, &w);
}

static void setup(void)
{
	memset((void *)MEM, 0, TOP - MEM);
	next_table = KVM_TABLES;
	flushes = 0;
	memset(&shadow_stats, 0, sizeof(shadow_stats));
	shadow_init(TOP - ALIGN_UP(shadow_mem_size(NPFN), SZ_2M), NPFN);
}

static void two_views(void)
{
	u64 root, gpa = 0x123000;
	struct shadow *s;

	setup();
	root = new_table();
	kvm_map(root, gpa, 0x55000);
	s = shadow_get(root, ASID, 0);
	fill(s, root, gpa | CBIT);
	expect(shadow_entry(s, false, gpa | CBIT), 0x55000 | PTE_W);
	expect(shadow_entry(s, false, gpa), 0);
	/* Without a C-bit, the private view is at the address itself. */
	expect(shadow_entry(s, true, gpa), 0x55000 | PTE_W);
	expect(shadow_writable(s, gpa | CBIT), true);
	expect(shadow_writable(s, gpa), false);
	shadow_put(s);
}

static void rmp_change(void)
{
	struct shadow *a, *b;
	u64 root;

	setup();
	root = new_table();
	kvm_map(root, 0x1000, 0x55000);
	kvm_map(root, 0x2000, 0x56000);
	a = shadow_get(root, ASID, 0);
	b = shadow_get(root, ASID, 1);
	expect(a == b, false);
	fill(a, root, 0x1000);
	fill(a, root, 0x1000 | CBIT);
	fill(b, root, 0x1000 | CBIT);
	fill(a, root, 0x2000);
	expect(shadow_drop(0x55), true);
	expect(shadow_drop(0x55), false);
	expect(shadow_entry(a, false, 0x1000), 0);
	expect(shadow_entry(a, false, 0x1000 | CBIT), 0);
	expect(shadow_entry(b, false, 0x1000 | CBIT), 0);
	expect(shadow_entry(a, false, 0x2000), 0x56000 | PTE_W);
}

static void host_changes_entries(void)
{
	struct shadow *s;
	u64 root, i;

	setup();
	root = new_table();
	for (i = 0; i < 16; i++)
		kvm_map(root, i << PAGE_SHIFT, 0x100000 + (i << PAGE_SHIFT));
	s = shadow_get(root, ASID, 0);
	for (i = 0; i < 16; i++)
		fill(s, root, i << PAGE_SHIFT | CBIT);
	*kvm_entry(root, 0x3000, 0) = 0;
	*kvm_entry(root, 0x5000, 0) = 0x777000 | RWX | PTE_A | PTE_D;
	*kvm_entry(root, 0x6000, 0) &= ~PTE_W;
	*kvm_entry(root, 0x7000, 0) |= BIT(10);		/* a software bit */
	shadow_sync(s);
	for (i = 0; i < 16; i++)
		expect(shadow_entry(s, false, i << PAGE_SHIFT | CBIT),
		       i == 3 || i == 5 || i == 6 ? 0 : (0x100000 + (i << PAGE_SHIFT)) | PTE_W);
	expect(shadow_stats.synced_away, 3);
}

static void host_changes_tables(void)
{
	struct shadow *s;
	u64 root, table;

	setup();
	root = new_table();
	kvm_map(root, 0x1000, 0x55000);
	s = shadow_get(root, ASID, 0);
	fill(s, root, 0x1000);
	/* Another table with the same contents is another source. */
	table = new_table();
	memcpy(pa_to_ptr(table), pa_to_ptr(*kvm_entry(root, 0x1000, 1) & PAGE_ADDR), PAGE_SIZE);
	*kvm_entry(root, 0x1000, 1) = table | RWX;
	shadow_sync(s);
	expect(shadow_entry(s, false, 0x1000), 0);
	fill(s, root, 0x1000);
	/* The table goes, then comes a 2M page in its place, then that changes. */
	*kvm_entry(root, 0, 1) = 0;
	shadow_sync(s);
	expect(shadow_entry(s, false, 0x1000), 0);
	*kvm_entry(root, 0, 1) = 0x400000 | RWX | PTE_PS | PTE_A | PTE_D;
	fill(s, root, 0x1000);
	shadow_sync(s);
	expect(shadow_entry(s, false, 0x1000), 0x401000 | PTE_W);
	*kvm_entry(root, 0, 1) = 0x600000 | RWX | PTE_PS | PTE_A | PTE_D;
	shadow_sync(s);
	expect(shadow_entry(s, false, 0x1000), 0);
	/* Filled before the flush for a change has come. */
	fill(s, root, 0x1000);
	*kvm_entry(root, 0, 1) = table | RWX;
	fill(s, root, 0x1000);
	expect(shadow_entry(s, false, 0x1000), 0x55000 | PTE_W);
	*kvm_entry(root, 0, 3) = 0;
	shadow_sync(s);
	expect(shadow_entry(s, false, 0x1000), 0);
}

static void nonsense_root(void)
{
	struct npt_walk w;

	setup();
	expect(npt_walk(TOP, 0, &w), NPT_ABSENT);
	*(u64 *)pa_to_ptr(KVM_TABLES) = 0x7000000000ul | RWX;
	expect(npt_walk(KVM_TABLES, 0, &w), NPT_ABSENT);
}

static void mmio_mark(void)
{
	struct npt_walk w;
	u64 root;

	setup();
	root = new_table();
	*kvm_entry(root, 0x1000, 0) = BIT(51) | PTE_P;
	expect(npt_walk(root, 0x1000, &w), NPT_RESERVED);
}

static void marks_follow_changes(void)
{
	struct npt_walk w;
	u64 root, *e;

	setup();
	root = new_table();
	e = kvm_entry(root, 0x1000, 0);
	*e = 0x55000 | RWX;
	npt_walk(root, 0x1000, &w);
	expect(npt_mark(&w, false), true);
	expect(*e, 0x55000 | RWX | PTE_A);
	expect(npt_mark(&w, true), true);
	expect(*e, 0x55000 | RWX | PTE_A | PTE_D);
	*e = 0;						/* zapped meanwhile */
	w.val &= ~PTE_D;
	expect(npt_mark(&w, true), false);
	expect(*e, 0);
}

static void pool_exhaustion(void)
{
	struct shadow *idle, *s;
	u64 root, other, i;

	setup();
	root = new_table();
	other = new_table();
	kvm_map(other, 0x1000, 0x55000);
	idle = shadow_get(other, ASID + 1, 0);
	fill(idle, other, 0x1000);
	shadow_put(idle);
	*kvm_entry(root, 0, 0) = 0x66000 | RWX | PTE_A | PTE_D;
	for (i = 0; i < 512; i++)			/* all of them the same 1G table */
		*kvm_entry(root, i << 30, 2) = *kvm_entry(root, 0, 2);
	s = shadow_get(root, ASID, 0);
	/* One table and one directory for each: more than the pool has. */
	for (i = 0; i < 20000; i++) {
		u64 ga = (i % 512) << 30 | ((i / 512 & 1) ? CBIT : 0);

		*kvm_entry(root, (i / 512 % 512) << 21, 1) = *kvm_entry(root, 0, 1);
		ga |= (i / 512 % 512) << 21;
		fill(s, root, ga);
		expect(shadow_entry(s, false, ga), 0x66000 | PTE_W);
	}
	expect(shadow_stats.resets > 1, true);
	expect(flushes > 1, true);
	expect(shadow_entry(idle, false, 0x1000), 0);	/* the idle one went first */
	expect(shadow_drop(0x66), true);
}

static void many_vms(void)
{
	struct shadow *busy, *s;
	u64 root, i;

	setup();
	root = new_table();
	kvm_map(root, 0x1000, 0x55000);
	busy = shadow_get(root, ASID, 0);
	fill(busy, root, 0x1000);
	for (i = 1; i < 4 * NR_SHADOWS; i++) {
		s = shadow_get(root, ASID + i, 0);
		expect(s == busy, false);
		expect(shadow_entry(s, false, 0x1000), 0);
		fill(s, root, 0x1000);
		shadow_put(s);
	}
	expect(shadow_entry(busy, false, 0x1000), 0x55000 | PTE_W);
	expect(shadow_get(root, ASID, 0) == busy, true);
}

/* Random changes by host and RMP; a shadow entry must never outlive a sync wrongly. */
static void random_changes(void)
{
	enum { PAGES = 2048 };
	struct shadow *s;
	u64 root, i, k;

	setup();
	srand(1);
	root = new_table();
	s = shadow_get(root, ASID, 0);
	for (i = 0; i < 100000; i++) {
		u64 gpa = (u64)(rand() % PAGES) << PAGE_SHIFT;
		u64 ga = gpa | (rand() & 1 ? CBIT : 0);
		u64 spa = 0x1000000 + ((u64)(rand() % 64) << PAGE_SHIFT);
		struct npt_walk w;

		switch (rand() % 8) {
		case 0:
			kvm_map(root, gpa, spa);
			break;
		case 1:
			*kvm_entry(root, gpa, 0) = 0;
			break;
		case 2:
			shadow_drop(spa >> PAGE_SHIFT);
			expect(shadow_drop(spa >> PAGE_SHIFT), false);
			break;
		case 3:
			if (i % 50)
				break;
			shadow_sync(s);
			for (k = 0; k < PAGES; k++) {
				u64 e = shadow_entry(s, false, k << PAGE_SHIFT | CBIT);

				if (e)
					expect(e & PAGE_ADDR,
					       *kvm_entry(root, k << PAGE_SHIFT, 0) & PAGE_ADDR);
			}
			break;
		default:
			if (npt_walk(root, gpa, &w) == NPT_MAPPED)
				shadow_map(s, ga, PTE_W, &w);
		}
	}
	expect(shadow_stats.synced_away > 0, true);
}

int main(void)
{
	void *p = mmap((void *)MEM, TOP - MEM, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)MEM)
		die("no memory at %#lx", MEM);
	KTAP_START();
	RUN(two_views);
	RUN(rmp_change);
	RUN(host_changes_entries);
	RUN(host_changes_tables);
	RUN(nonsense_root);
	RUN(mmio_mark);
	RUN(marks_follow_changes);
	RUN(pool_exhaustion);
	RUN(many_vms);
	RUN(random_changes);
	return ktap_end();
}
