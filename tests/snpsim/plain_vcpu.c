// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ordinary guest runs on KVM's own nested page table, so there is little to
 * do but to merge two sets of intercepts and to fill in what TCG leaves out.
 */
#include "decode.h"
#include "lib.h"
#include "plain_vcpu.h"
#include "smp.h"
#include "stats.h"

#define PLAIN_ASID	3		/* SNP guests have another */
#define EXIT_ERR_32	0xfffffffful	/* TCG stores -1 with 32 bits */

/* Loaded by VMLOAD, not by VMRUN: for KVM they are in the CPU, i.e. in vmcb01. */
static void copy_vmload_state(struct vmsa *to, const struct vmsa *from)
{
	to->fs = from->fs;
	to->gs = from->gs;
	to->tr = from->tr;
	to->ldtr = from->ldtr;
	to->star = from->star;
	to->lstar = from->lstar;
	to->cstar = from->cstar;
	to->sfmask = from->sfmask;
	to->kernel_gs_base = from->kernel_gs_base;
	to->sysenter_cs = from->sysenter_cs;
	to->sysenter_esp = from->sysenter_esp;
	to->sysenter_eip = from->sysenter_eip;
}

static bool injects_soft(const struct vmcb *v)
{
	u64 e = v->control.event_inj;

	return e & EVENT_VALID && event_is_software(e);
}

static void load(struct cpu *c, const struct vmcb *v12)
{
	struct vmcb *v = &c->vmcb02;

	memcpy(v, v12, offsetof(struct vmcb, save) + VMCB_SAVE_SIZE);
	copy_vmload_state(&v->save, &c->vmcb01.save);
	v->control.intercept_misc1 |= INTERCEPT1_INTR | INTERCEPT1_NMI;
	v->control.intercept_misc2 |= INTERCEPT2_VMRUN;
	v->control.asid = PLAIN_ASID;
	v->control.virt_ext = 0;

	/*
	 * NRIPS: INT n and the like return to next_rip.  TCG does not know that
	 * field and would return to RIP.
	 */
	if (injects_soft(v) && v->control.next_rip)
		v->save.rip = v->control.next_rip;
}

/*
 * Decode assist (APM 15.10): KVM takes the register of MOV DR from EXITINFO1.
 * For other exits it looks whether the information is there.
 */
static void decode_assist(struct cpu *c)
{
	struct vmcb *v = &c->vmcb02;
	u64 code = v->control.exit_code;
	u8 insn[MAX_INSN_LEN];
	struct operand op;

	if (code < VMEXIT_DR_READ_0 || code >= VMEXIT_EXCEPTION_0)
		return;
	plain_fetch(v, insn);
	if (!decode_mem(c, v, insn, &op))
		v->control.exit_info_1 = op.rm;
}

static void store(struct cpu *c, struct vmcb *v12)
{
	struct vmcb *v = &c->vmcb02, *v01 = &c->vmcb01;
	struct vmcb_control *from = &v->control, *to = &v12->control;

	to->int_ctl = from->int_ctl;
	to->int_vector = from->int_vector;
	to->int_state = from->int_state;
	to->exit_code = from->exit_code == EXIT_ERR_32 ? VMEXIT_INVALID : from->exit_code;
	to->exit_info_1 = from->exit_info_1;
	to->exit_info_2 = from->exit_info_2;
	to->exit_int_info = from->exit_int_info;
	/* An injected event that did not get through: RIP is where KVM had it. */
	if (from->exit_int_info & EVENT_VALID && event_is_software(from->exit_int_info) &&
	    injects_soft(v12) && v->save.rip == to->next_rip)
		v->save.rip = v12->save.rip;
	to->event_inj = 0;
	to->next_rip = 0;		/* unknown to TCG: KVM decodes the instruction then */
	to->insn_len = 0;

	copy_vmload_state(&v01->save, &v->save);
	copy_vmload_state(&v->save, &v12->save);
	memcpy(&v12->save, &v->save, VMCB_SAVE_SIZE);
}

void plain_vmrun(struct cpu *c, struct vmcb *v12)
{
	struct vmcb *v = &c->vmcb02;
	u64 start;

	/* SEV without ES is not modelled. */
	if (v12->control.nested_ctl & NESTED_CTL_SEV) {
		v12->control.exit_code = VMEXIT_INVALID;
		return;
	}
	load(c, v12);
	for (;;) {
		start = rdtsc();
		vmrun(c, v, c->vmcb01.save.rflags & RFLAGS_IF);
		stats_run(STATS_PLAIN, start);
		stats_count(STATS_PLAIN, v->control.exit_code);
		if (v->control.exit_code != VMEXIT_NMI || c->nmi_for_host)
			break;
		v->control.event_inj = v->control.exit_int_info & EVENT_VALID ?
				       v->control.exit_int_info : 0;
	}
	decode_assist(c);
	store(c, v12);
}
