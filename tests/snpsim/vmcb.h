/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMCB and the VMSA (APM volume 2, appendix B), with the names that the
 * rest of this program uses for their bits and for the exit codes.
 */
#ifndef SNPSIM_VMCB_H
#define SNPSIM_VMCB_H

#include "types.h"

/* A segment register; attrib is the descriptor's bits 47:40 and 55:52. */
struct seg {
	u16 selector;
	u16 attrib;
	u32 limit;
	u64 base;
};

#define SEG_DPL_SHIFT	5
#define SEG_L		BIT(9)
#define SEG_DB		BIT(10)

/* TCG takes the current privilege level from SS.DPL, not from the CPL field. */
static inline unsigned int seg_dpl(const struct seg *s)
{
	return s->attrib >> SEG_DPL_SHIFT & 3;
}

struct vmcb_control {
	u32 intercept_cr;		/* 0x000: reads low, writes high */
	u32 intercept_dr;
	u32 intercept_exc;
	u32 intercept_misc1;		/* 0x00c: INTERCEPT1_* */
	u32 intercept_misc2;		/* 0x010: INTERCEPT2_* */
	u32 intercept_misc3;
	u8 reserved_018[0x3c - 0x18];
	u16 pause_filter_thresh;
	u16 pause_filter_count;
	u64 iopm_base_pa;		/* 0x040 */
	u64 msrpm_base_pa;
	u64 tsc_offset;
	u32 asid;			/* 0x058 */
	u8 tlb_control;
	u8 reserved_05d[3];
	u32 int_ctl;			/* 0x060: INT_CTL_* */
	u32 int_vector;
	u64 int_state;			/* 0x068: INT_STATE_* */
	u64 exit_code;			/* 0x070: VMEXIT_* */
	u64 exit_info_1;
	u64 exit_info_2;
	u64 exit_int_info;		/* 0x088: EVENT_* */
	u64 nested_ctl;			/* 0x090: NESTED_CTL_* */
	u64 avic_vapic_bar;
	u64 ghcb_gpa;			/* 0x0a0: the guest's GHCB MSR */
	u64 event_inj;			/* 0x0a8: EVENT_* */
	u64 nested_cr3;
	u64 virt_ext;			/* 0x0b8 */
	u32 clean;
	u32 reserved_0c4;
	u64 next_rip;			/* 0x0c8 */
	u8 insn_len;
	u8 insn_bytes[15];
	u64 avic_backing_page;		/* 0x0e0 */
	u64 reserved_0e8;
	u64 avic_logical_id;
	u64 avic_physical_id;
	u64 reserved_100;
	u64 vmsa_pa;			/* 0x108 */
	u8 reserved_110[0x400 - 0x110];
};

/*
 * State save area.  The VMSA of an SEV-ES or SNP guest is the same layout
 * continued, so one structure serves both: in a VMCB only the part up to
 * spec_ctrl exists, and the fields marked (VMSA) mean nothing.
 */
struct vmsa {
	struct seg es, cs, ss, ds, fs, gs;	/* 0x000 */
	struct seg gdtr, ldtr, idtr, tr;	/* 0x060 */
	u8 reserved_0a0[0xca - 0xa0];
	u8 vmpl;			/* 0x0ca (VMSA) */
	u8 cpl;
	u32 reserved_0cc;
	u64 efer;			/* 0x0d0 */
	u8 reserved_0d8[0x140 - 0xd8];
	u64 xss;			/* 0x140 (VMSA) */
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;			/* 0x160 */
	u64 dr6;
	u64 rflags;
	u64 rip;
	u64 dr0, dr1, dr2, dr3;		/* 0x180 (VMSA) */
	u64 dr_addr_mask[4];		/* 0x1a0 (VMSA) */
	u8 reserved_1c0[0x1d8 - 0x1c0];
	u64 rsp;			/* 0x1d8 */
	u64 s_cet, ssp, isst_addr;
	u64 rax;			/* 0x1f8 */
	u64 star, lstar, cstar, sfmask;	/* 0x200 */
	u64 kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;			/* 0x240 */
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat;			/* 0x268 */
	u64 dbgctl;
	u64 br_from, br_to;
	u64 last_excp_from, last_excp_to;
	u8 reserved_298[0x2e0 - 0x298];
	u64 spec_ctrl;			/* 0x2e0 */
	/* all from here on: VMSA only */
	u32 pkru;			/* 0x2e8 */
	u32 tsc_aux;
	u64 tsc_scale, tsc_offset;
	u64 reg_prot_nonce;		/* 0x300 */
	u64 rcx, rdx, rbx, reserved_320, rbp, rsi, rdi;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;	/* 0x340 */
	u8 reserved_380[0x390 - 0x380];
	u64 guest_exit_info_1, guest_exit_info_2;	/* 0x390 */
	u64 guest_exit_int_info;
	u64 guest_nrip;
	u64 sev_features;		/* 0x3b0: SEV_FEATURE_* */
	u64 vintr_ctrl;
	u64 guest_exit_code;
	u64 virtual_tom;
	u64 tlb_id, pcpu_id;
	u64 event_inj;			/* 0x3e0 */
	u64 xcr0;
	u8 reserved_3f0[0x400 - 0x3f0];
	u64 x87_dp;			/* 0x400 */
	u32 mxcsr;
	u16 x87_ftw, x87_fsw, x87_fcw, x87_fop, x87_ds, x87_cs;
	u64 x87_rip;
	u64 x87_low[8];			/* 0x420: bits 63-0 of each register */
	u16 x87_high[8];		/* 0x460: bits 79-64 */
	u8 fpreg_xmm[16][16];		/* 0x470 */
	u8 fpreg_ymm[16][16];		/* 0x570: the upper halves */
	u8 reserved_670[0xc00 - 0x670];
};

struct vmcb {
	struct vmcb_control control;
	struct vmsa save;
};

/* The part of the save area that both a VMCB and a VMSA have, DR6 included. */
#define VMCB_SAVE_SIZE	0x2e8

static_assert(offsetof(struct vmcb_control, iopm_base_pa) == 0x040, "iopm");
static_assert(offsetof(struct vmcb_control, int_ctl) == 0x060, "int_ctl");
static_assert(offsetof(struct vmcb_control, exit_code) == 0x070, "exit_code");
static_assert(offsetof(struct vmcb_control, nested_ctl) == 0x090, "nested_ctl");
static_assert(offsetof(struct vmcb_control, event_inj) == 0x0a8, "event_inj");
static_assert(offsetof(struct vmcb_control, clean) == 0x0c0, "clean");
static_assert(offsetof(struct vmcb_control, next_rip) == 0x0c8, "next_rip");
static_assert(offsetof(struct vmcb_control, vmsa_pa) == 0x108, "vmsa_pa");
static_assert(sizeof(struct vmcb_control) == 0x400, "control area");
static_assert(offsetof(struct vmsa, tr) == 0x090, "tr");
static_assert(offsetof(struct vmsa, cpl) == 0x0cb, "cpl");
static_assert(offsetof(struct vmsa, efer) == 0x0d0, "efer");
static_assert(offsetof(struct vmsa, cr4) == 0x148, "cr4");
static_assert(offsetof(struct vmsa, rip) == 0x178, "rip");
static_assert(offsetof(struct vmsa, rsp) == 0x1d8, "rsp");
static_assert(offsetof(struct vmsa, rax) == 0x1f8, "rax");
static_assert(offsetof(struct vmsa, cr2) == 0x240, "cr2");
static_assert(offsetof(struct vmsa, g_pat) == 0x268, "g_pat");
static_assert(offsetof(struct vmsa, spec_ctrl) == 0x2e0, "spec_ctrl");
static_assert(offsetof(struct vmsa, pkru) == VMCB_SAVE_SIZE, "pkru");
static_assert(offsetof(struct vmsa, rcx) == 0x308, "rcx");
static_assert(offsetof(struct vmsa, r15) == 0x378, "r15");
static_assert(offsetof(struct vmsa, sev_features) == 0x3b0, "sev_features");
static_assert(offsetof(struct vmsa, xcr0) == 0x3e8, "xcr0");
static_assert(offsetof(struct vmsa, x87_low) == 0x420, "x87");
static_assert(offsetof(struct vmsa, fpreg_ymm) == 0x570, "ymm");
static_assert(sizeof(struct vmcb) == 0x1000, "vmcb");

/* intercept_misc1 */
#define INTERCEPT1_INTR		BIT(0)
#define INTERCEPT1_NMI		BIT(1)
#define INTERCEPT1_SMI		BIT(2)
#define INTERCEPT1_INIT		BIT(3)
#define INTERCEPT1_VINTR	BIT(4)
#define INTERCEPT1_CR0_SEL	BIT(5)
#define INTERCEPT1_CPUID	BIT(18)
#define INTERCEPT1_HLT		BIT(24)
#define INTERCEPT1_IOIO		BIT(27)
#define INTERCEPT1_MSR		BIT(28)
#define INTERCEPT1_SHUTDOWN	BIT(31)

/* intercept_misc2 */
#define INTERCEPT2_VMRUN	BIT(0)
#define INTERCEPT2_VMMCALL	BIT(1)
#define INTERCEPT2_VMLOAD	BIT(2)
#define INTERCEPT2_VMSAVE	BIT(3)
#define INTERCEPT2_STGI		BIT(4)
#define INTERCEPT2_EFER_WRITE	BIT(15)		/* trap-like, SEV-ES only */
#define INTERCEPT2_CR_WRITE(n)	BIT(16 + (n))	/* trap-like, SEV-ES only */

#define TLB_CONTROL_NONE	0

#define INT_CTL_V_TPR		0xfu
#define INT_CTL_V_IRQ		BIT(8)
#define INT_CTL_V_IGN_TPR	BIT(20)
#define INT_CTL_V_INTR_MASKING	BIT(24)

#define INT_STATE_SHADOW	BIT(0)
#define INT_STATE_GUEST_IF	BIT(1)		/* SEV-ES: RFLAGS.IF */

#define NESTED_CTL_NP		BIT(0)
#define NESTED_CTL_SEV		BIT(1)
#define NESTED_CTL_SEV_ES	BIT(2)

#define SEV_FEATURE_SNP		BIT(0)

/* event_inj and exit_int_info */
#define EVENT_VECTOR		0xfful
#define EVENT_TYPE_SHIFT	8
#define EVENT_TYPE(e)		((e) >> EVENT_TYPE_SHIFT & 7)
#define EVENT_TYPE_INTR		0ul
#define EVENT_TYPE_NMI		2ul
#define EVENT_TYPE_EXCEPTION	3ul
#define EVENT_TYPE_SOFT		4ul
#define EVENT_HAS_ERROR		BIT(11)
#define EVENT_VALID		BIT(31)
#define EVENT_ERROR_SHIFT	32

enum {
	VMEXIT_CR_READ_0	= 0x000,
	VMEXIT_CR_WRITE_0	= 0x010,
	VMEXIT_CR_WRITE_8	= 0x018,
	VMEXIT_DR_READ_0	= 0x020,
	VMEXIT_DR_WRITE_0	= 0x030,
	VMEXIT_EXCEPTION_0	= 0x040,
	VMEXIT_EXCEPTION_UD	= 0x046,
	VMEXIT_EXCEPTION_GP	= 0x04d,
	VMEXIT_EXCEPTION_PF	= 0x04e,
	VMEXIT_EXCEPTION_MC	= 0x052,
	VMEXIT_INTR		= 0x060,
	VMEXIT_NMI		= 0x061,
	VMEXIT_SMI		= 0x062,
	VMEXIT_INIT		= 0x063,
	VMEXIT_VINTR		= 0x064,
	VMEXIT_CR0_SEL_WRITE	= 0x065,
	VMEXIT_CPUID		= 0x072,
	VMEXIT_PAUSE		= 0x077,
	VMEXIT_HLT		= 0x078,
	VMEXIT_IOIO		= 0x07b,
	VMEXIT_MSR		= 0x07c,
	VMEXIT_SHUTDOWN		= 0x07f,
	VMEXIT_VMRUN		= 0x080,
	VMEXIT_VMMCALL		= 0x081,
	VMEXIT_STGI		= 0x084,
	VMEXIT_EFER_WRITE_TRAP	= 0x08f,
	VMEXIT_CR_WRITE_TRAP_0	= 0x090,
	VMEXIT_NPF		= 0x400,
	VMEXIT_VMGEXIT		= 0x403,
	VMEXIT_PAGE_NOT_VALIDATED = 0x404,	/* only as error code of #VC */
};

#define VMEXIT_INVALID	(~0ul)			/* -1 */
#define VMEXIT_BUSY	(~0ul - 1)		/* -2: the VMSA is in use */

/* exit_info_1 of #NPF: the page fault error code, extended */
#define NPF_PRESENT	BIT(0)
#define NPF_WRITE	BIT(1)
#define NPF_USER	BIT(2)
#define NPF_RSVD	BIT(3)
#define NPF_FETCH	BIT(4)
#define NPF_RMP		BIT(31)
#define NPF_FINAL	BIT(32)
#define NPF_TABLE	BIT(33)
#define NPF_ENC		BIT(34)
#define NPF_SIZEM	BIT(35)
#define NPF_VMPL	BIT(36)

/* Registers and MSRs that both hypervisor levels deal with */
#define CR0_PE		BIT(0)
#define CR0_TS		BIT(3)
#define CR0_WP		BIT(16)
#define CR0_PG		BIT(31)
#define CR4_PAE		BIT(5)
#define CR4_LA57	BIT(12)
#define EFER_SCE	BIT(0)
#define EFER_LME	BIT(8)
#define EFER_LMA	BIT(10)
#define EFER_NXE	BIT(11)
#define EFER_SVME	BIT(12)
#define RFLAGS_CF	BIT(0)
#define RFLAGS_ZF	BIT(6)
#define RFLAGS_TF	BIT(8)
#define RFLAGS_IF	BIT(9)
#define RFLAGS_NT	BIT(14)
#define RFLAGS_RF	BIT(16)
#define RFLAGS_VM	BIT(17)
#define RFLAGS_STATUS	0x8d5ul			/* CF PF AF ZF SF OF */

#define MSR_APIC_BASE		0x0000001bu
#define APIC_BASE_BSP		BIT(8)
#define MSR_PAT			0x00000277u
#define MSR_EFER		0xc0000080u
#define MSR_SYSCFG		0xc0010010u
#define MSR_HWCR		0xc0010015u
#define MSR_VM_CR		0xc0010114u
#define MSR_VM_HSAVE_PA		0xc0010117u
#define MSR_GHCB		0xc0010130u
#define MSR_SEV_STATUS		0xc0010131u
#define MSR_RMP_BASE		0xc0010132u
#define MSR_RMP_END		0xc0010133u
#define MSR_RMP_CFG		0xc0010136u

#endif /* SNPSIM_VMCB_H */
