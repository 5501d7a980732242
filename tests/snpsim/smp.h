/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several CPUs: the one lock, entering a guest, cross-CPU TLB flushes.
 */
#ifndef SNPSIM_SMP_H
#define SNPSIM_SMP_H

#include "cpu.h"

/**
 * sim_lock() - take the lock over RMP, nested page tables and device state
 *
 * Not recursive, never held across vmrun().  A CPU that waits for it is not in
 * a guest, so cpus_flush() by the holder does not wait for it.
 */
void sim_lock(void);
void sim_unlock(void);

/* Whose nested page tables have changed. */
#define FLUSH_HOST	BIT(0)
#define FLUSH_GUESTS	BIT(1)

/**
 * cpus_flush() - make a removal of rights from a nested page table take effect
 * @whom: FLUSH_HOST, FLUSH_GUESTS or both; 0 does nothing
 *
 * Call it with the lock held and after the page table entry was changed.  When
 * it returns, no CPU runs @whom with a translation made before: those that did
 * have left it, and every CPU (this one too) flushes its TLB at its next VMRUN.
 * A CPU that runs the other kind is left alone: it has no use for such a
 * translation before its next VMRUN.
 */
void cpus_flush(unsigned int whom);

/**
 * vmrun() - run a guest until its next exit
 * @c: this CPU; c->gpr are loaded and stored
 * @v: c->vmcb01 or c->vmcb02, complete with its intercepts (NMI must be one)
 * @host_if: whether physical interrupts end the guest (needs the INTR
 *	intercept and V_INTR_MASKING); false: they are masked, or are the guest's
 *
 * Call it without the lock.  The guest starts with an empty TLB.  On VMEXIT_NMI
 * the NMI has been consumed already: if it was one of Linux, c->nmi_for_host is
 * set; else it was only a kick by cpus_flush(), and the guest is to be resumed.
 * EXITINTINFO is the caller's.
 */
void vmrun(struct cpu *c, struct vmcb *v, bool host_if);

/**
 * smp_start_aps() - start Linux's CPUs and wait until they are in ap_main()
 * @nr: how many there are
 */
void smp_start_aps(unsigned int nr);

#endif /* SNPSIM_SMP_H */
