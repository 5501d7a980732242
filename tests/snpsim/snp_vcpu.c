// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMRUN of an SNP vCPU: the loop around the machine's own VMRUN.
 */
#include "snp.h"

#include "lib.h"
#include "rmp.h"
#include "smp.h"
#include "snp_vcpu.h"
#include "stats.h"

#define INTERCEPT_CR8_WRITE	BIT(16 + 8)

struct snp_stats snp_stats;

static struct snp_cpu snp_cpus[MAX_CPUS];

void snp_cpu_init(struct cpu *c)
{
	c->snp = &snp_cpus[c->id];
	if (!(rdmsr(MSR_EFER) & EFER_NXE))
		die("CPU %u: EFER.NXE is clear, nested tables can't deny execution", c->id);
}

void snp_log_stats(void)
{
	log("snp: VMRUNs %lu, entries %lu, exits %lu, #VC %lu, PVALIDATE %lu", snp_stats.runs,
	    snp_stats.entries, snp_stats.exits, snp_stats.vcs, snp_stats.pvalidates);
	log("snp: #NPF filled %lu, to the host %lu", snp_stats.npf_filled, snp_stats.npf_host);
	log("shadow: syncs %lu, outdated %lu, dropped by RMP %lu, resets %lu",
	    shadow_stats.syncs, shadow_stats.synced_away, shadow_stats.drops,
	    shadow_stats.resets);
}

/*
 * TCG asserts on a CR8 write while V_IRQ is pending, and the host reads V_TPR
 * at every exit: raising it from 0 need not be reported, lowering it must.
 */
static void intercept_cr8(struct vmcb_control *ctl)
{
	if (ctl->int_ctl & (INT_CTL_V_IRQ | INT_CTL_V_TPR))
		ctl->intercept_cr |= INTERCEPT_CR8_WRITE;
	else
		ctl->intercept_cr &= ~INTERCEPT_CR8_WRITE;
}

static void enter_guest(struct snp_vcpu *s)
{
	struct vmcb_control *ctl = &s->v->control;
	bool host_if = s->c->vmcb01.save.rflags & RFLAGS_IF;
	u64 start;

	ctl->nested_cr3 = shadow_root(s->shadow, guest_all_private(s->v));
	ctl->clean = 0;
	intercept_cr8(ctl);
	start = rdtsc();
	vmrun(s->c, s->v, host_if);
	stats_run(STATS_SNP, start);
	stats_count(STATS_SNP, ctl->exit_code);
	snp_stats.entries++;

	s->code = ctl->exit_code;
	s->info1 = ctl->exit_info_1;
	s->info2 = ctl->exit_info_2;
	ctl->event_inj = event_to_repeat(ctl->exit_int_info);
}

/* TCG pushes no error code for vector 29, so the host's #VC goes through us. */
static bool host_injects_vc(u64 event)
{
	return event & EVENT_VALID && EVENT_TYPE(event) == EVENT_TYPE_EXCEPTION &&
	       (event & EVENT_VECTOR) == EXC_VC;
}

/* What can be done before the first entry. */
static enum snp_action before_entry(struct snp_vcpu *s)
{
	struct snp_cpu *cpu = s->c->snp;
	u64 event = s->v->control.event_inj;
	bool retry = cpu->retry_vmsa == (u64)s->sa && cpu->retry_rip == s->v->save.rip;
	enum snp_action act = SNP_RESUME;

	cpu->retry_vmsa = 0;
	if (host_injects_vc(event)) {
		s->v->control.event_inj = 0;
		sim_lock();
		act = raise_exception(s, EXC_VC, event & EVENT_HAS_ERROR,
				      event >> EVENT_ERROR_SHIFT);
		sim_unlock();
	} else if (retry && !(event & EVENT_VALID)) {
		sim_lock();
		act = insn_retry(s);
		sim_unlock();
	}
	return act;
}

static void run(struct snp_vcpu *s)
{
	enum snp_action act;

	snp_load_state(s);
	act = before_entry(s);
	while (act == SNP_RESUME) {
		enter_guest(s);
		if (s->code == VMEXIT_NMI && !s->c->nmi_for_host)
			continue;		/* kicked for a flush */
		sim_lock();
		act = snp_handle_exit(s);
		sim_unlock();
	}
	snp_store_state(s);
	snp_stats.exits++;
}

/* With the lock held: everything that can refuse to run the vCPU. */
static u64 prepare(struct snp_vcpu *s)
{
	const struct vmcb_control *ctl = &s->v12->control;
	struct snp_cpu *cpu = s->c->snp;
	u64 code = snp_check_vmsa(s);

	if (code)
		return code;
	rmp_set_inuse((u64)s->sa);
	rmp_set_inuse((u64)s->v12);
	s->vmpl = s->sa->vmpl;
	s->shadow = shadow_get(s->ncr3, s->asid, s->vmpl);
	if (ctl->tlb_control || cpu->last_ncr3 != s->ncr3 || cpu->last_asid != s->asid)
		shadow_sync(s->shadow);
	cpu->last_ncr3 = s->ncr3;
	cpu->last_asid = s->asid;
	return 0;
}

void snp_vmrun(struct cpu *c, struct vmcb *v12)
{
	struct snp_vcpu s = {
		.c = c, .v = &c->vmcb02, .v12 = v12,
		.sa = pa_to_ptr(v12->control.vmsa_pa & PAGE_ADDR),
		.ncr3 = v12->control.nested_cr3 & PAGE_ADDR,
		.asid = v12->control.asid,
	};
	u64 code;

	sim_lock();
	snp_stats.runs++;
	code = prepare(&s);
	sim_unlock();
	if (code) {
		v12->control.exit_code = code;
		v12->control.exit_info_1 = 0;
		v12->control.exit_info_2 = 0;
		v12->control.exit_int_info = 0;
		return;
	}
	run(&s);
	sim_lock();
	shadow_put(s.shadow);
	rmp_clear_inuse((u64)s.sa);
	rmp_clear_inuse((u64)v12);
	sim_unlock();
}
