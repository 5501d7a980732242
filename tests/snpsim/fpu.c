// SPDX-License-Identifier: GPL-2.0-only
/*
 * x87, SSE, AVX and PKRU of host and SNP guest.
 */
#include "fpu.h"

#include "lib.h"

#define XCR0_X87	BIT(0)
#define XCR0_SSE	BIT(1)
#define XCR0_AVX	BIT(2)
#define XCR0_PKRU	BIT(9)
#define XCR0_KNOWN	(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU)	/* all that TCG has */
#define CPUID_XSTATE	0xd
#define MXCSR_BITS	0xffffu		/* XRSTOR faults on any other */

/* The standard form of an XSAVE area (APM volume 4, chapter on XSAVE). */
struct xsave_area {
	u16 fcw, fsw;
	u8 ftw, reserved;
	u16 fop;
	u64 rip, dp;
	u32 mxcsr, mxcsr_mask;
	u8 st[8][16];
	u8 xmm[16][16];
	u8 reserved_legacy[96];
	u64 xstate_bv, xcomp_bv, header[6];
	u8 ymm[16][16];
} __packed;

static_assert(offsetof(struct xsave_area, xmm) == 160, "xmm");
static_assert(offsetof(struct xsave_area, xstate_bv) == 512, "header");
static_assert(offsetof(struct xsave_area, ymm) == 576, "ymm");

/* Constants of the machine: what the CPU can save, and where PKRU goes. */
static u64 all_states(void)
{
	u32 regs[4];

	cpuid(CPUID_XSTATE, 0, regs);
	return regs[0] & XCR0_KNOWN;
}

static u32 *pkru_of(u8 *area)
{
	u32 regs[4];

	cpuid(CPUID_XSTATE, 9, regs);
	if (!regs[0] || regs[1] > FPU_AREA_SIZE - sizeof(u32))
		return NULL;
	return (u32 *)(area + regs[1]);
}

static void xsave(u8 *area, u64 mask)
{
	asm volatile("xsave64 (%0)" :: "r"(area), "a"((u32)mask), "d"(0) : "memory");
}

static void xrstor(const u8 *area, u64 mask)
{
	asm volatile("xrstor64 (%0)" :: "r"(area), "a"((u32)mask), "d"(0) : "memory");
}

/* A guest can write to the VMSA of another vCPU of its own: take no value as it is. */
static u64 legal_xcr0(u64 val, u64 all)
{
	val = (val & all) | XCR0_X87;
	if (!(val & XCR0_SSE))
		val &= ~XCR0_AVX;
	return val;
}

void fpu_enter(struct fpu *f, const struct vmsa *sa)
{
	struct xsave_area *x = (struct xsave_area *)f->guest;
	u32 *pkru = pkru_of(f->guest);
	u64 all = all_states();
	unsigned int i;

	f->host_xcr0 = xgetbv();
	xsetbv(all);
	xsave(f->host, all);

	x->fcw = sa->x87_fcw;
	x->fsw = sa->x87_fsw;
	x->ftw = sa->x87_ftw;
	x->reserved = 0;
	x->fop = sa->x87_fop;
	x->rip = sa->x87_rip;
	x->dp = sa->x87_dp;
	x->mxcsr = sa->mxcsr & MXCSR_BITS;
	x->mxcsr_mask = 0;
	for (i = 0; i < ARRAY_SIZE(x->st); i++) {
		memset(x->st[i], 0, sizeof(x->st[i]));
		memcpy(x->st[i], &sa->x87_low[i], sizeof(sa->x87_low[i]));
		memcpy(x->st[i] + 8, &sa->x87_high[i], sizeof(sa->x87_high[i]));
	}
	memcpy(x->xmm, sa->fpreg_xmm, sizeof(x->xmm));
	memcpy(x->ymm, sa->fpreg_ymm, sizeof(x->ymm));
	if (pkru)
		*pkru = sa->pkru;
	x->xstate_bv = all;
	x->xcomp_bv = 0;
	memset(x->header, 0, sizeof(x->header));
	xrstor(f->guest, all);
	xsetbv(legal_xcr0(sa->xcr0, all));
}

void fpu_leave(struct fpu *f, struct vmsa *sa)
{
	struct xsave_area *x = (struct xsave_area *)f->guest;
	u32 *pkru = pkru_of(f->guest);
	u64 all = all_states();
	unsigned int i;

	sa->xcr0 = xgetbv();
	xsetbv(all);
	xsave(f->guest, all);

	sa->x87_fcw = x->fcw;
	sa->x87_fsw = x->fsw;
	sa->x87_ftw = x->ftw;
	sa->x87_fop = x->fop;
	sa->x87_rip = x->rip;
	sa->x87_dp = x->dp;
	sa->mxcsr = x->mxcsr;
	for (i = 0; i < ARRAY_SIZE(x->st); i++) {
		memcpy(&sa->x87_low[i], x->st[i], sizeof(sa->x87_low[i]));
		memcpy(&sa->x87_high[i], x->st[i] + 8, sizeof(sa->x87_high[i]));
	}
	memcpy(sa->fpreg_xmm, x->xmm, sizeof(x->xmm));
	memcpy(sa->fpreg_ymm, x->ymm, sizeof(x->ymm));
	if (pkru)
		sa->pkru = *pkru;

	xrstor(f->host, all);
	xsetbv(f->host_xcr0);
}
