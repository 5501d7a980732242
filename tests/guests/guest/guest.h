/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside the guest: the per-vCPU block and what the files offer each other. */
#ifndef GUEST_H
#define GUEST_H

/* Offsets in struct cpu that entry.S knows. */
#define CPU_SELF	0x18
#define CPU_RECOVER	0x20
#define CPU_IDT		0x800
#define IDT_VECTORS	32

#ifndef __ASSEMBLER__
#include <stddef.h>
#include "../abi.h"

/*
 * One page per vCPU, found through GS.  Private memory, launched by the VMM
 * with info filled in and all else zero.
 */
struct cpu {
	struct guest_cpu_info info;
	struct cpu *self;
	uint64_t recover;		/* RSP to fall back to; 0: no fault expected */
	uint32_t on_fault;
	uint32_t limit;
	uint32_t faults;
	uint32_t vector;
	uint64_t outs;
	uint64_t error, cr2, rip;
	uint64_t nmis, irqs;
	uint32_t in_request;		/* to the hypervisor: an NMI must not make another one */
	uint32_t nmi_hold;		/* NMI handlers leave their end to later */
	uint32_t nmi_due;		/* such an end */
	uint32_t pad0;
	volatile struct guest_status *status;	/* through the shared view; NULL until shared */
	uint32_t loops[GUEST_MAX_OPS];
	uint8_t pad[CPU_IDT - 128 - 4 * GUEST_MAX_OPS];
	uint64_t idt[IDT_VECTORS][2];
};

static_assert(offsetof(struct cpu, self) == CPU_SELF, "");
static_assert(offsetof(struct cpu, recover) == CPU_RECOVER, "");
static_assert(offsetof(struct cpu, idt) == CPU_IDT, "");
static_assert(sizeof(struct cpu) <= GUEST_PAGE, "");

/* What the exception stubs push. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	asm volatile("mov %%gs:%c1, %0" : "=r"(c) : "i"(CPU_SELF));
	return c;
}

static inline void *shared_va(uint64_t gpa)
{
	return (void *)(GUEST_SHARED_VA + gpa);
}

typedef uint64_t (*guarded_fn)(uint64_t a, uint64_t b);

/* entry.S */
extern const uint64_t exception_stubs[IDT_VECTORS];
void guarded_abort(void);
/* Calls fn(a, b); an exception in it makes this return early, with ~0. */
uint64_t guarded(guarded_fn fn, uint64_t a, uint64_t b);

/* fault.c */
void idt_install(struct cpu *c);
void idt_remove(void);

/* ghcb.c */
int ghcb_setup(struct cpu *c);
uint64_t psc_msr(uint64_t gpa, unsigned int op);
uint64_t psc_nae(struct cpu *c, const void *buf, unsigned int len, uint64_t gpa,
		 uint64_t *hdr);
uint64_t psc_hypercall(struct cpu *c, uint64_t gpa, uint64_t pages, uint64_t attributes);
void port_out(struct cpu *c, unsigned int port);
/* The same, with the stack below @rsp at the time of the exit. */
void port_out_on_stack(struct cpu *c, unsigned int port, uint64_t rsp);
void nmi_complete(struct cpu *c);
uint64_t ap_creation(struct cpu *c, uint64_t vmsa_gpa, unsigned int vcpu, uint64_t sev_features);
void __attribute__((noreturn)) terminate(unsigned int set, unsigned int code);

/* ap.c */
uint64_t rmpadjust(uint64_t va, uint64_t attributes, int size_2m);
uint64_t ap_create(struct cpu *c, uint64_t vmsa_gpa, unsigned int vcpu, unsigned int vmpl);

/* script.c */
/* Returns the gpa of the script that is to follow, or 0. */
uint64_t run_script(struct cpu *c, const struct guest_op *script);
#endif
#endif
