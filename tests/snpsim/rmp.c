// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reverse map table.
 *
 * A 2M entry is kept as 512 entries that differ in their GPA only, so a check
 * looks at one entry, and the kernel, which takes "assigned" from the 4K index
 * and the size from the head, reads what it expects.
 */
#include "rmp.h"

#include "hostmem.h"
#include "lib.h"
#include "shadow.h"
#include "smp.h"

#define PFNS_2M		512ul
#define PFN_2M_MASK	(PFNS_2M - 1)
#define OFFSET_2M	(SZ_2M - 1)

static struct rmp_entry *entries;
static u64 table_base, table_size, table_npfn;

u64 rmp_size(u64 npfn)
{
	return ALIGN_UP(npfn * sizeof(struct rmp_entry) + RMP_BOOKKEEPING, SZ_2M);
}

void rmp_init(u64 base, u64 npfn)
{
	table_base = base;
	table_npfn = npfn;
	table_size = rmp_size(npfn);
	entries = pa_to_ptr(base + RMP_BOOKKEEPING);
	memset(pa_to_ptr(base), 0, table_size);
}

u64 rmp_base(void)
{
	return table_base;
}

u64 rmp_end(void)
{
	return table_base + table_size - 1;
}

struct rmp_entry *rmp_get(u64 pa)
{
	u64 pfn = pa >> PAGE_SHIFT;

	return pfn < table_npfn ? &entries[pfn] : NULL;
}

bool rmp_hypervisor_owned(u64 pa)
{
	const struct rmp_entry *e = rmp_get(pa);

	return !e || !(e->lo & RMP_ASSIGNED);
}

static bool in_table(u64 pfn)
{
	u64 pa = pfn << PAGE_SHIFT;

	return pa >= table_base && pa < table_base + table_size;
}

/* The table itself takes no entry of its own: the firmware keeps it fixed. */
static bool is_immutable(u64 pfn)
{
	return entries[pfn].lo & RMP_IMMUTABLE || in_table(pfn);
}

/* Store one entry and bring the page tables in line; FLUSH_* that is owed now. */
static unsigned int store(u64 pfn, u64 lo, u64 hi)
{
	struct rmp_entry *e = &entries[pfn];
	unsigned int flush = 0;

	WRITE_ONCE(e->hi, hi);
	WRITE_ONCE(e->lo, lo);
	if (hostmem_protect(pfn, lo & RMP_ASSIGNED))
		flush |= FLUSH_HOST;
	if (shadow_drop(pfn))
		flush |= FLUSH_GUESTS;
	return flush;
}

int rmp_update(u64 pa, const struct rmp_state *new, u32 max_asid)
{
	u64 n = new->pagesize ? PFNS_2M : 1, pfn = pa >> PAGE_SHIFT, i, lo = 0, hi = 0;
	u64 mask = n * PAGE_SIZE - 1;
	const u64 head = pfn & ~PFN_2M_MASK;
	unsigned int flush = 0;

	pa &= PAGE_MASK;
	if (pfn >= table_npfn || n > table_npfn - pfn || pa & mask || new->gpa & mask ||
	    new->gpa & ~RMP_GPA || new->assigned > 1 || new->pagesize > 1 ||
	    new->immutable > 1 || new->asid > max_asid || (!new->assigned && new->asid))
		return RMP_FAIL_INPUT;

	for (i = 0; i < n; i++)
		if (entries[pfn + i].hi & RMP_INUSE)
			return RMP_FAIL_INUSE;
	for (i = 0; i < n; i++)
		if (is_immutable(pfn + i))
			return RMP_FAIL_PERMISSION;

	/*
	 * A part of an assigned 2M page can't get an entry of its own, nor can
	 * a 2M entry swallow 4K pages that are assigned.  Taking all 512 away
	 * at once is allowed whatever their size: sev_gmem_invalidate() does.
	 */
	if (n == 1 && entries[head].lo & RMP_2M && entries[head].lo & RMP_ASSIGNED)
		return RMP_FAIL_OVERLAP;
	if (n > 1 && new->assigned && !(entries[head].lo & RMP_2M))
		for (i = 0; i < n; i++)
			if (entries[pfn + i].lo & RMP_ASSIGNED)
				return RMP_FAIL_OVERLAP;

	if (new->assigned) {
		lo = RMP_ASSIGNED | (u64)new->asid << RMP_ASID_SHIFT;
		hi = RMP_PERM_ALL;		/* VMPL0 may all, others nothing */
		if (new->pagesize)
			lo |= RMP_2M;
	}
	if (new->immutable)
		lo |= RMP_IMMUTABLE;
	for (i = 0; i < n; i++) {
		u64 gpa = new->assigned ? new->gpa + (i << PAGE_SHIFT) : 0;

		flush |= store(pfn + i, lo | gpa, hi);
	}
	cpus_flush(flush);
	return RMP_SUCCESS;
}

int rmp_psmash(u64 pa)
{
	u64 pfn = pa >> PAGE_SHIFT, i;
	bool flush = false;

	if (pa & OFFSET_2M || pfn >= table_npfn || PFNS_2M > table_npfn - pfn ||
	    !(entries[pfn].lo & RMP_ASSIGNED) || !(entries[pfn].lo & RMP_2M))
		return RMP_FAIL_INPUT;
	for (i = 0; i < PFNS_2M; i++)
		if (entries[pfn + i].hi & RMP_INUSE)
			return RMP_FAIL_INUSE;
	if (is_immutable(pfn))
		return RMP_FAIL_PERMISSION;
	for (i = 0; i < PFNS_2M; i++) {
		WRITE_ONCE(entries[pfn + i].lo, entries[pfn + i].lo & ~RMP_2M);
		flush |= shadow_drop(pfn + i);
	}
	cpus_flush(flush ? FLUSH_GUESTS : 0);
	return RMP_SUCCESS;
}

/* The checks that PVALIDATE and RMPADJUST share; RMP_SUCCESS to go on. */
static int check_guest_page(u64 pa, u64 gpa, u32 asid, bool big)
{
	const struct rmp_entry *e = rmp_get(pa);

	if (!e || !(e->lo & RMP_ASSIGNED) || e->lo & RMP_IMMUTABLE ||
	    RMP_ASID(e->lo) != asid || (e->lo & RMP_GPA) != (gpa & PAGE_MASK))
		return RMP_FAULT;
	if (big && !(e->lo & RMP_2M))
		return RMP_FAIL_SIZEMISMATCH;
	if (!big && e->lo & RMP_2M)
		return RMP_FAULT_SIZE;
	return RMP_SUCCESS;
}

int rmp_pvalidate(u64 pa, u64 gpa, u32 asid, bool big, bool validate, bool *unchanged)
{
	u64 n = big ? PFNS_2M : 1, i;
	bool flush = false;
	struct rmp_entry *e;
	int ret;

	ret = check_guest_page(pa, gpa, asid, big);
	if (ret)
		return ret;
	e = rmp_get(pa);
	*unchanged = !(e->lo & RMP_VALIDATED) == !validate;
	if (*unchanged)
		return RMP_SUCCESS;
	for (i = 0; i < n; i++) {
		if (validate) {
			WRITE_ONCE(e[i].lo, e[i].lo | RMP_VALIDATED);
		} else {
			WRITE_ONCE(e[i].lo, e[i].lo & ~RMP_VALIDATED);
			flush |= shadow_drop((pa >> PAGE_SHIFT) + i);
		}
	}
	cpus_flush(flush ? FLUSH_GUESTS : 0);
	return RMP_SUCCESS;
}

int rmp_adjust_args(unsigned int vmpl, u64 attr)
{
	unsigned int target = attr & 0xff;

	if (target >= RMP_NR_VMPL || attr >> 8 & 0xff & ~RMP_PERM_ALL)
		return RMP_FAIL_INPUT;
	return target <= vmpl ? RMP_FAIL_PERMISSION : RMP_SUCCESS;
}

int rmp_adjust(u64 pa, u64 gpa, u32 asid, unsigned int vmpl, bool big, u64 attr)
{
	unsigned int shift = 8 * (attr & 0xff);
	u64 perms = attr >> 8 & 0xff, n = big ? PFNS_2M : 1, i;
	bool flush = false;
	struct rmp_entry *e;
	int ret;

	ret = check_guest_page(pa, gpa, asid, big);
	if (ret)
		return ret;
	e = rmp_get(pa);
	if (!(e->lo & RMP_VALIDATED))
		return RMP_FAULT_NOT_VALIDATED;
	for (i = 0; i < n; i++)
		if (e[i].hi & RMP_INUSE)
			return RMP_FAIL_INUSE;
	if (perms & ~RMP_PERMS(e->hi, vmpl))
		return RMP_FAIL_PERMISSION;
	for (i = 0; i < n; i++) {
		u64 lo = e[i].lo, hi = (e[i].hi & ~(0xfful << shift)) | perms << shift;

		if (!vmpl)			/* elsewhere the bit is ignored */
			lo = attr & BIT(16) ? lo | RMP_VMSA : lo & ~RMP_VMSA;
		if (lo == e[i].lo && hi == e[i].hi)
			continue;
		WRITE_ONCE(e[i].hi, hi);
		WRITE_ONCE(e[i].lo, lo);
		flush |= shadow_drop((pa >> PAGE_SHIFT) + i);
	}
	cpus_flush(flush ? FLUSH_GUESTS : 0);
	return RMP_SUCCESS;
}

bool rmp_set_inuse(u64 pa)
{
	struct rmp_entry *e = rmp_get(pa);

	if (!e || e->hi & RMP_INUSE)
		return false;
	e->hi |= RMP_INUSE;
	return true;
}

void rmp_clear_inuse(u64 pa)
{
	struct rmp_entry *e = rmp_get(pa);

	if (e)
		e->hi &= ~RMP_INUSE;
}
