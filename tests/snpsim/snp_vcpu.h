/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files that make up an SNP vCPU (snp_*.c) share.
 */
#ifndef SNPSIM_SNP_VCPU_H
#define SNPSIM_SNP_VCPU_H

#include "cpu.h"
#include "fpu.h"
#include "npt.h"
#include "shadow.h"

/**
 * struct snp_cpu - state of one CPU that outlives a VMRUN
 * @retry_vmsa: VMSA whose PVALIDATE or RMPADJUST at @retry_rip went to the host
 *	with #NPF, 0 if none.  The host has mapped the page by the next VMRUN,
 *	and entering the guest only to have it exit again can be saved.
 */
struct snp_cpu {
	struct fpu fpu;
	u64 host_gpr[NGPR];
	u64 host_pat;
	u64 last_ncr3;
	u32 last_asid;
	u64 retry_vmsa;
	u64 retry_rip;
};

/**
 * struct snp_vcpu - one VMRUN of an SNP vCPU
 * @v: what the machine really runs (vmcb02)
 * @v12: the host's VMCB
 * @sa: the VMSA
 * @cr4_seen: CR4 as the host last heard of it
 * @code, @info1, @info2: the exit to report, or @code as error code of a #VC
 * @pf_addr: linear address of the last access by software; for CR2
 * @pf_err: after ACC_PF
 */
struct snp_vcpu {
	struct cpu *c;
	struct vmcb *v;
	struct vmcb *v12;
	struct vmsa *sa;
	struct shadow *shadow;
	u64 ncr3;
	u32 asid;
	unsigned int vmpl;
	u64 cr4_seen;
	u64 code, info1, info2;
	u64 pf_addr;
	u32 pf_err;
};

/* What to do after an exit of the machine. */
enum snp_action {
	SNP_RESUME,		/* run on; an exception may have been queued */
	SNP_EXIT,		/* the host sees code, info1, info2 */
};

/* Result of a guest memory access by software. */
enum access_result {
	ACC_OK,
	ACC_NPF,		/* #VMEXIT(NPF): code, info1, info2 are set */
	ACC_VC,			/* #VC: code is its error code */
	ACC_PF,			/* #PF: pf_addr, pf_err are set */
	ACC_UNMODELLED,		/* not modelled (logged), or no valid descriptor */
};

/* Kinds of access; flags of npt_check() and guest_*(). */
#define ACCESS_WRITE	BIT(0)
#define ACCESS_FETCH	BIT(1)
#define ACCESS_TABLE	BIT(2)		/* the page walk itself */
#define ACCESS_PRIVATE	BIT(3)		/* effective C-bit is 1 */
#define ACCESS_USER	BIT(4)		/* by CPL 3 */

/* --- snp_mem.c: memory as the guest sees it; all with the lock held --- */

/**
 * npt_check() - nested walk and RMP check of one guest physical access
 * @gpa: without C-bit
 * @flags: ACCESS_*; table walks and fetches are private whatever the flag says
 * @w: the walk, on ACC_OK
 * @perm: PTE_W and PTE_NX that the page may be mapped with, on ACC_OK
 *
 * Return: ACC_OK, ACC_NPF or ACC_VC.
 */
enum access_result npt_check(struct snp_vcpu *s, u64 gpa, u64 flags, struct npt_walk *w,
			     u64 *perm);

/**
 * npt_fault() - put an #NPF together
 * @error: NPF_PRESENT, NPF_RMP and the like, on top of what @flags gives
 */
enum access_result npt_fault(struct snp_vcpu *s, u64 gpa, u64 flags, u64 error);

/**
 * guest_translate() - walk the guest's own page tables
 * @va: linear address
 * @flags: ACCESS_WRITE, ACCESS_FETCH, ACCESS_USER
 * @gpa: result, without C-bit
 * @private: result, effective C-bit
 *
 * Sets Accessed and Dirty as the processor does.
 */
enum access_result guest_translate(struct snp_vcpu *s, u64 va, u64 flags, u64 *gpa,
				   bool *private);

/** guest_read(), guest_write() - linear memory, by a supervisor access */
enum access_result guest_read(struct snp_vcpu *s, u64 va, void *dst, unsigned int n);
enum access_result guest_write(struct snp_vcpu *s, u64 va, const void *src, unsigned int n);

/**
 * guest_fetch() - the bytes at RIP
 * @buf: MAX_INSN_LEN bytes; zeros where the second page is not there
 */
enum access_result guest_fetch(struct snp_vcpu *s, u8 *buf);

/**
 * guest_code() - where the instruction at RIP is in memory
 * @insn: result: its first byte
 */
enum access_result guest_code(struct snp_vcpu *s, u8 **insn);

/**
 * guest_linear_of() - which linear address made the access that faulted
 * @gpa: guest physical address of the fault, without C-bit
 * @flags: its ACCESS_*
 *
 * Return: the address, found by decoding the instruction at RIP; @gpa if that
 * does not lead there.
 */
u64 guest_linear_of(struct snp_vcpu *s, u64 gpa, u64 flags);

static inline bool guest_paged(const struct vmcb *v)
{
	return v->save.cr0 & CR0_PG;
}

static inline bool guest_long_mode(const struct vmcb *v)
{
	return v->save.efer & EFER_LMA;
}

/* Without paging, and in legacy and PAE paging, all is private (APM 15.34.5). */
static inline bool guest_all_private(const struct vmcb *v)
{
	return !guest_paged(v) || !guest_long_mode(v);
}

/* --- snp_vc.c: exceptions; with the lock held --- */

/**
 * raise_exception() - the guest's instruction at RIP faults
 * @vec: the vector; #VC and #DF are delivered here, others by the next VMRUN
 *
 * Minds the event, if any, whose delivery caused this (v->control.event_inj):
 * #DF, or shutdown, where the architecture wants that.
 *
 * Return: SNP_RESUME, or SNP_EXIT.
 */
enum snp_action raise_exception(struct snp_vcpu *s, u8 vec, bool has_err, u32 err);

/**
 * raise_soft_interrupt() - deliver INT3 or INT n
 * @len: bytes of the instruction at RIP
 */
enum snp_action raise_soft_interrupt(struct snp_vcpu *s, u8 vec, unsigned int len);

/**
 * raise_access() - go on after a failed access by software
 * @r: not ACC_OK
 */
enum snp_action raise_access(struct snp_vcpu *s, enum access_result r);

/* --- snp_insn.c: instructions that the machine lacks or that exit; with the lock held --- */

enum snp_action insn_undefined(struct snp_vcpu *s);
enum snp_action insn_cr_write(struct snp_vcpu *s);
enum snp_action insn_msr(struct snp_vcpu *s);
enum snp_action insn_vmmcall(struct snp_vcpu *s);
enum snp_action insn_swint(struct snp_vcpu *s);

/**
 * insn_retry() - execute PVALIDATE or RMPADJUST at RIP, if there is one
 *
 * Return: SNP_RESUME also if there is another instruction.
 */
enum snp_action insn_retry(struct snp_vcpu *s);

/** insn_done() - advance RIP past an instruction of @len bytes */
void insn_done(struct snp_vcpu *s, unsigned int len);

/* --- snp_exit.c --- */

/**
 * snp_handle_exit() - sort an exit of the machine
 *
 * An event whose delivery the exit interrupted is in v->control.event_inj
 * again, if it is to be repeated.
 *
 * With the lock held.
 */
enum snp_action snp_handle_exit(struct snp_vcpu *s);

/* --- snp_state.c --- */

/**
 * snp_check_vmsa() - the checks of VMRUN (APM 15.5.1, table 15-41)
 *
 * With the lock held.  Return: 0, else the exit code.
 */
u64 snp_check_vmsa(struct snp_vcpu *s);

/** snp_load_state() - VMSA and the host's controls into vmcb02 and registers */
void snp_load_state(struct snp_vcpu *s);

/** snp_store_state() - the way back; the exit goes into the host's VMCB */
void snp_store_state(struct snp_vcpu *s);

/* --- counters since start, summed over all CPUs without care --- */

struct snp_stats {
	u64 runs, entries, exits, vcs, npf_filled, npf_host, pvalidates;
};

extern struct snp_stats snp_stats;

#endif /* SNPSIM_SNP_VCPU_H */
