/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shadow nested page tables: what an SNP guest really runs on.
 *
 * One instance per (nCR3, ASID, VMPL), shared by all CPUs that run vCPUs of
 * that VM.  The index is the guest physical address with the C-bit as bit 47:
 * the lower half is the shared view, the upper half the private one.  Entries
 * are filled on #NPF, after the RMP check, and are always 4K.  An entry goes
 * away when the host asks for a TLB flush and KVM's entry for it has
 * changed, or when the RMP entry of its page changes.
 *
 * All functions want the lock of smp.h.
 */
#ifndef SNPSIM_SHADOW_H
#define SNPSIM_SHADOW_H

#include "npt.h"

struct shadow;

/** shadow_mem_size() - bytes that shadow_init() wants for a machine of @npfn pages */
u64 shadow_mem_size(u64 npfn);

/**
 * shadow_init() - take memory for tables and bookkeeping
 * @mem: shadow_mem_size() bytes, page-aligned
 * @npfn: pages of the machine
 */
void shadow_init(u64 mem, u64 npfn);

/**
 * shadow_get() - the instance of a VM, made if there is none
 *
 * It stays valid until shadow_put().  An old one without users is recycled if
 * there are too many.
 */
struct shadow *shadow_get(u64 ncr3, u32 asid, unsigned int vmpl);
void shadow_put(struct shadow *s);

/**
 * shadow_root() - nCR3 for the guest, constant while the caller holds a reference
 * @all_private: root for a vCPU that can't express a C-bit (no paging, or
 *	legacy and PAE paging): what such a vCPU touches is private
 */
u64 shadow_root(const struct shadow *s, bool all_private);

/**
 * shadow_map() - add or replace an entry
 * @ga: guest physical address, with the C-bit if it belongs into the private view
 * @perm: PTE_W, PTE_NX
 * @w: the walk of KVM's table that led to the page
 */
void shadow_map(struct shadow *s, u64 ga, u64 perm, const struct npt_walk *w);

/** shadow_writable() - there is an entry for @ga, and it allows writes */
bool shadow_writable(const struct shadow *s, u64 ga);

/**
 * shadow_sync() - the host asked for a TLB flush: forget what is outdated
 *
 * The caller's CPU has to flush its TLB afterwards; others do when KVM asks
 * for their flush.
 */
void shadow_sync(struct shadow *s);

/**
 * shadow_drop() - remove all entries, of any instance, that map a page
 * @pfn: the page
 *
 * Return: true if there were any, so that the caller owes a cpus_flush(FLUSH_GUESTS).
 */
bool shadow_drop(u64 pfn);

/**
 * struct shadow_stats - counters since start
 */
struct shadow_stats {
	u64 syncs, synced_away, drops, resets;
};

extern struct shadow_stats shadow_stats;

#endif /* SNPSIM_SHADOW_H */
