/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts and exceptions of this program itself.
 */
#ifndef SNPSIM_IDT_H
#define SNPSIM_IDT_H

#define VECTOR_TICK	0x20		/* see apic_tick_start() */

/**
 * idt_load() - fill the IDT if it is not yet, and load it on this CPU
 */
void idt_load(void);

/**
 * idt_take_interrupts() - after idt_load(), on the boot CPU: let any interrupt come
 *
 * Each ends a HLT, and nothing else comes of it.  Those that Linux sends to all CPUs
 * but its own come here, too.
 */
void idt_take_interrupts(void);

#endif /* SNPSIM_IDT_H */
