// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs of an SNP host that the machine does not have, and those which must
 * not be changed without this program.
 */
#include "host.h"
#include "hostmem.h"
#include "lib.h"
#include "rmp.h"
#include "smp.h"

#define HWCR_SMMLOCK	BIT(0)		/* without it Linux takes SEV for disabled */

static const u32 trapped[] = {
	MSR_EFER, MSR_SYSCFG, MSR_HWCR, MSR_VM_CR, MSR_VM_HSAVE_PA,
	MSR_SEV_STATUS, MSR_RMP_BASE, MSR_RMP_END, MSR_RMP_CFG,
};

void host_trap_msrs(u8 *msrpm)
{
	unsigned int i;

	/*
	 * Two bits per MSR, for reads and for writes; the second and third 2K
	 * are for c0000000 and c0010000.
	 */
	for (i = 0; i < ARRAY_SIZE(trapped); i++) {
		u32 msr = trapped[i];
		u32 bit = (msr >= 0xc0010000 ? 0x4000 : 0x2000) + (msr & 0x1fff);

		msrpm[bit / 4] |= 3 << bit % 4 * 2;
	}
	msrpm[MSR_APIC_BASE / 4] |= 1 << MSR_APIC_BASE % 4 * 2;		/* reads */
}

static bool write_efer(struct cpu *c, u64 val)
{
	struct vmsa *s = &c->vmcb01.save;
	u64 known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | BIT(14);

	if (val & ~known || (s->cr0 & CR0_PG && (val ^ s->efer) & EFER_LME))
		return false;
	c->svme = val & EFER_SVME;
	/* LMA is not the host's to write; SVME is always on below it. */
	s->efer = (val & ~EFER_LMA) | (s->efer & EFER_LMA) | EFER_SVME;
	return true;
}

/*
 * APM 15.36.2: SNP can't be disabled again without a reset, and memory
 * encryption not while it is on.
 */
static bool write_syscfg(struct cpu *c, u64 val)
{
	if (c->syscfg & SYSCFG_SNP_EN)
		val |= c->syscfg & (SYSCFG_SNP_EN | SYSCFG_SNP_VMPL_EN | SYSCFG_MEM_ENCRYPT);
	if (val != c->syscfg)
		log("CPU %u: SYSCFG %lx", c->id, val);
	c->syscfg = val;
	return true;
}

/* Table 15-41: the page must be the hypervisor's. */
static bool write_hsave_pa(struct cpu *c, u64 val)
{
	bool ok = true;

	if (val & ~PAGE_MASK || val >= hostmem_top())
		return false;
	if (val && c->syscfg & SYSCFG_SNP_EN) {
		sim_lock();
		ok = rmp_hypervisor_owned(val);
		sim_unlock();
	}
	if (ok)
		c->hsave_pa = val;
	return ok;
}

static bool msr_write(struct cpu *c, u32 msr, u64 val)
{
	switch (msr) {
	case MSR_EFER:
		return write_efer(c, val);
	case MSR_SYSCFG:
		return write_syscfg(c, val);
	case MSR_HWCR:
	case MSR_VM_CR:
		return true;
	case MSR_VM_HSAVE_PA:
		return write_hsave_pa(c, val);
	case MSR_RMP_BASE:
		/* As firmware leaves them: programmed and locked. */
		return val == rmp_base();
	case MSR_RMP_END:
		return val == rmp_end();
	default:
		return false;
	}
}

static bool msr_read(struct cpu *c, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_APIC_BASE:
		/* The CPU that boots Linux has to be the boot CPU. */
		*val = rdmsr(msr) | (c->id ? 0 : APIC_BASE_BSP);
		return true;
	case MSR_EFER:
		*val = c->vmcb01.save.efer;
		if (!c->svme)
			*val &= ~EFER_SVME;
		return true;
	case MSR_SYSCFG:
		*val = c->syscfg;
		return true;
	case MSR_HWCR:
		*val = rdmsr(msr) | HWCR_SMMLOCK;
		return true;
	case MSR_VM_HSAVE_PA:
		*val = c->hsave_pa;
		return true;
	case MSR_RMP_BASE:
		*val = rmp_base();
		return true;
	case MSR_RMP_END:
		*val = rmp_end();
		return true;
	case MSR_VM_CR:
	case MSR_SEV_STATUS:
	case MSR_RMP_CFG:
		*val = 0;
		return true;
	default:
		return false;
	}
}

void host_msr(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	u32 msr = c->gpr[GPR_RCX];
	u64 val = (u32)v->save.rax | c->gpr[GPR_RDX] << 32;
	bool ok;

	if (v->control.exit_info_1 & 1) {
		ok = msr_write(c, msr, val);
	} else {
		ok = msr_read(c, msr, &val);
		if (ok) {
			v->save.rax = (u32)val;
			c->gpr[GPR_RDX] = val >> 32;
		}
	}
	if (ok)
		v->save.rip += 2;
	else
		inject_exception(v, EXC_GP, true, 0);
}
