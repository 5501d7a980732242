/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that belongs to one physical CPU.
 */
#ifndef SNPSIM_CPU_H
#define SNPSIM_CPU_H

#include "types.h"
#include "vmcb.h"

#define MAX_CPUS	8
#define BOOT_CPU	MAX_CPUS	/* place in cpus[] of the one that Linux does not get */

/*
 * General registers that VMRUN does not switch, in the order in which
 * vmrun.S stores them.  RAX and RSP live in the VMCB.
 */
enum gpr {
	GPR_RBX, GPR_RCX, GPR_RDX, GPR_RSI, GPR_RDI, GPR_RBP,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	NGPR
};

#define CPU_STACK_SIZE	16384ul		/* a power of two: see this_cpu() */

struct snp_cpu;				/* private to the SNP vCPU code */

/**
 * struct cpu - one physical CPU of the machine
 *
 * Written by its own CPU only, except where a field says otherwise; no lock
 * is needed for the rest.
 */
struct cpu {
	/* First, so that the stack pointer leads to the structure: this_cpu(). */
	u8 stack[CPU_STACK_SIZE] __aligned(CPU_STACK_SIZE);
	struct vmcb vmcb01 __aligned(4096);	/* the host, i.e. Linux */
	struct vmcb vmcb02 __aligned(4096);	/* the guest that Linux runs */
	u8 hsave[4096] __aligned(4096);		/* VM_HSAVE_PA of this program */
	u8 msrpm02[8192] __aligned(4096);	/* MSR bitmap of vmcb02 */

	unsigned int id;			/* index into cpus[] */
	u32 apic_id;
	u64 gpr[NGPR];				/* of what runs, host or guest */
	struct snp_cpu *snp;

	/* Cross-CPU flush, see smp.c.  All but the last two are read by others, kick is set, too. */
	bool in_guest;
	bool runs_host;				/* if in_guest: Linux, not its guest */
	bool halted;				/* if in_guest: Linux is at HLT, waking up exits */
	u32 kick;				/* an NMI that we sent is on its way */
	u64 flushed;				/* the flush generation that this CPU has seen */
	u32 nmi_taken;				/* set by the NMI handler */
	bool nmi_for_host;			/* an NMI that Linux must still get */

	/* The host's view: MSRs that are not the machine's own; host*.c. */
	bool wbinvd_needed;			/* the firmware waits for it; set by any CPU */
	bool svme;				/* EFER.SVME; the machine's is always set */
	u64 syscfg;
	u64 hsave_pa;
	bool nmi_blocked;			/* from delivery of an NMI to IRET */
	u64 hlt_rip;				/* where it halted */
	bool gif_unknown;			/* VMRUN has cleared GIF, STGI may have set it */
	u64 cr0_bits, cr4_bits;			/* this program's copy of Linux's */
};

extern struct cpu cpus[MAX_CPUS + 1];
extern unsigned int nr_cpus;			/* without BOOT_CPU; constant after start */

/*
 * The stack is the start of the structure, so the stack pointer names the CPU:
 * that needs no segment register, which VMLOAD and VMSAVE would change.
 */
static inline struct cpu *this_cpu(void)
{
	u64 sp;

	asm("mov %%rsp, %0" : "=r"(sp));
	return pa_to_ptr(ALIGN_DOWN(sp, CPU_STACK_SIZE));
}

/**
 * gpr_ptr() - a register by its number in instruction encodings
 * @c: the CPU that holds the guest's registers
 * @v: the VMCB of that guest (has RAX and RSP)
 * @n: 0-15: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15
 */
u64 *gpr_ptr(struct cpu *c, struct vmcb *v, unsigned int n);

/**
 * inject_exception() - have the next VMRUN of @v deliver an exception
 * @vec: vector, 0-31; not 29 (#VC), for which TCG pushes no error code
 * @has_err: push @err
 *
 * Replaces whatever was queued: the caller knows that the instruction which
 * exited was not itself delivering an event.
 */
void inject_exception(struct vmcb *v, unsigned int vec, bool has_err, u32 err);

/**
 * event_is_software() - INT n, INT3 or INTO, by type and vector of an EVENT_*
 */
bool event_is_software(u64 event);

/**
 * event_to_repeat() - what to queue again after an exit interrupted a delivery
 * @exit_int_info: of that exit
 *
 * Return: 0 also for software interrupts: TCG leaves RIP on the instruction, so
 * they repeat themselves.
 */
u64 event_to_repeat(u64 exit_int_info);

/**
 * cpu_init() - set up this CPU, before its first VMRUN
 */
void cpu_init(struct cpu *c);

#define EXC_UD	6
#define EXC_GP	13
#define EXC_PF	14
#define EXC_VC	29

#endif /* SNPSIM_CPU_H */
