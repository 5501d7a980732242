/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC, in whichever mode Linux has put it.
 */
#ifndef SNPSIM_APIC_H
#define SNPSIM_APIC_H

#include "types.h"

#define ICR_DM_NMI		(4u << 8)
#define ICR_DM_INIT		(5u << 8)
#define ICR_DM_STARTUP		(6u << 8)
#define ICR_LOGICAL		BIT(11)
#define ICR_ASSERT		BIT(14)
#define ICR_ALL_BUT_SELF	(3u << 18)

u32 apic_id(void);

/**
 * apic_send() - send an inter-processor interrupt
 * @dest: APIC id, or logical destination with ICR_LOGICAL in @icr
 * @icr: low half of the ICR
 *
 * May come between the two writes of Linux to the ICR of this CPU: the high
 * half is put back afterwards.
 */
void apic_send(u32 dest, u32 icr);

/**
 * apic_send_msi() - deliver a message-signalled interrupt
 */
void apic_send_msi(u64 addr, u32 data);

/**
 * apic_start() - have this CPU take interrupts; those of the PIC it leaves to Linux
 */
void apic_start(void);

/**
 * apic_alarm() - interrupt this CPU at @vector, once, after @ns nanoseconds
 */
void apic_alarm(u8 vector, u32 ns);

/** apic_alarm_over() - that time is over */
bool apic_alarm_over(void);

/**
 * apic_tick_start() - interrupt this CPU at @vector about every millisecond
 *
 * For a CPU that has nothing but memory to wait on.  apic_tick_stop() leaves
 * the timer masked, as Linux expects to find it.
 */
void apic_tick_start(u8 vector);
void apic_tick_stop(void);
void apic_eoi(void);

#endif /* SNPSIM_APIC_H */
