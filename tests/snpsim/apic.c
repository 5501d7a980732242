// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC belongs to Linux, which may use it through memory (xAPIC) or
 * through MSRs (x2APIC).  So the mode is looked up each time.
 */
#include "apic.h"
#include "vmcb.h"

#define APIC_BASE_EXTD		BIT(10)
#define APIC_BASE_ADDR		0x000ffffffffff000ul

#define APIC_ID			0x20
#define APIC_EOI		0xb0
#define APIC_SVR		0xf0
#define APIC_ICR_LOW		0x300
#define APIC_ICR_HIGH		0x310
#define APIC_LVT_TIMER		0x320
#define APIC_LVT_LINT0		0x350
#define APIC_TIMER_INITIAL	0x380
#define APIC_TIMER_CURRENT	0x390
#define APIC_TIMER_DIVIDE	0x3e0

#define ICR_PENDING		BIT(12)
#define SVR_ENABLE		BIT(8)
#define SVR_RESET		0xff
#define LVT_MASKED		BIT(16)
#define LVT_PERIODIC		BIT(17)
#define TIMER_DIVIDE_BY_1	0xb
#define TICK_COUNT		1000000u	/* QEMU's APIC timer runs at 1 GHz: counts are ns */

#define MSR_X2APIC(reg)		(0x800 + ((reg) >> 4))

static bool x2apic_mode(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD;
}

static volatile u32 *mmio_reg(u32 reg)
{
	return pa_to_ptr((rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDR) + reg);
}

static u32 apic_read(u32 reg)
{
	return x2apic_mode() ? rdmsr(MSR_X2APIC(reg)) : *mmio_reg(reg);
}

static void apic_write(u32 reg, u32 val)
{
	if (x2apic_mode())
		wrmsr(MSR_X2APIC(reg), val);
	else
		*mmio_reg(reg) = val;
}

u32 apic_id(void)
{
	u32 id = apic_read(APIC_ID);

	return x2apic_mode() ? id : id >> 24;
}

void apic_send(u32 dest, u32 icr)
{
	u32 saved;

	if (x2apic_mode()) {
		wrmsr(MSR_X2APIC(APIC_ICR_LOW), (u64)dest << 32 | icr);
		return;
	}
	while (*mmio_reg(APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
	saved = *mmio_reg(APIC_ICR_HIGH);
	*mmio_reg(APIC_ICR_HIGH) = dest << 24;
	*mmio_reg(APIC_ICR_LOW) = icr;
	while (*mmio_reg(APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
	*mmio_reg(APIC_ICR_HIGH) = saved;
}

void apic_send_msi(u64 addr, u32 data)
{
	u32 icr = ICR_ASSERT | (data & 0x7ff);	/* vector and delivery mode */

	if (addr & BIT(2))
		icr |= ICR_LOGICAL;
	apic_send(addr >> 12 & 0xff, icr);
}

/*
 * The order matters: it is the write of the second register that has QEMU forget an
 * interrupt of the PIC that was pending already.
 */
void apic_start(void)
{
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_SVR, SVR_ENABLE | SVR_RESET);
}

void apic_alarm(u8 vector, u32 ns)
{
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, vector);
	apic_write(APIC_TIMER_INITIAL, ns);
}

bool apic_alarm_over(void)
{
	return !apic_read(APIC_TIMER_CURRENT);
}

void apic_tick_start(u8 vector)
{
	apic_write(APIC_SVR, SVR_ENABLE | SVR_RESET);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | vector);
	apic_write(APIC_TIMER_INITIAL, TICK_COUNT);
}

void apic_tick_stop(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_SVR, SVR_RESET);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}
