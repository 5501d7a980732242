/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's nested page table: memory as it is, but device pages that this
 * program emulates are absent and pages that the RMP assigns are read-only.
 *
 * All functions that change the table want the lock of smp.h.
 */
#ifndef SNPSIM_HOSTMEM_H
#define SNPSIM_HOSTMEM_H

#include "cpu.h"

/**
 * hostmem_init() - carve RMP, page tables and pools from the end of RAM
 * @top_of_ram: first byte above the highest RAM
 *
 * Once, before any other function of this file, of rmp.h and of shadow.h.
 */
void hostmem_init(u64 top_of_ram);

/** hostmem_bottom() - first byte that Linux must not use */
u64 hostmem_bottom(void);

/** hostmem_top() - first byte above the highest RAM */
u64 hostmem_top(void);

/** hostmem_root() - nCR3 for the host */
u64 hostmem_root(void);

/**
 * hostmem_trap() - make an access to device pages exit with #NPF, or not
 * @pa: first byte, page-aligned
 * @len: bytes, whole pages
 */
void hostmem_trap(u64 pa, u64 len, bool on);

/**
 * hostmem_protect() - allow or deny the host to write to a page
 * @pfn: the page
 * @ro: deny
 *
 * Return: true if a right was taken away, so that the caller owes a
 * cpus_flush(FLUSH_HOST) before the operation that wants it completes.
 */
bool hostmem_protect(u64 pfn, bool ro);

/**
 * hostmem_allows() - does the table allow an access as it is now?
 * @pa: of the access
 * @write: it is a write
 */
bool hostmem_allows(u64 pa, bool write);

/**
 * host_walk() - translate by the host's own page tables (4 or 5 levels)
 * @cr3: of the host
 * @va: linear address
 * @writable: may be NULL
 *
 * Return: physical address, or ~0 if not mapped.
 */
u64 host_walk(u64 cr3, u64 va, bool *writable);

/**
 * host_copy_from() - read the host's linear memory
 * @v: the host's VMCB
 *
 * Return: 0, or -1 if a page of it is not mapped (nothing is said about the
 * bytes before it).
 */
int host_copy_from(struct vmcb *v, u64 va, void *dst, int n);

/**
 * host_rmp_fault() - the host wrote to a page that is not its own
 * @c: this CPU
 * @err: EXITINFO1 of the host's #NPF
 * @gpa: EXITINFO2
 *
 * Queues the #PF that hardware raises: RMP bit, and CR2, which TCG's exit does
 * not tell: it is found by decoding the instruction.
 *
 * Return: false if the fault has another cause.
 */
bool host_rmp_fault(struct cpu *c, u64 err, u64 gpa);

#endif /* SNPSIM_HOSTMEM_H */
