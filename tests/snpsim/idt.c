// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IDT.  Exceptions are bugs here and end the program.  NMIs are taken only
 * where smp.c opens a window for them, the tick only while a CPU waits to be
 * started.  Other interrupts come to the boot CPU only.
 */
#include "apic.h"
#include "cpu.h"
#include "entry.h"
#include "idt.h"
#include "lib.h"

#define NR_GATES	256
#define NR_GATES_USUAL	(VECTOR_TICK + 1)
#define SEL_CODE64	0x10
#define GATE_INTERRUPT	0x8e00u		/* present, DPL 0, 64-bit interrupt gate */

struct gate {
	u16 offset_low;
	u16 selector;
	u16 attrib;
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
};

struct frame {
	u64 rip, cs, rflags, rsp, ss;
};

static struct gate idt[NR_GATES];

static void exception(unsigned int vec, const struct frame *f, u64 err)
{
	const struct vmcb *v = &this_cpu()->vmcb01;
	u64 cr2;

	asm("mov %%cr2, %0" : "=r"(cr2));
	if (v->save.rip >= (u64)sim_start && v->save.rip < (u64)sim_end)
		log("the last #VMEXIT came while no guest ran: the emulated CPU is at fault");
	log("host: rip %lx, exit %lx, info %lx %lx", v->save.rip, v->control.exit_code,
	    v->control.exit_info_1, v->control.exit_info_2);
	die("exception %u in this program: error %lx, rip %lx, cr2 %lx", vec, err,
	    f->rip, cr2);
}

#define EXCEPTION(n)								\
	static __attribute__((interrupt)) void exception_##n(struct frame *f)	\
	{									\
		exception(n, f, 0);						\
	}
#define EXCEPTION_ERR(n)							\
	static __attribute__((interrupt)) void exception_##n(struct frame *f,	\
							     u64 err)		\
	{									\
		exception(n, f, err);						\
	}

EXCEPTION(0)
EXCEPTION(1)
EXCEPTION(3)
EXCEPTION(4)
EXCEPTION(5)
EXCEPTION(6)
EXCEPTION(7)
EXCEPTION_ERR(8)
EXCEPTION_ERR(10)
EXCEPTION_ERR(11)
EXCEPTION_ERR(12)
EXCEPTION_ERR(13)
EXCEPTION_ERR(14)
EXCEPTION(16)
EXCEPTION_ERR(17)
EXCEPTION(18)
EXCEPTION(19)

static __attribute__((interrupt)) void nmi(struct frame *f)
{
	(void)f;
	this_cpu()->nmi_taken = 1;
}

static __attribute__((interrupt)) void tick(struct frame *f)
{
	(void)f;
	apic_eoi();
}

static void set_gate(unsigned int vec, void *handler)
{
	u64 addr = (u64)handler;

	idt[vec] = (struct gate){
		.offset_low = addr,
		.selector = SEL_CODE64,
		.attrib = GATE_INTERRUPT,
		.offset_mid = addr >> 16,
		.offset_high = addr >> 32,
	};
}

static void load(unsigned int nr_gates)
{
	struct {
		u16 limit;
		u64 base;
	} __packed ptr = { nr_gates * sizeof(idt[0]) - 1, (u64)idt };

	asm volatile("lidt %0" :: "m"(ptr));
}

void idt_load(void)
{
	static void * const handlers[] = {
		exception_0, exception_1, nmi, exception_3, exception_4,
		exception_5, exception_6, exception_7, exception_8, NULL,
		exception_10, exception_11, exception_12, exception_13,
		exception_14, NULL, exception_16, exception_17, exception_18,
		exception_19,
	};
	unsigned int i;

	/* Every CPU writes the same, so the order does not matter. */
	for (i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (handlers[i])
			set_gate(i, handlers[i]);
	}
	set_gate(VECTOR_TICK, tick);
	load(NR_GATES_USUAL);
}

void idt_take_interrupts(void)
{
	unsigned int i;

	for (i = NR_GATES_USUAL; i < NR_GATES; i++)
		set_gate(i, tick);
	load(NR_GATES);
}
