// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exit loop of the host.
 *
 * Global interrupt flag.  KVM clears GIF, enables interrupts, runs the guest
 * and sets GIF again, and must not be interrupted in between.  An exit is
 * expensive, so neither instruction has one:
 *  - CLGI and STGI act on the machine's own GIF, which keeps interrupts and NMIs
 *    pending.  (An exit between CLGI and VMRUN would lose that, since our VMRUN
 *    sets GIF; KVM has nothing there that exits.)
 *  - After the host's VMRUN, GIF is to be 0 until STGI.  Interrupts are kept out
 *    by clearing the host's IF, which is what KVM does next anyway.
 *  - An NMI for the host must not come into that gap, where KVM has not loaded
 *    its registers yet.  Nobody tells us of the STGI at its end, so an NMI that
 *    comes with IF = 0 waits for STGI or for IF = 1, whichever is first.
 */
#include "host.h"
#include "hostmem.h"
#include "ioport.h"
#include "lib.h"
#include "mmio.h"
#include "plain_vcpu.h"
#include "rmp.h"
#include "smp.h"
#include "snp.h"
#include "stats.h"
#include "swint.h"

#define INTERCEPT1_IRET	BIT(20)
#define VMEXIT_IRET	0x74
#define CR4_PAGING_BITS	0x3000b0ul	/* PSE PAE PGE SMEP SMAP */
#define EVENT_NMI	(2 | EVENT_TYPE_NMI << EVENT_TYPE_SHIFT | EVENT_VALID)
#define INTERCEPT2_WBINVD BIT(9)
#define VMEXIT_WBINVD	0x89
#define INSN_LEN_HLT	1
#define INSN_LEN_SVM	3		/* VMRUN, STGI, CLGI */

static u8 msrpm01[8192] __aligned(4096);
static u8 iopm[12288] __aligned(4096);

void host_init(void)
{
	host_trap_msrs(msrpm01);
	ioport_trap(iopm);
}

static void init_control(struct cpu *c)
{
	struct vmcb_control *ctl = &c->vmcb01.control;

	ctl->intercept_exc = BIT(EXC_UD);	/* RMPUPDATE, PSMASH */
	ctl->intercept_misc1 = INTERCEPT1_NMI | INTERCEPT1_CPUID | INTERCEPT1_IOIO |
			       INTERCEPT1_MSR | INTERCEPT1_SHUTDOWN | INTERCEPT1_SWINT;
	ctl->intercept_misc2 = INTERCEPT2_VMRUN | INTERCEPT2_WBINVD;
	ctl->iopm_base_pa = (u64)iopm;
	ctl->msrpm_base_pa = (u64)msrpm01;
	if (nr_cpus > 1)
		ctl->intercept_misc1 |= INTERCEPT1_HLT;
	ctl->asid = 1;
	ctl->nested_ctl = NESTED_CTL_NP;
	ctl->nested_cr3 = hostmem_root();
}

bool host_cpl0(struct vmcb *v)
{
	if (!seg_dpl(&v->save.ss))
		return true;
	inject_exception(v, EXC_GP, true, 0);
	return false;
}

/* Have the host exit at its next STGI, and as soon as its IF is set. */
static void watch_gif(struct vmcb_control *ctl, bool on)
{
	if (on) {
		ctl->intercept_misc2 |= INTERCEPT2_STGI;
		ctl->intercept_misc1 |= INTERCEPT1_VINTR;
		ctl->int_ctl |= INT_CTL_V_IRQ | INT_CTL_V_IGN_TPR;
	} else {
		ctl->intercept_misc2 &= ~INTERCEPT2_STGI;
		ctl->intercept_misc1 &= ~INTERCEPT1_VINTR;
		ctl->int_ctl &= ~(INT_CTL_V_IRQ | INT_CTL_V_IGN_TPR);
	}
}

/* Now, or as soon as GIF is set and the last NMI has ended. */
static void deliver_nmi(struct cpu *c)
{
	struct vmcb_control *ctl = &c->vmcb01.control;

	if (!c->nmi_for_host || c->nmi_blocked || ctl->event_inj & EVENT_VALID)
		return;
	watch_gif(ctl, c->gif_unknown);
	if (c->gif_unknown)
		return;
	ctl->event_inj = EVENT_NMI;
	ctl->intercept_misc1 |= INTERCEPT1_IRET;
	c->nmi_for_host = false;
	c->nmi_blocked = true;
}

/*
 * TCG flushes its TLB for each of CR0, CR4 and CR3 that changes at VMRUN and
 * at #VMEXIT.  With the host's paging bits in our own registers, less does.
 */
static void follow_paging_bits(struct cpu *c)
{
	u64 cr0 = c->vmcb01.save.cr0 & CR0_WP;
	u64 cr4 = c->vmcb01.save.cr4 & CR4_PAGING_BITS;

	if (cr4 != c->cr4_bits) {
		write_cr4((read_cr4() & ~CR4_PAGING_BITS) | cr4 | CR4_PAE);
		c->cr4_bits = cr4;
	}
	if (cr0 != c->cr0_bits) {
		write_cr0((read_cr0() & ~CR0_WP) | cr0);
		c->cr0_bits = cr0;
	}
}

/* The checks of APM volume 2, 15.5.1 and table 15-41 that depend on the host. */
static void host_vmrun(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01, *v12;
	u64 pa = v->save.rax;
	bool usable;

	if (!c->svme) {
		inject_exception(v, EXC_UD, false, 0);
		return;
	}
	if (!host_cpl0(v))
		return;
	sim_lock();
	usable = pa < hostmem_top() && !(c->syscfg & SYSCFG_SNP_EN && !rmp_hypervisor_owned(pa));
	sim_unlock();
	if (pa & ~PAGE_MASK || !usable || !c->hsave_pa) {
		log("VMRUN: VMCB %lx, HSAVE_PA %lx: refused", pa, c->hsave_pa);
		inject_exception(v, EXC_GP, true, 0);
		return;
	}

	v12 = pa_to_ptr(pa);
	if (v12->control.nested_ctl & NESTED_CTL_SEV_ES)
		snp_vmrun(c, v12);
	else
		plain_vmrun(c, v12);

	c->gif_unknown = true;
	v->save.rflags &= ~RFLAGS_IF;
	v->save.rip += INSN_LEN_SVM;
}

/*
 * An idle CPU is left alone by cpus_flush() if it comes here before it does
 * anything else.  So the host halts with INTR intercepted, from this exit to the
 * next one.
 */
static void enter_hlt(struct cpu *c)
{
	struct vmcb_control *ctl = &c->vmcb01.control;

	if (c->nmi_for_host) {		/* wakes it up at once */
		c->vmcb01.save.rip += INSN_LEN_HLT;
		return;
	}
	ctl->intercept_misc1 &= ~INTERCEPT1_HLT;
	ctl->intercept_misc1 |= INTERCEPT1_INTR;
	c->hlt_rip = c->vmcb01.save.rip;
	WRITE_ONCE(c->halted, true);
}

static void leave_hlt(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;

	WRITE_ONCE(c->halted, false);
	v->control.intercept_misc1 |= INTERCEPT1_HLT;
	v->control.intercept_misc1 &= ~INTERCEPT1_INTR;
	/* What wakes it up may have been there already. */
	if (v->save.rip == c->hlt_rip)
		v->save.rip += INSN_LEN_HLT;
	v->control.int_state &= ~INT_STATE_SHADOW;
}

/* WBNOINVD is WBINVD with a prefix; there is no cache, but the PSP asks for it. */
static void wbinvd(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	u8 first;

	if (host_copy_from(v, v->save.rip, &first, 1))
		die("WBINVD: rip %lx is not mapped", v->save.rip);
	WRITE_ONCE(c->wbinvd_needed, false);
	v->save.rip += first == 0xf3 ? 3 : 2;
}

/*
 * Before this CPU had the lock, another may have changed the RMP entry so that
 * the access is allowed now: then the instruction is executed again.
 */
static void host_npf(struct cpu *c)
{
	struct vmcb_control *ctl = &c->vmcb01.control;
	u64 gpa = ctl->exit_info_2;
	bool done;

	sim_lock();
	done = hostmem_allows(gpa, ctl->exit_info_1 & NPF_WRITE) || mmio_access(c, gpa) ||
	       host_rmp_fault(c, ctl->exit_info_1, gpa);
	sim_unlock();
	if (!done)
		die("nested page fault of the host: error %lx, address %lx, rip %lx",
		    ctl->exit_info_1, gpa, c->vmcb01.save.rip);
}

static void handle_exit(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;

	switch (v->control.exit_code) {
	case VMEXIT_NMI:
		break;			/* vmrun() has taken it, deliver_nmi() does the rest */
	case VMEXIT_IRET:
		c->nmi_blocked = false;
		v->control.intercept_misc1 &= ~INTERCEPT1_IRET;
		break;
	case VMEXIT_HLT:
		enter_hlt(c);
		break;
	case VMEXIT_INTR:
		break;			/* from HLT; Linux takes it when it goes on */
	case VMEXIT_CPUID:
		host_cpuid(c);
		break;
	case VMEXIT_MSR:
		host_msr(c);
		break;
	case VMEXIT_IOIO:
		ioport_exit(c);
		break;
	case VMEXIT_WBINVD:
		wbinvd(c);
		break;
	case VMEXIT_EXCEPTION_UD:
		host_ud(c);
		break;
	case VMEXIT_SWINT:
		host_swint(c);
		break;
	case VMEXIT_NPF:
		host_npf(c);
		break;
	case VMEXIT_VMRUN:
		host_vmrun(c);
		break;
	case VMEXIT_STGI:
		c->gif_unknown = false;
		v->save.rip += INSN_LEN_SVM;
		break;
	case VMEXIT_VINTR:
		break;			/* IF is set: host_run() draws the conclusion */
	default:
		die("CPU %u: exit %lx of the host: info %lx %lx, rip %lx, cr3 %lx", c->id,
		    v->control.exit_code, v->control.exit_info_1, v->control.exit_info_2,
		    v->save.rip, v->save.cr3);
	}
}

void host_run(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	u64 start;

	init_control(c);
	for (;;) {
		/*
		 * Not on the way back to an IRET that has just ended the last
		 * NMI: the next one would overwrite the frame it returns by.
		 */
		if (v->control.exit_code != VMEXIT_IRET)
			deliver_nmi(c);
		follow_paging_bits(c);
		start = rdtsc();
		vmrun(c, v, false);
		stats_run(STATS_HOST, start);
		stats_count(STATS_HOST, v->control.exit_code);
		v->control.event_inj = event_to_repeat(v->control.exit_int_info);
		if (c->halted)
			leave_hlt(c);
		if (v->save.rflags & RFLAGS_IF)
			c->gif_unknown = false;
		handle_exit(c);
	}
}
