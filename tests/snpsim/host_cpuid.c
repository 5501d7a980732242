// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID as the host sees it: the machine's own, with what an SNP host has.
 */
#include "host.h"

#define CPUID_HYPERVISOR	BIT(31)		/* 1 ECX */
#define CPUID_OSXSAVE		BIT(27)		/* 1 ECX: follows CR4 */
#define CPUID_OSPKE		BIT(4)		/* 7 ECX: follows CR4 */
#define CR4_OSXSAVE		BIT(18)
#define CR4_PKE			BIT(22)

/* 80000007 EDX: every EPYC has it, and KVM insists on it in a PREEMPT_RT kernel. */
#define APM_INVARIANT_TSC	BIT(8)

/* 8000000A EDX */
#define SVM_LBRV		BIT(1)
#define SVM_NRIPS		BIT(3)
#define SVM_FLUSHBYASID		BIT(6)
#define SVM_DECODEASSISTS	BIT(7)
#define SVM_NR_ASIDS		0x400		/* EBX: more than SEV's, else no ordinary guests */

/* 8000001F EAX */
#define SEV_SEV			BIT(1)
#define SEV_PAGE_FLUSH_MSR	BIT(2)
#define SEV_ES			BIT(3)
#define SEV_SNP			BIT(4)
#define SEV_VMPL		BIT(5)
#define SEV_COHERENT		BIT(10)
/* 8000001F EBX */
#define SEV_PHYS_REDUCTION	BIT(6)
#define SEV_NR_VMPL		(4u << 12)

static u32 follow(u32 reg, u32 bit, bool on)
{
	return on ? reg | bit : reg & ~bit;
}

void host_cpuid(struct cpu *c)
{
	struct vmsa *s = &c->vmcb01.save;
	u32 leaf = s->rax, r[4];

	cpuid(leaf, c->gpr[GPR_RCX], r);
	switch (leaf) {
	case 1:
		r[2] &= ~CPUID_HYPERVISOR;
		r[2] = follow(r[2], CPUID_OSXSAVE, s->cr4 & CR4_OSXSAVE);
		break;
	case 7:
		if (!(u32)c->gpr[GPR_RCX])
			r[2] = follow(r[2], CPUID_OSPKE, s->cr4 & CR4_PKE);
		break;
	case 0x80000000:
		if (r[0] < 0x80000021)
			r[0] = 0x80000021;
		break;
	case 0x80000007:
		r[3] |= APM_INVARIANT_TSC;
		break;
	case 0x8000000a:
		r[1] = SVM_NR_ASIDS;
		r[3] |= SVM_LBRV | SVM_NRIPS | SVM_FLUSHBYASID | SVM_DECODEASSISTS;
		break;
	case 0x8000001f:
		r[0] = SEV_SEV | SEV_PAGE_FLUSH_MSR | SEV_ES | SEV_SNP | SEV_VMPL | SEV_COHERENT;
		r[1] = CBIT_POS | SEV_PHYS_REDUCTION | SEV_NR_VMPL;
		r[2] = SEV_MAX_ASID;
		r[3] = SEV_MIN_ASID;
		break;
	}
	s->rax = r[0];
	c->gpr[GPR_RBX] = r[1];
	c->gpr[GPR_RCX] = r[2];
	c->gpr[GPR_RDX] = r[3];
	s->rip += 2;
}
