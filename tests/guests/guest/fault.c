// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions: what a fault does is chosen by the operation that runs. */
#include "guest.h"

#define VECTOR_NMI	2
#define VECTOR_VC	29
#define SERIAL_PORT	0x3f8
#define GATE_PRESENT_INTR	0x8e00ul
#define KERNEL_CS	8ul

struct descriptor_ptr {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static void lidt(uint64_t base, uint16_t limit)
{
	struct descriptor_ptr p = { .limit = limit, .base = base };

	asm volatile("lidt %0" : : "m"(p));
}

void idt_install(struct cpu *c)
{
	for (int i = 0; i < IDT_VECTORS; i++) {
		uint64_t h = exception_stubs[i];

		c->idt[i][0] = (h & 0xffff) | KERNEL_CS << 16 | GATE_PRESENT_INTR << 32 |
			       (h >> 16 & 0xffff) << 48;
		c->idt[i][1] = h >> 32;
	}
	lidt((uint64_t)c->idt, sizeof(c->idt) - 1);
}

/* Without any gate the first exception ends in a triple fault. */
void idt_remove(void)
{
	lidt(0, 0);
}

static void panic(struct cpu *c, const struct frame *f, uint64_t cr2)
{
	if (c->status) {
		c->status->vector = f->vector;
		c->status->error = f->error;
		c->status->cr2 = cr2;
		c->status->rip = f->rip;
		c->status->state = CPU_PANIC;
	}
	terminate(GUEST_TERM_SET, GUEST_TERM_UNEXPECTED);
}

/* The VMM's events interrupt what runs, and change nothing. */
static int is_event(struct cpu *c, uint64_t vector)
{
	if (vector == VECTOR_NMI) {
		c->nmis++;
		c->nmi_due = 1;
		nmi_complete(c);
	} else if (vector == GUEST_IRQ_VECTOR) {
		c->irqs++;
	} else {
		return 0;
	}
	if (c->status) {
		c->status->nmis = c->nmis;
		c->status->irqs = c->irqs;
	}
	return 1;
}

/* Called from entry.S */
void exception(struct frame *f);
void exception(struct frame *f)
{
	struct cpu *c = this_cpu();
	uint64_t cr2;

	if (is_event(c, f->vector))
		return;
	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	if (!c->recover)
		panic(c, f, cr2);

	c->faults++;
	c->vector = f->vector;
	c->error = f->error;
	c->cr2 = cr2;
	c->rip = f->rip;
	if (f->vector == VECTOR_VC) {
		for (uint64_t i = 0; i < c->outs; i++)
			port_out(c, SERIAL_PORT);
		if (c->on_fault == ON_FAULT_TERMINATE)
			terminate(GUEST_TERM_SET, GUEST_TERM_VC);
		if (c->on_fault == ON_FAULT_RETRY && c->faults <= c->limit)
			return;
	}
	f->rip = (uint64_t)guarded_abort;
}
