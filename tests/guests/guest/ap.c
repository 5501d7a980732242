// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU whose VMSA the guest makes itself (GHCB SNP AP Creation), at a VMPL of
 * the guest's choice; it starts like the others, at guest_main().
 */
#include "guest.h"

#define VMSA_BIT	(1ul << 16)
#define SNP_ACTIVE	1ul

struct segment {
	uint16_t selector, attrib;
	uint32_t limit;
	uint64_t base;
};

/* The fields of a VMSA that a start in 64-bit mode needs (APM volume 2, table B-4). */
struct vmsa {
	struct segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t pad0[0xca - 0xa0];
	uint8_t vmpl, cpl;
	uint8_t pad1[4];
	uint64_t efer;
	uint8_t pad2[0x148 - 0xd8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t pad3[0x1d8 - 0x180];
	uint64_t rsp;
	uint8_t pad4[0x268 - 0x1e0];
	uint64_t pat;
	uint8_t pad5[0x338 - 0x270];
	uint64_t rdi;
	uint8_t pad6[0x3b0 - 0x340];
	uint64_t sev_features;
	uint8_t pad7[0x3e8 - 0x3b8];
	uint64_t xcr0;
	uint8_t pad8[0x408 - 0x3f0];
	uint32_t mxcsr;
	uint16_t ftw, fsw, fcw;
};

static_assert(offsetof(struct vmsa, efer) == 0xd0, "");
static_assert(offsetof(struct vmsa, cr4) == 0x148, "");
static_assert(offsetof(struct vmsa, rip) == 0x178, "");
static_assert(offsetof(struct vmsa, rsp) == 0x1d8, "");
static_assert(offsetof(struct vmsa, rdi) == 0x338, "");
static_assert(offsetof(struct vmsa, sev_features) == 0x3b0, "");
static_assert(offsetof(struct vmsa, xcr0) == 0x3e8, "");
static_assert(offsetof(struct vmsa, fcw) == 0x410, "");

uint64_t rmpadjust(uint64_t va, uint64_t attributes, int size_2m)
{
	uint64_t rax = va;

	asm volatile(".byte 0xf3, 0x0f, 0x01, 0xfe"
		     : "+a"(rax)
		     : "c"((uint64_t)size_2m), "d"(attributes) : "memory", "cc");
	return (uint32_t)rax;
}

static uint64_t read_cr3(void)
{
	uint64_t v;

	asm volatile("mov %%cr3, %0" : "=r"(v));
	return v;
}

/*
 * The page must be private and validated.  Returns 0, or the error of RMPADJUST
 * or of the hypervisor.
 */
uint64_t ap_create(struct cpu *c, uint64_t vmsa_gpa, unsigned int vcpu, unsigned int vmpl)
{
	const struct segment data = { .selector = 16, .attrib = 0xc93, .limit = 0xffffffff };
	volatile struct vmsa *v = (volatile struct vmsa *)vmsa_gpa;
	uint64_t r;

	for (unsigned int i = 0; i < GUEST_PAGE / 8; i++)
		((volatile uint64_t *)vmsa_gpa)[i] = 0;
	v->es = data;
	v->ss = data;
	v->ds = data;
	v->fs = data;
	v->gs = data;
	v->gs.base = GUEST_CPU_GPA(vcpu);
	v->cs = (struct segment){ .selector = 8, .attrib = 0xa9b, .limit = 0xffffffff };
	v->tr = (struct segment){ .attrib = 0x8b, .limit = 0xffff };
	v->ldtr = (struct segment){ .attrib = 0x82, .limit = 0xffff };
	v->gdtr = (struct segment){ .limit = 23, .base = GUEST_GDT_GPA };
	v->vmpl = vmpl;
	v->efer = 0x1500;		/* SVME LMA LME */
	v->cr4 = 0x20;			/* PAE */
	v->cr3 = read_cr3();
	v->cr0 = 0x80010033;		/* PG WP NE ET MP PE */
	v->dr7 = 0x400;
	v->dr6 = 0xffff0ff0;
	v->rflags = 2;
	v->rip = GUEST_IMAGE_GPA;
	v->rsp = GUEST_STACK_TOP(vcpu);
	v->rdi = GUEST_CPU_GPA(vcpu);
	v->pat = 0x0007040600070406ul;
	v->sev_features = SNP_ACTIVE;
	v->xcr0 = 1;
	v->mxcsr = 0x1f80;
	v->fcw = 0x37f;

	/* A VMSA must not be accessible to the VMPL that it belongs to. */
	r = rmpadjust(vmsa_gpa, VMSA_BIT | 1, 0);
	return r ?: ap_creation(c, vmsa_gpa, vcpu, SNP_ACTIVE);
}
