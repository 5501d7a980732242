// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions of an SNP guest that the machine lacks, and those whose exits
 * the architecture answers itself or turns into trap-like exits.
 */
#include "snp_vcpu.h"

#include "decode.h"
#include "lib.h"
#include "rmp.h"
#include "swint.h"

#define CR0_LMSW	0xful		/* what LMSW writes; PE can't be cleared */
#define CR0_ET		BIT(4)
#define CR0_NW		BIT(29)
#define CR0_CD		BIT(30)
#define EFER_DEFINED	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | \
			 BIT(13) | BIT(14) | BIT(15))	/* LMSLE FFXSR TCE */
#define RFLAGS_PF	BIT(2)
#define RMSR_LEN	2
#define EXC_BP		3

void insn_done(struct snp_vcpu *s, unsigned int len)
{
	struct vmsa *save = &s->v->save;

	save->rip += len;
	if (!code_is_64bit(s->v))
		save->rip = (u32)save->rip;
	s->v->control.int_state &= ~INT_STATE_SHADOW;
}

/* Fetch and decode the instruction at RIP; the action to take if that fails. */
static bool fetch_insn(struct snp_vcpu *s, struct operand *op, enum snp_action *act)
{
	u8 insn[MAX_INSN_LEN];
	enum access_result r = guest_fetch(s, insn);

	if (r) {
		*act = raise_access(s, r);
		return false;
	}
	if (decode_mem(s->c, s->v, insn, op)) {
		log("guest: instruction at %lx not understood", s->v->save.rip);
		*act = raise_exception(s, EXC_UD, false, 0);
		return false;
	}
	return true;
}

/* --- PVALIDATE and RMPADJUST --- */

static bool is_pvalidate(const struct operand *op)
{
	return op->map == MAP_0F && op->opcode == 0x01 && op->modrm == 0xff && op->rep == 0xf2;
}

static bool is_rmpadjust(const struct operand *op)
{
	return op->map == MAP_0F && op->opcode == 0x01 && op->modrm == 0xfe && op->rep == 0xf3;
}

/* EAX has the result, the flags follow it; CF: nothing was changed. */
static enum snp_action page_insn_result(struct snp_vcpu *s, unsigned int len, u32 ret,
					bool unchanged)
{
	struct vmsa *save = &s->v->save;

	save->rax = ret;
	save->rflags &= ~RFLAGS_STATUS;
	if (!ret)
		save->rflags |= RFLAGS_ZF;
	if (!(__builtin_popcount(ret & 0xff) & 1))
		save->rflags |= RFLAGS_PF;
	if (unchanged)
		save->rflags |= RFLAGS_CF;
	insn_done(s, len);
	return SNP_RESUME;
}

/*
 * Both instructions: translate rAX and find the page, by way of KVM's table,
 * as a private access whatever the C-bit of the mapping.  The RMP is looked at
 * by the caller, since "validated" must not matter to PVALIDATE.
 */
static enum access_result find_page(struct snp_vcpu *s, u64 *gpa, struct npt_walk *w)
{
	u64 va = s->v->save.rax;
	enum access_result r;
	bool private;

	if (!code_is_64bit(s->v))
		va = (u32)va;
	r = guest_translate(s, va & PAGE_MASK, 0, gpa, &private);
	if (r)
		return r;
	switch (npt_walk(s->ncr3, *gpa, w)) {
	case NPT_ABSENT:
		return npt_fault(s, *gpa, ACCESS_PRIVATE, 0);
	case NPT_RESERVED:
		npt_fault(s, *gpa, ACCESS_PRIVATE, NPF_PRESENT | NPF_RSVD);
		return ACC_VC;
	default:
		return ACC_OK;
	}
}

/* A result of rmp.c that is not a value for EAX. */
static enum snp_action page_insn_fault(struct snp_vcpu *s, u64 gpa, int ret)
{
	npt_fault(s, gpa, ACCESS_PRIVATE, NPF_PRESENT | NPF_RMP);
	if (ret == RMP_FAULT_SIZE)
		s->info1 |= NPF_SIZEM;
	if (ret != RMP_FAULT_NOT_VALIDATED)
		return SNP_EXIT;
	s->code = VMEXIT_PAGE_NOT_VALIDATED;
	return raise_access(s, ACC_VC);
}

static enum snp_action pvalidate(struct snp_vcpu *s, unsigned int len)
{
	u32 size = s->c->gpr[GPR_RCX];
	/* Only this bit: compilers leave the rest of EDX as it was (Linux 6.12 of Debian). */
	bool validate = s->c->gpr[GPR_RDX] & 1;
	bool big = size & 1, unchanged = false;
	enum access_result r;
	struct npt_walk w;
	u64 gpa, perm;
	int ret;

	if (seg_dpl(&s->v->save.ss) || s->vmpl)
		return raise_exception(s, EXC_GP, true, 0);
	if (size > 1 || (big && s->v->save.rax & (SZ_2M - 1) & PAGE_MASK))
		return page_insn_result(s, len, RMP_FAIL_INPUT, false);
	r = find_page(s, &gpa, &w);
	if (r)
		return raise_access(s, r);
	ret = rmp_pvalidate(w.spa, gpa, s->asid, big, validate, &unchanged);
	if (ret >= RMP_FAULT)
		return page_insn_fault(s, gpa, ret);
	snp_stats.pvalidates++;
	/* Sooner or later the guest uses the page: that shall not take another exit. */
	if (!ret && validate && !npt_check(s, gpa, ACCESS_PRIVATE, &w, &perm))
		shadow_map(s->shadow, gpa | CBIT, perm, &w);
	return page_insn_result(s, len, ret, unchanged);
}

static enum snp_action rmpadjust(struct snp_vcpu *s, unsigned int len)
{
	u64 attr = s->c->gpr[GPR_RDX], size = s->c->gpr[GPR_RCX];
	enum access_result r;
	struct npt_walk w;
	u64 gpa;
	int ret;

	if (!code_is_64bit(s->v))
		return raise_exception(s, EXC_UD, false, 0);
	if (seg_dpl(&s->v->save.ss))
		return raise_exception(s, EXC_GP, true, 0);
	if (size > 1 || (size && s->v->save.rax & (SZ_2M - 1) & PAGE_MASK))
		return page_insn_result(s, len, RMP_FAIL_INPUT, false);
	ret = rmp_adjust_args(s->vmpl, attr);
	if (ret)
		return page_insn_result(s, len, ret, false);
	r = find_page(s, &gpa, &w);
	if (r)
		return raise_access(s, r);
	ret = rmp_adjust(w.spa, gpa, s->asid, s->vmpl, size, attr);
	if (ret >= RMP_FAULT)
		return page_insn_fault(s, gpa, ret);
	return page_insn_result(s, len, ret, false);
}

static enum snp_action page_insn(struct snp_vcpu *s, const struct operand *op)
{
	enum snp_action act = is_pvalidate(op) ? pvalidate(s, op->len) : rmpadjust(s, op->len);

	if (act == SNP_EXIT && s->code == VMEXIT_NPF) {
		s->c->snp->retry_vmsa = (u64)s->sa;
		s->c->snp->retry_rip = s->v->save.rip;
	}
	return act;
}

enum snp_action insn_undefined(struct snp_vcpu *s)
{
	enum snp_action act;
	struct operand op;

	if (!fetch_insn(s, &op, &act))
		return act;
	if (is_pvalidate(&op) || is_rmpadjust(&op))
		return page_insn(s, &op);
	return raise_exception(s, EXC_UD, false, 0);
}

enum snp_action insn_retry(struct snp_vcpu *s)
{
	u8 insn[MAX_INSN_LEN];
	struct operand op;

	if (guest_fetch(s, insn) || decode_mem(s->c, s->v, insn, &op))
		return SNP_RESUME;
	if (is_pvalidate(&op) || is_rmpadjust(&op))
		return page_insn(s, &op);
	return SNP_RESUME;
}

/* --- control registers --- */

/* A write trap: the instruction is done, the host gets the new value if it asked. */
static enum snp_action write_trap(struct snp_vcpu *s, unsigned int cr, u64 val)
{
	if (!(s->v->control.intercept_misc2 & INTERCEPT2_CR_WRITE(cr)))
		return SNP_RESUME;
	s->code = VMEXIT_CR_WRITE_TRAP_0 + cr;
	s->info1 = val;
	s->info2 = 0;
	return SNP_EXIT;
}

/* EFER.LMA follows CR0.PG while EFER.LME is set; nobody else does it here. */
static bool switch_paging(struct vmsa *save, u64 cr0)
{
	if (!((cr0 ^ save->cr0) & CR0_PG))
		return true;
	if (!(cr0 & CR0_PG)) {
		if (save->efer & EFER_LMA && save->cs.attrib & SEG_L)
			return false;
		save->efer &= ~EFER_LMA;
		return true;
	}
	if (!(save->efer & EFER_LME))
		return true;
	if (!(save->cr4 & CR4_PAE) || save->cs.attrib & SEG_L)
		return false;
	save->efer |= EFER_LMA;
	return true;
}

static enum snp_action write_cr0_of_guest(struct snp_vcpu *s, u64 val, unsigned int len)
{
	struct vmsa *save = &s->v->save;

	val |= CR0_ET;
	if (val >> 32 || (val & CR0_PG && !(val & CR0_PE)) ||
	    (val & CR0_NW && !(val & CR0_CD)) || !switch_paging(save, val))
		return raise_exception(s, EXC_GP, true, 0);
	save->cr0 = val;
	insn_done(s, len);
	return write_trap(s, 0, val);
}

static enum snp_action write_cr8_of_guest(struct snp_vcpu *s, u64 val, unsigned int len)
{
	struct vmcb_control *ctl = &s->v->control;
	bool changed;

	if (val & ~(u64)INT_CTL_V_TPR)
		return raise_exception(s, EXC_GP, true, 0);
	changed = (ctl->int_ctl & INT_CTL_V_TPR) != val;
	ctl->int_ctl = (ctl->int_ctl & ~INT_CTL_V_TPR) | val;
	insn_done(s, len);
	return changed ? write_trap(s, 8, val) : SNP_RESUME;
}

enum snp_action insn_cr_write(struct snp_vcpu *s)
{
	u64 cr0 = s->v->save.cr0, val;
	enum snp_action act;
	struct operand op;
	unsigned int cr;

	if (!fetch_insn(s, &op, &act))
		return act;
	if (op.map == MAP_0F && op.opcode == 0x01 && (op.modrm >> 3 & 7) == 6) {	/* LMSW */
		u16 msw;

		if (op.has_mem) {
			enum access_result r = guest_read(s, op.linear, &msw, sizeof(msw));

			if (r)
				return raise_access(s, r);
		} else {
			msw = *gpr_ptr(s->c, s->v, op.rm);
		}
		val = (cr0 & ~(CR0_LMSW & ~CR0_PE)) | (msw & CR0_LMSW);
		return write_cr0_of_guest(s, val, op.len);
	}
	if (op.map == MAP_0F && op.opcode == 0x06)					/* CLTS */
		return write_cr0_of_guest(s, cr0 & ~CR0_TS, op.len);
	if (op.map != MAP_0F || op.opcode != 0x22) {
		log("guest: CR write exit at %lx, but opcode %x", s->v->save.rip, op.opcode);
		return raise_exception(s, EXC_UD, false, 0);
	}
	/* The operand is a register whatever ModRM.mod says. */
	val = *gpr_ptr(s->c, s->v, (op.modrm & 7) | (op.rex & 1) << 3);
	if (!code_is_64bit(s->v))
		val = (u32)val;
	cr = op.reg;
	if (cr == 0)
		return write_cr0_of_guest(s, val, op.len);
	if (cr == 8)
		return write_cr8_of_guest(s, val, op.len);
	log("guest: write of CR%u exited", cr);
	return raise_exception(s, EXC_UD, false, 0);
}

/* --- MSRs --- */

static enum snp_action write_efer(struct snp_vcpu *s, u64 val)
{
	struct vmsa *save = &s->v->save;

	if (val & ~EFER_DEFINED || (save->cr0 & CR0_PG && (val ^ save->efer) & EFER_LME))
		return raise_exception(s, EXC_GP, true, 0);
	/* LMA is read-only; SVME is always set in a VMSA. */
	save->efer = (val & ~EFER_LMA) | (save->efer & EFER_LMA) | EFER_SVME;
	insn_done(s, RMSR_LEN);
	if (!(s->v->control.intercept_misc2 & INTERCEPT2_EFER_WRITE))
		return SNP_RESUME;
	s->code = VMEXIT_EFER_WRITE_TRAP;
	s->info1 = save->efer;
	s->info2 = 0;
	return SNP_EXIT;
}

/* VMGEXIT is VMMCALL with a REP prefix, which TCG does not tell apart. */
static bool is_vmgexit(const struct operand *op)
{
	return op->map == MAP_0F && op->opcode == 0x01 && op->modrm == 0xd9 && op->rep;
}

static enum snp_action vmgexit(struct snp_vcpu *s, unsigned int len)
{
	insn_done(s, len);
	s->code = VMEXIT_VMGEXIT;
	s->info1 = 0;
	s->info2 = 0;
	return SNP_EXIT;
}

/* Linux does VMGEXIT right after it has set the GHCB: save one exit of two. */
static enum snp_action after_ghcb_write(struct snp_vcpu *s)
{
	u8 insn[MAX_INSN_LEN];
	struct operand op;

	if (s->v->save.rflags & RFLAGS_TF || guest_fetch(s, insn) ||
	    decode_mem(s->c, s->v, insn, &op) || !is_vmgexit(&op))
		return SNP_RESUME;
	return vmgexit(s, op.len);
}

enum snp_action insn_msr(struct snp_vcpu *s)
{
	u64 *rax = &s->v->save.rax, *rdx = &s->c->gpr[GPR_RDX];
	u64 val = (u32)*rax | *rdx << 32;
	u32 msr = s->c->gpr[GPR_RCX];
	bool write = s->v->control.exit_info_1 & 1;

	switch (msr) {
	case MSR_EFER:
		if (write)
			return write_efer(s, val);
		val = s->v->save.efer;
		break;
	case MSR_GHCB:
		if (write)
			s->v12->control.ghcb_gpa = val;
		else
			val = s->v12->control.ghcb_gpa;
		break;
	case MSR_SEV_STATUS:
		if (write)
			return raise_exception(s, EXC_GP, true, 0);
		/* SEV, SEV-ES, SNP; then the features of the VMSA from bit 1 on. */
		val = 7 | (s->sa->sev_features & ~SEV_FEATURE_SNP) << 2;
		break;
	default:
		return raise_exception(s, EXC_VC, true, s->code);
	}
	if (!write) {
		*rax = (u32)val;
		*rdx = val >> 32;
	}
	insn_done(s, RMSR_LEN);
	return write && msr == MSR_GHCB ? after_ghcb_write(s) : SNP_RESUME;
}

enum snp_action insn_vmmcall(struct snp_vcpu *s)
{
	enum snp_action act;
	struct operand op;

	if (!fetch_insn(s, &op, &act))
		return act;
	if (!is_vmgexit(&op))
		return raise_exception(s, EXC_VC, true, VMEXIT_VMMCALL);
	return vmgexit(s, op.len);
}

/* INT3 and INT n exit only so that a stale translation is found: see swint.h. */
enum snp_action insn_swint(struct snp_vcpu *s)
{
	enum access_result r;
	enum snp_action act;
	struct operand op;
	u8 *code;

	r = guest_code(s, &code);
	if (r)
		return raise_access(s, r);
	if (swint_is_stale(code))
		return SNP_RESUME;
	if (!fetch_insn(s, &op, &act))
		return act;
	if (op.map == MAP_ONE && op.opcode == OPCODE_INT_N)
		return raise_soft_interrupt(s, op.imm, op.len);
	/* It was an INT3, even if another vCPU has changed the code since. */
	return raise_soft_interrupt(s, EXC_BP, 1);
}
