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

#endif /* SNPSIM_IDT_H */
