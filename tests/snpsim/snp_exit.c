// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits of the machine while an SNP vCPU runs: which the host sees (automatic
 * exits, APM 15.35.4), which become #VC, which are only of our own making.
 */
#include "snp_vcpu.h"

#include "decode.h"
#include "lib.h"
#include "swint.h"

#define VMEXIT_INVD		0x76
#define VMEXIT_WBINVD		0x89
#define VMEXIT_BUSLOCK		0xa5
#define VMEXIT_IDLE_HLT		0xa6
#define HLT_LEN			1
#define PAUSE_LEN		2

static enum snp_action nested_fault(struct snp_vcpu *s)
{
	u64 error = s->info1, ga = s->info2, gpa = ga & ~CBIT, flags = 0, perm;
	struct npt_walk w;
	enum access_result r;

	if (error & NPF_WRITE)
		flags |= ACCESS_WRITE;
	if (error & NPF_FETCH)
		flags |= ACCESS_FETCH;
	if (error & NPF_TABLE)
		flags = ACCESS_TABLE;
	if (seg_dpl(&s->v->save.ss) == 3 && !(flags & ACCESS_TABLE))
		flags |= ACCESS_USER;
	if (ga & CBIT || guest_all_private(s->v) || flags & (ACCESS_TABLE | ACCESS_FETCH))
		flags |= ACCESS_PRIVATE;
	if (guest_all_private(s->v))
		ga |= CBIT;

	r = npt_check(s, gpa, flags, &w, &perm);
	switch (r) {
	case ACC_OK:
		/*
		 * Code that is reached through a mapping without C-bit goes into
		 * the shared view, but data writes there must keep faulting;
		 * unless it is a page table too: TCG's walker insists on a
		 * writable entry.
		 */
		if (flags & ACCESS_FETCH && !(ga & CBIT) && !shadow_writable(s->shadow, ga))
			perm &= ~PTE_W;
		shadow_map(s->shadow, ga, perm, &w);
		snp_stats.npf_filled++;
		return SNP_RESUME;
	case ACC_VC:
		if (s->code == VMEXIT_PAGE_NOT_VALIDATED)
			s->v->save.cr2 = guest_linear_of(s, gpa, flags);
		return raise_exception(s, EXC_VC, true, s->code);
	default:
		snp_stats.npf_host++;
		return raise_access(s, r);
	}
}

/* TCG's MOV to CR4 does not exit; report a change in place of the next exit. */
static bool cr4_trap(struct snp_vcpu *s)
{
	u64 cr4 = s->v->save.cr4;

	if (cr4 == s->cr4_seen || s->code == VMEXIT_SHUTDOWN || s->code > VMEXIT_NPF)
		return false;
	s->cr4_seen = cr4;
	if (!(s->v->control.intercept_misc2 & INTERCEPT2_CR_WRITE(4)))
		return false;
	s->code = VMEXIT_CR_WRITE_TRAP_0 + 4;
	s->info1 = cr4;
	s->info2 = 0;
	return true;
}

static enum snp_action trap_exit(struct snp_vcpu *s, unsigned int len)
{
	insn_done(s, len);
	return SNP_EXIT;
}

/* TCG 7.2 reports INVD as WBINVD. */
static enum snp_action cache_exit(struct snp_vcpu *s)
{
	enum access_result r;
	struct operand op;
	u8 insn[MAX_INSN_LEN];

	r = guest_fetch(s, insn);
	if (r)
		return raise_access(s, r);
	s->code = VMEXIT_WBINVD;
	if (!decode_mem(s->c, s->v, insn, &op) && op.map == MAP_0F && op.opcode == 0x08)
		s->code = VMEXIT_INVD;
	return raise_exception(s, EXC_VC, true, s->code);
}

enum snp_action snp_handle_exit(struct snp_vcpu *s)
{
	if (cr4_trap(s))
		return SNP_EXIT;
	switch (s->code) {
	case VMEXIT_NPF:
		return nested_fault(s);
	case VMEXIT_EXCEPTION_UD:
		return insn_undefined(s);
	case VMEXIT_CR_WRITE_0:
	case VMEXIT_CR_WRITE_8:
	case VMEXIT_CR0_SEL_WRITE:
		return insn_cr_write(s);
	case VMEXIT_MSR:
		return insn_msr(s);
	case VMEXIT_VMMCALL:
		return insn_vmmcall(s);
	case VMEXIT_WBINVD:
		return cache_exit(s);
	case VMEXIT_SWINT:
		return insn_swint(s);
	case VMEXIT_HLT:
	case VMEXIT_IDLE_HLT:
		return trap_exit(s, HLT_LEN);
	case VMEXIT_PAUSE:
		return trap_exit(s, PAUSE_LEN);
	case VMEXIT_EXCEPTION_MC:
	case VMEXIT_INTR:
	case VMEXIT_NMI:
	case VMEXIT_SMI:
	case VMEXIT_INIT:
	case VMEXIT_VINTR:
	case VMEXIT_SHUTDOWN:
	case VMEXIT_BUSLOCK:
		return SNP_EXIT;
	case (u32)VMEXIT_INVALID:		/* TCG 7.2 stores 32 bits */
	case VMEXIT_INVALID:
		s->code = VMEXIT_INVALID;
		return SNP_EXIT;
	default:
		return raise_exception(s, EXC_VC, true, s->code);
	}
}
