// SPDX-License-Identifier: GPL-2.0-only
/*
 * The RMP: every return code of the four instructions, and the firmware's
 * page states.
 */
#include <string.h>
#include <sys/mman.h>

#include "../hostmem.h"
#include "../rmp.h"
#include "../shadow.h"
#include "../smp.h"
#include "ktap.h"

#define TABLE_BASE	0x10000000ul	/* low, so that the table covers itself */
#define NPFN		(0x11000000ul >> PAGE_SHIFT)
#define MAX_ASID	99
#define PA		0x400000ul	/* 2M-aligned */
#define GPA		0x800000ul
#define ASID		7

static unsigned int flushes, drops, shadow_has_entries;
static u8 host_ro[NPFN];

bool hostmem_protect(u64 pfn, bool ro)
{
	bool removed = ro && !host_ro[pfn];

	host_ro[pfn] = ro;
	return removed;
}

bool shadow_drop(u64 pfn)
{
	(void)pfn;
	drops++;
	return shadow_has_entries;
}

void cpus_flush(unsigned int whom)
{
	flushes += !!whom;
}

static void setup(void)
{
	rmp_init(TABLE_BASE, NPFN);
	memset(host_ro, 0, sizeof(host_ro));
	flushes = drops = shadow_has_entries = 0;
}

static int update(u64 pa, u64 gpa, u32 asid, bool assigned, bool big, bool immutable)
{
	struct rmp_state st = { .gpa = gpa, .assigned = assigned, .pagesize = big,
				.immutable = immutable, .asid = asid };

	return rmp_update(pa, &st, MAX_ASID);
}

static int assign(u64 pa, u64 gpa)
{
	return update(pa, gpa, ASID, true, false, false);
}

static int assign_2m(u64 pa, u64 gpa)
{
	return update(pa, gpa, ASID, true, true, false);
}

static int validate(u64 pa, u64 gpa)
{
	bool unchanged;

	return rmp_pvalidate(pa, gpa, ASID, false, true, &unchanged);
}

static void rmpupdate_input(void)
{
	struct rmp_state st = { .gpa = GPA, .assigned = 1, .asid = ASID };

	setup();
	expect(assign(NPFN << PAGE_SHIFT, GPA), RMP_FAIL_INPUT);
	expect(assign_2m(PA + PAGE_SIZE, GPA), RMP_FAIL_INPUT);
	expect(assign_2m(PA, GPA + PAGE_SIZE), RMP_FAIL_INPUT);
	expect(assign(PA, GPA + 1), RMP_FAIL_INPUT);
	expect(assign(PA, BIT(51)), RMP_FAIL_INPUT);
	expect(update(PA, GPA, MAX_ASID + 1, true, false, false), RMP_FAIL_INPUT);
	expect(update(PA, GPA, ASID, false, false, false), RMP_FAIL_INPUT);
	st.pagesize = 2;
	expect(rmp_update(PA, &st, MAX_ASID), RMP_FAIL_INPUT);
	expect(rmp_get(PA)->lo, 0);
	expect(assign(PA + 0x123, GPA), RMP_SUCCESS);	/* RAX is rounded down */
}

static void rmpupdate_assign(void)
{
	setup();
	expect(rmp_guest_pages(), 0);
	expect(assign(PA, GPA), RMP_SUCCESS);
	expect(rmp_guest_pages(), 1);
	expect(rmp_get(PA)->lo, RMP_ASSIGNED | GPA | (u64)ASID << RMP_ASID_SHIFT);
	expect(RMP_PERMS(rmp_get(PA)->hi, 0), RMP_PERM_ALL);
	expect(RMP_PERMS(rmp_get(PA)->hi, 1), 0);
	expect(host_ro[PA >> PAGE_SHIFT], 1);
	expect(flushes, 1);
	expect(validate(PA, GPA), RMP_SUCCESS);
	/* Assigning again, even the same, takes the validation away. */
	expect(assign(PA, GPA), RMP_SUCCESS);
	expect(rmp_get(PA)->lo & RMP_VALIDATED, 0);
	expect(update(PA, 0, 0, false, false, false), RMP_SUCCESS);
	expect(rmp_guest_pages(), 0);
	expect(rmp_get(PA)->lo, 0);
	expect(rmp_get(PA)->hi, 0);
	expect(host_ro[PA >> PAGE_SHIFT], 0);
}

static void rmpupdate_2m(void)
{
	setup();
	expect(assign_2m(PA, GPA), RMP_SUCCESS);
	expect(flushes, 1);
	expect(rmp_get(PA + SZ_2M - 1)->lo,
	       RMP_ASSIGNED | RMP_2M | (GPA + SZ_2M - PAGE_SIZE) | (u64)ASID << RMP_ASID_SHIFT);
	expect(rmp_get(PA + SZ_2M)->lo, 0);
	expect(assign(PA + PAGE_SIZE, GPA), RMP_FAIL_OVERLAP);
	expect(update(PA, 0, 0, false, false, false), RMP_FAIL_OVERLAP);
	expect(update(PA, 0, 0, false, true, false), RMP_SUCCESS);
	expect(assign(PA + 5 * PAGE_SIZE, GPA), RMP_SUCCESS);
	expect(assign_2m(PA, GPA), RMP_FAIL_OVERLAP);
	/* Taking all of it away may be done at once, sev_gmem_invalidate() does. */
	expect(update(PA, 0, 0, false, true, false), RMP_SUCCESS);
	expect(rmp_get(PA + 5 * PAGE_SIZE)->lo, 0);
}

static void rmpupdate_immutable(void)
{
	setup();
	expect(update(PA, GPA, ASID, true, false, true), RMP_SUCCESS);
	expect(assign(PA, GPA), RMP_FAIL_PERMISSION);
	expect(update(PA, 0, 0, false, false, false), RMP_FAIL_PERMISSION);
	expect(update(PA, 0, 0, false, true, false), RMP_FAIL_PERMISSION);
	expect(assign(TABLE_BASE, GPA), RMP_FAIL_PERMISSION);
}

static void rmpupdate_in_use(void)
{
	setup();
	expect(assign(PA, GPA), RMP_SUCCESS);
	expect(rmp_set_inuse(PA), true);
	expect(rmp_set_inuse(PA), false);
	expect(assign(PA, GPA), RMP_FAIL_INUSE);
	expect(update(PA, 0, 0, false, true, false), RMP_FAIL_INUSE);
	rmp_clear_inuse(PA);
	expect(assign(PA, GPA), RMP_SUCCESS);
}

static void psmash(void)
{
	u64 i;

	setup();
	expect(rmp_psmash(PA), RMP_FAIL_INPUT);
	expect(assign_2m(PA, GPA), RMP_SUCCESS);
	expect(rmp_psmash(PA + PAGE_SIZE), RMP_FAIL_INPUT);
	expect(rmp_psmash(NPFN << PAGE_SHIFT), RMP_FAIL_INPUT);
	for (i = 0; i < SZ_2M; i += PAGE_SIZE)
		rmp_get(PA + i)->lo |= RMP_VALIDATED;
	rmp_set_inuse(PA + PAGE_SIZE);
	expect(rmp_psmash(PA), RMP_FAIL_INUSE);
	rmp_clear_inuse(PA + PAGE_SIZE);
	shadow_has_entries = 1;
	flushes = 0;
	expect(rmp_psmash(PA), RMP_SUCCESS);
	expect(flushes, 1);
	for (i = 0; i < SZ_2M; i += PAGE_SIZE)
		expect(rmp_get(PA + i)->lo, RMP_ASSIGNED | RMP_VALIDATED | (GPA + i) |
					    (u64)ASID << RMP_ASID_SHIFT);
	expect(rmp_psmash(PA), RMP_FAIL_INPUT);

	setup();
	expect(update(PA, GPA, ASID, true, true, true), RMP_SUCCESS);
	expect(rmp_psmash(PA), RMP_FAIL_PERMISSION);
}

static void pvalidate(void)
{
	bool unchanged;

	setup();
	expect(validate(PA, GPA), RMP_FAULT);			/* not assigned */
	expect(validate(NPFN << PAGE_SHIFT, GPA), RMP_FAULT);	/* not covered */
	expect(assign(PA, GPA), RMP_SUCCESS);
	expect(validate(PA, GPA + PAGE_SIZE), RMP_FAULT);
	expect(rmp_pvalidate(PA, GPA, ASID + 1, false, true, &unchanged), RMP_FAULT);
	expect(rmp_pvalidate(PA, GPA, ASID, true, true, &unchanged), RMP_FAIL_SIZEMISMATCH);
	flushes = 0;
	shadow_has_entries = 1;
	expect(rmp_pvalidate(PA, GPA, ASID, false, true, &unchanged), RMP_SUCCESS);
	expect(unchanged, false);
	expect(rmp_pvalidate(PA, GPA, ASID, false, true, &unchanged), RMP_SUCCESS);
	expect(unchanged, true);
	expect(flushes, 0);
	expect(rmp_pvalidate(PA, GPA, ASID, false, false, &unchanged), RMP_SUCCESS);
	expect(unchanged, false);
	expect(rmp_get(PA)->lo & RMP_VALIDATED, 0);
	expect(flushes, 1);
	expect(rmp_pvalidate(PA, GPA, ASID, false, false, &unchanged), RMP_SUCCESS);
	expect(unchanged, true);
}

static void pvalidate_2m(void)
{
	bool unchanged;

	setup();
	expect(assign_2m(PA, GPA), RMP_SUCCESS);
	expect(validate(PA, GPA), RMP_FAULT_SIZE);
	expect(rmp_pvalidate(PA, GPA, ASID, true, true, &unchanged), RMP_SUCCESS);
	expect(rmp_get(PA + SZ_2M - 1)->lo & RMP_VALIDATED, RMP_VALIDATED);
	expect(rmp_get(PA + SZ_2M)->lo, 0);
}

static void pvalidate_immutable(void)
{
	setup();
	expect(update(PA, GPA, ASID, true, false, true), RMP_SUCCESS);
	expect(validate(PA, GPA), RMP_FAULT);
}

#define ATTR(vmpl, perms, vmsa) ((vmpl) | (perms) << 8 | (u64)(vmsa) << 16)

static void rmpadjust(void)
{
	setup();
	expect(rmp_adjust_args(0, ATTR(4, 0, 0)), RMP_FAIL_INPUT);
	expect(rmp_adjust_args(0, ATTR(1, 0x20, 0)), RMP_FAIL_INPUT);
	expect(rmp_adjust_args(0, ATTR(0, 0, 0)), RMP_FAIL_PERMISSION);
	expect(rmp_adjust_args(2, ATTR(2, 0, 0)), RMP_FAIL_PERMISSION);
	expect(rmp_adjust_args(2, ATTR(3, 0, 0)), RMP_SUCCESS);

	expect(rmp_adjust(PA, GPA, ASID, 0, false, ATTR(1, 3, 0)), RMP_FAULT);
	expect(assign(PA, GPA), RMP_SUCCESS);
	expect(rmp_adjust(PA, GPA, ASID, 0, false, ATTR(1, 3, 0)), RMP_FAULT_NOT_VALIDATED);
	expect(validate(PA, GPA), RMP_SUCCESS);
	expect(rmp_adjust(PA, GPA, ASID, 0, true, ATTR(1, 3, 0)), RMP_FAIL_SIZEMISMATCH);
	expect(rmp_adjust(PA, GPA, ASID, 0, false, ATTR(1, 3, 1)), RMP_SUCCESS);
	expect(RMP_PERMS(rmp_get(PA)->hi, 1), 3);
	expect(RMP_PERMS(rmp_get(PA)->hi, 0), RMP_PERM_ALL);
	expect(rmp_get(PA)->lo & RMP_VMSA, RMP_VMSA);
	/* No more rights than the caller has; the VMSA bit is VMPL0's alone. */
	expect(rmp_adjust(PA, GPA, ASID, 1, false, ATTR(2, 4, 0)), RMP_FAIL_PERMISSION);
	expect(rmp_adjust(PA, GPA, ASID, 1, false, ATTR(2, 1, 0)), RMP_SUCCESS);
	expect(RMP_PERMS(rmp_get(PA)->hi, 2), 1);
	expect(rmp_get(PA)->lo & RMP_VMSA, RMP_VMSA);
	rmp_set_inuse(PA);
	expect(rmp_adjust(PA, GPA, ASID, 0, false, ATTR(1, 3, 0)), RMP_FAIL_INUSE);
	rmp_clear_inuse(PA);
	expect(rmp_adjust(PA, GPA, ASID, 0, false, ATTR(1, 3, 0)), RMP_SUCCESS);
	expect(rmp_get(PA)->lo & RMP_VMSA, 0);
}

static void firmware_states(void)
{
	setup();
	expect(rmp_state_of(NPFN << PAGE_SHIFT), RMP_STATE_DEFAULT);
	expect(rmp_state_of(PA), RMP_STATE_HYPERVISOR);
	expect(rmp_reclaim(PA), -1);
	expect(update(PA, 0, 0, true, false, true), RMP_SUCCESS);
	expect(rmp_state_of(PA), RMP_STATE_FIRMWARE);
	expect(rmp_fw_take(PA), 0);
	expect(rmp_state_of(PA), RMP_STATE_CONTEXT);
	expect(rmp_fw_take(PA), -1);
	expect(rmp_reclaim(PA), -1);
	expect(rmp_fw_release(PA), 0);
	expect(rmp_fw_release(PA), -1);
	expect(rmp_reclaim(PA), 0);
	expect(rmp_state_of(PA), RMP_STATE_RECLAIM);
	expect(rmp_fw_claim(PA), -1);
	expect(update(PA, 0, 0, false, false, false), RMP_SUCCESS);
	expect(rmp_state_of(PA), RMP_STATE_HYPERVISOR);
	expect(rmp_fw_claim(PA), 0);
	expect(rmp_state_of(PA), RMP_STATE_FIRMWARE);
	expect(rmp_fw_claim(PA), 0);
	expect(update(PA, 0, 0, false, false, false), RMP_FAIL_PERMISSION);
	expect(rmp_fw_claim(NPFN << PAGE_SHIFT), 0);
}

static void count(void)
{
	setup();
	expect(rmp_count(RMP_STATE_FIRMWARE), 0);
	expect(update(PA, 0, 0, true, false, true), RMP_SUCCESS);
	expect(update(PA + 7 * PAGE_SIZE, 0, 0, true, false, true), RMP_SUCCESS);
	expect(update(PA + PAGE_SIZE, GPA, ASID, true, false, false), RMP_SUCCESS);
	expect(update((NPFN - 1) << PAGE_SHIFT, 0, 0, true, false, true), RMP_SUCCESS);
	expect(rmp_count(RMP_STATE_FIRMWARE), 3);
	expect(rmp_reclaim(PA), 0);
	expect(rmp_count(RMP_STATE_FIRMWARE), 2);
	expect(rmp_count(RMP_STATE_RECLAIM), 1);
	expect(rmp_fw_take(PA + 7 * PAGE_SIZE), 0);
	expect(rmp_count(RMP_STATE_FIRMWARE), 1);
}

static void launch(void)
{
	setup();
	expect(rmp_launch_page(PA, GPA, ASID, false, true), -1);
	expect(update(PA, GPA, ASID, true, false, true), RMP_SUCCESS);
	expect(rmp_state_of(PA), RMP_STATE_PRE_GUEST);
	expect(rmp_launch_page(PA, GPA + PAGE_SIZE, ASID, false, true), -1);
	expect(rmp_launch_page(PA, GPA, ASID + 1, false, true), -1);
	expect(rmp_launch_page(PA, GPA, ASID, true, true), 0);
	expect(rmp_state_of(PA), RMP_STATE_GUEST_VALID);
	expect(rmp_get(PA)->lo & RMP_VMSA, RMP_VMSA);

	expect(update(PA + SZ_2M, GPA, ASID, true, false, true), RMP_SUCCESS);
	expect(rmp_launch_page(PA + SZ_2M, GPA, ASID, false, false), 0);
	expect(rmp_state_of(PA + SZ_2M), RMP_STATE_GUEST_INVALID);
	expect(update(PA + SZ_2M, GPA, ASID, true, false, true), RMP_SUCCESS);
	expect(rmp_reclaim(PA + SZ_2M), 0);
	expect(rmp_state_of(PA + SZ_2M), RMP_STATE_GUEST_INVALID);
}

static void hv_fixed(void)
{
	setup();
	expect(assign(PA + PAGE_SIZE, GPA), RMP_SUCCESS);
	expect(rmp_set_hv_fixed(PA, 2), -1);
	expect(rmp_set_hv_fixed(PA + SZ_2M, 1), 0);
	expect(rmp_state_of(PA + SZ_2M), RMP_STATE_HV_FIXED);
	expect(assign(PA + SZ_2M, GPA), RMP_FAIL_PERMISSION);
	expect(rmp_set_hv_fixed(NPFN << PAGE_SHIFT, 1ul << 40), 0);
}

static void table_protection(void)
{
	setup();
	rmp_protect_table(true);
	expect(host_ro[rmp_base() >> PAGE_SHIFT], 1);
	expect(host_ro[rmp_end() >> PAGE_SHIFT], 1);
	expect(host_ro[(rmp_base() >> PAGE_SHIFT) - 1], 0);
	expect(flushes, 1);
	rmp_protect_table(false);
	expect(host_ro[rmp_base() >> PAGE_SHIFT], 0);
}

int main(void)
{
	void *p = mmap((void *)TABLE_BASE, rmp_size(NPFN), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)TABLE_BASE)
		die("no memory at %#lx", TABLE_BASE);
	KTAP_START();
	RUN(rmpupdate_input);
	RUN(rmpupdate_assign);
	RUN(rmpupdate_2m);
	RUN(rmpupdate_immutable);
	RUN(rmpupdate_in_use);
	RUN(psmash);
	RUN(pvalidate);
	RUN(pvalidate_2m);
	RUN(pvalidate_immutable);
	RUN(rmpadjust);
	RUN(firmware_states);
	RUN(count);
	RUN(launch);
	RUN(hv_fixed);
	RUN(table_protection);
	return ktap_end();
}
