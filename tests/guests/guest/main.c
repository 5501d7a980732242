// SPDX-License-Identifier: GPL-2.0-only
/* Start of every 64-bit vCPU. */
#include "guest.h"

#define GHCB_PSC_RESP	0x015ul

/* In private memory: the other vCPUs use the flags only when they are shared. */
static volatile int flags_shared;

/*
 * A #VC whose delivery faults itself is lost (KVM injects no #VC twice).  One
 * harmless exception first has GDT, IDT and handler in the nested page table.
 */
static uint64_t warm_up(uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	asm volatile("ud2");
	return 0;
}

void __attribute__((noreturn)) guest_main(struct cpu *c);
void guest_main(struct cpu *c)
{
	uint64_t then;

	c->self = c;
	idt_install(c);
	if (!c->info.cold)
		guarded(warm_up, 0, 0);
	if (c->info.index == 0) {
		if (psc_msr(GUEST_FLAGS_GPA, PSC_SHARED) != GHCB_PSC_RESP)
			terminate(GUEST_TERM_SET, GUEST_TERM_SETUP);
		flags_shared = 1;
	}
	while (!flags_shared)
		asm volatile("pause" : : : "memory");
	if (ghcb_setup(c))
		terminate(GUEST_TERM_SET, GUEST_TERM_SETUP);
	then = run_script(c, (const struct guest_op *)GUEST_SCRIPT_GPA(c->info.index));
	for (;;) {
		asm volatile("hlt" : : : "memory");
		if (then)
			run_script(c, shared_va(then));
	}
}
