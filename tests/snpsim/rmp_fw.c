// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the firmware does to RMP entries: the page states of the SEV-SNP
 * firmware ABI (56860) and the transitions between them that commands make.
 */
#include "rmp.h"

#include "hostmem.h"
#include "shadow.h"
#include "smp.h"

enum rmp_page_state rmp_state_of(u64 pa)
{
	const struct rmp_entry *e = rmp_get(pa);
	bool immutable, validated;

	if (!e)
		return RMP_STATE_DEFAULT;
	immutable = e->lo & RMP_IMMUTABLE;
	validated = e->lo & RMP_VALIDATED;
	if (!(e->lo & RMP_ASSIGNED)) {
		if (RMP_ASID(e->lo) || validated)
			return RMP_STATE_INVALID;
		return immutable ? RMP_STATE_HV_FIXED : RMP_STATE_HYPERVISOR;
	}
	if (!RMP_ASID(e->lo)) {
		if (validated)
			return RMP_STATE_INVALID;
		if (!immutable)
			return RMP_STATE_RECLAIM;
		return e->lo & RMP_VMSA ? RMP_STATE_CONTEXT : RMP_STATE_FIRMWARE;
	}
	if (immutable)
		return validated ? RMP_STATE_PRE_SWAP : RMP_STATE_PRE_GUEST;
	return validated ? RMP_STATE_GUEST_VALID : RMP_STATE_GUEST_INVALID;
}

bool rmp_is_firmware(u64 pa)
{
	return rmp_state_of(pa) == RMP_STATE_FIRMWARE;
}

u64 rmp_guest_pages(void)
{
	const struct rmp_entry *e;
	u64 pa, n = 0;

	for (pa = 0; (e = rmp_get(pa)); pa += PAGE_SIZE)
		n += RMP_ASID(e->lo) != 0;
	return n;
}

u64 rmp_count(enum rmp_page_state state)
{
	const struct rmp_entry *e;
	u64 pa, n = 0;

	/* Nearly all are not assigned, and take the short way. */
	for (pa = 0; (e = rmp_get(pa)); pa += PAGE_SIZE)
		n += e->lo & RMP_ASSIGNED && rmp_state_of(pa) == state;
	return n;
}

void rmp_protect_table(bool on)
{
	bool flush = false;
	u64 pa;

	for (pa = rmp_base(); pa < rmp_end(); pa += PAGE_SIZE)
		flush |= hostmem_protect(pa >> PAGE_SHIFT, on);
	cpus_flush(flush ? FLUSH_HOST : 0);
}

int rmp_set_hv_fixed(u64 pa, u64 npages)
{
	u64 i;

	for (i = 0; i < npages; i++) {
		enum rmp_page_state s = rmp_state_of(pa + i * PAGE_SIZE);

		if (s == RMP_STATE_DEFAULT)
			return 0;		/* all that follow are not covered either */
		if (s != RMP_STATE_HYPERVISOR && s != RMP_STATE_HV_FIXED)
			return -1;
		rmp_get(pa + i * PAGE_SIZE)->lo |= RMP_IMMUTABLE;
	}
	return 0;
}

int rmp_fw_claim(u64 pa)
{
	struct rmp_entry *e = rmp_get(pa);
	bool flush;

	switch (rmp_state_of(pa)) {
	case RMP_STATE_DEFAULT:
	case RMP_STATE_FIRMWARE:
		return 0;
	case RMP_STATE_HYPERVISOR:
		WRITE_ONCE(e->lo, RMP_ASSIGNED | RMP_IMMUTABLE);
		flush = hostmem_protect(pa >> PAGE_SHIFT, true);
		cpus_flush(flush ? FLUSH_HOST : 0);
		return 0;
	default:
		return -1;
	}
}

int rmp_fw_take(u64 pa)
{
	if (!rmp_is_firmware(pa))
		return -1;
	rmp_get(pa)->lo |= RMP_VMSA;
	return 0;
}

int rmp_fw_release(u64 pa)
{
	if (rmp_state_of(pa) != RMP_STATE_CONTEXT)
		return -1;
	rmp_get(pa)->lo &= ~RMP_VMSA;
	return 0;
}

int rmp_launch_page(u64 pa, u64 gpa_expected, u32 asid, bool vmsa, bool validate)
{
	struct rmp_entry *e = rmp_get(pa);
	u64 lo;

	if (rmp_state_of(pa) != RMP_STATE_PRE_GUEST || RMP_ASID(e->lo) != asid ||
	    (e->lo & RMP_GPA) != (gpa_expected & PAGE_MASK))
		return -1;
	lo = e->lo & ~RMP_IMMUTABLE;
	if (validate)
		lo |= RMP_VALIDATED;
	if (vmsa)
		lo |= RMP_VMSA;
	WRITE_ONCE(e->lo, lo);
	return 0;
}

int rmp_reclaim(u64 pa)
{
	struct rmp_entry *e = rmp_get(pa);

	switch (rmp_state_of(pa)) {
	case RMP_STATE_FIRMWARE:
	case RMP_STATE_PRE_GUEST:
	case RMP_STATE_PRE_SWAP:
		WRITE_ONCE(e->lo, e->lo & ~RMP_IMMUTABLE);
		return 0;
	default:
		return -1;
	}
}
