// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of an SNP vCPU: from VMSA and the host's VMCB into what the machine
 * runs, and back.
 */
#include "snp_vcpu.h"

#include "lib.h"
#include "rmp.h"
#include "swint.h"

#define CR0_NW		BIT(29)
#define CR0_CD		BIT(30)
#define EVENTINJ_NONE	0ul
#define SNP_MACHINE_ASID 2		/* one for all: TCG has no tagged TLB */

/* Bitmap of APM 15.11: two bits per MSR, read and write; 8192 MSRs per range. */
#define MSRPM_SIZE	0x1800
#define MSRPM_RANGE	0x2000u

/* Where the VMSA keeps the registers that VMRUN does not switch. */
static const u16 vmsa_gpr[NGPR] = {
	[GPR_RBX] = offsetof(struct vmsa, rbx), [GPR_RCX] = offsetof(struct vmsa, rcx),
	[GPR_RDX] = offsetof(struct vmsa, rdx), [GPR_RSI] = offsetof(struct vmsa, rsi),
	[GPR_RDI] = offsetof(struct vmsa, rdi), [GPR_RBP] = offsetof(struct vmsa, rbp),
	[GPR_R8] = offsetof(struct vmsa, r8), [GPR_R9] = offsetof(struct vmsa, r9),
	[GPR_R10] = offsetof(struct vmsa, r10), [GPR_R11] = offsetof(struct vmsa, r11),
	[GPR_R12] = offsetof(struct vmsa, r12), [GPR_R13] = offsetof(struct vmsa, r13),
	[GPR_R14] = offsetof(struct vmsa, r14), [GPR_R15] = offsetof(struct vmsa, r15),
};

static u64 *gpr_in(struct vmsa *sa, unsigned int n)
{
	return (u64 *)((u8 *)sa + vmsa_gpr[n]);
}

/* Table 15-41; there is no GPA to compare: the VMCB has a system address. */
static bool page_is_vmsa(u64 pa, u32 asid)
{
	const struct rmp_entry *e = rmp_get(pa);

	return e && e->lo & RMP_ASSIGNED && RMP_ASID(e->lo) == asid && e->lo & RMP_VMSA &&
	       !(e->lo & (RMP_IMMUTABLE | RMP_2M));
}

/* Consistency checks of APM 15.5.1 that TCG does not make for us. */
static bool state_is_legal(const struct vmsa *sa)
{
	if (!(sa->efer & EFER_SVME) || sa->cr0 >> 32)
		return false;
	if (!(sa->cr0 & CR0_CD) && sa->cr0 & CR0_NW)
		return false;
	if (sa->cr0 & CR0_PG && sa->efer & EFER_LME &&
	    (!(sa->cr4 & CR4_PAE) || !(sa->cr0 & CR0_PE)))
		return false;
	if (sa->dr6 >> 32 || sa->dr7 >> 32)
		return false;
	return true;
}

u64 snp_check_vmsa(struct snp_vcpu *s)
{
	u64 pa = s->v12->control.vmsa_pa;

	if (pa & ~PAGE_MASK || !s->asid || !page_is_vmsa(pa, s->asid)) {
		const struct rmp_entry *e = rmp_get(pa);

		log("VMRUN: %lx is not a VMSA of ASID %u (RMP entry %lx)", pa, s->asid,
		    e ? e->lo : 0);
		return VMEXIT_INVALID;
	}
	if (rmp_get(pa)->hi & RMP_INUSE) {
		log("VMRUN: VMSA %lx is running already", pa);
		return VMEXIT_BUSY;
	}
	if (s->sa->sev_features != SEV_FEATURE_SNP || s->sa->vmpl >= RMP_NR_VMPL ||
	    !state_is_legal(s->sa)) {
		log("VMRUN: VMSA %lx: features %lx vmpl %u efer %lx cr0 %lx cr4 %lx: refused", pa,
		    s->sa->sev_features, s->sa->vmpl, s->sa->efer, s->sa->cr0, s->sa->cr4);
		return VMEXIT_INVALID;
	}
	return 0;
}

/* Make an access to an MSR of the second or third range exit. */
static void trap_msr(u8 *map, u32 msr, bool read, bool write)
{
	u32 bit = (msr & (MSRPM_RANGE - 1)) + (msr < MSR_SYSCFG ? 1 : 2) * MSRPM_RANGE;

	map[bit / 4] |= ((read ? 1 : 0) | (write ? 2 : 0)) << 2 * (bit % 4);
}

static void load_controls(struct snp_vcpu *s)
{
	struct vmcb_control *ctl = &s->v->control;
	u8 *map = s->c->msrpm02;

	*ctl = s->v12->control;
	ctl->intercept_exc |= BIT(EXC_UD);	/* PVALIDATE, RMPADJUST */
	ctl->intercept_misc1 |= INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_CR0_SEL |
				INTERCEPT1_MSR | INTERCEPT1_SHUTDOWN | INTERCEPT1_SWINT |
				/* Always intercepted in SNP guests, APM 15.36.12 */
				INTERCEPT1_CPUID | INTERCEPT1_IOIO;
	ctl->intercept_misc2 |= INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL;
	ctl->nested_ctl = NESTED_CTL_NP;
	ctl->asid = SNP_MACHINE_ASID;
	ctl->virt_ext = 0;
	ctl->avic_vapic_bar = 0;
	ctl->clean = 0;

	memcpy(map, pa_to_ptr(s->v12->control.msrpm_base_pa & PAGE_ADDR), MSRPM_SIZE);
	trap_msr(map, MSR_EFER, false, true);
	trap_msr(map, MSR_GHCB, true, true);
	trap_msr(map, MSR_SEV_STATUS, true, true);
	ctl->msrpm_base_pa = (u64)map;
}

void snp_load_state(struct snp_vcpu *s)
{
	struct snp_cpu *cpu = s->c->snp;
	unsigned int i;

	memcpy(cpu->host_gpr, s->c->gpr, sizeof(cpu->host_gpr));
	cpu->host_pat = rdmsr(MSR_PAT);

	load_controls(s);
	memcpy(&s->v->save, s->sa, VMCB_SAVE_SIZE);
	for (i = 0; i < NGPR; i++)
		s->c->gpr[i] = *gpr_in(s->sa, i);
	wrmsr(MSR_PAT, s->sa->g_pat);
	fpu_enter(&cpu->fpu, s->sa);
	s->cr4_seen = s->v->save.cr4;
}

static void report_exit(struct snp_vcpu *s)
{
	struct vmcb_control *to = &s->v12->control, *from = &s->v->control;

	to->exit_code = s->code;
	to->exit_info_1 = s->info1;
	to->exit_info_2 = s->info2;
	to->exit_int_info = from->event_inj & EVENT_VALID ? from->event_inj : 0;
	to->event_inj = EVENTINJ_NONE;
	to->int_ctl = from->int_ctl;
	to->int_state = from->int_state & INT_STATE_SHADOW;
	if (s->v->save.rflags & RFLAGS_IF)
		to->int_state |= INT_STATE_GUEST_IF;
	to->next_rip = 0;
	to->insn_len = 0;

	/* APM 15.36.9: the guest's own copy, filled on every automatic exit. */
	s->sa->guest_exit_code = s->code;
	s->sa->guest_exit_info_1 = s->info1;
	s->sa->guest_exit_info_2 = s->info2;
	s->sa->guest_exit_int_info = to->exit_int_info;
	s->sa->guest_nrip = 0;
}

void snp_store_state(struct snp_vcpu *s)
{
	struct snp_cpu *cpu = s->c->snp;
	unsigned int i;

	fpu_leave(&cpu->fpu, s->sa);
	s->v->save.g_pat = rdmsr(MSR_PAT);
	wrmsr(MSR_PAT, cpu->host_pat);
	/* Only what the processor changes: VMPL and the rest stay the VMSA's own. */
	s->v->save.vmpl = s->sa->vmpl;
	memcpy(s->sa, &s->v->save, VMCB_SAVE_SIZE);
	for (i = 0; i < NGPR; i++)
		*gpr_in(s->sa, i) = s->c->gpr[i];
	memcpy(s->c->gpr, cpu->host_gpr, sizeof(cpu->host_gpr));
	report_exit(s);
}
