// SPDX-License-Identifier: GPL-2.0-only
/*
 * The global interrupt flag: what comes between CLGI and STGI waits, even with
 * IF = 1.  KVM relies on that on its way to VMRUN.
 */
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>

#include "selftest.h"

#define WAIT_US		1000
#define TIMEOUT_US	1000000

static bool arrived;

static void on_interrupt(struct irq_work *work)
{
	WRITE_ONCE(arrived, true);
}

static void interrupt_waits(void)
{
	static struct irq_work work = IRQ_WORK_INIT_HARD(on_interrupt);
	bool early;
	int us;

	WRITE_ONCE(arrived, false);
	preempt_disable();
	local_irq_disable();
	asm volatile("clgi" ::: "memory");
	raw_local_irq_enable();
	irq_work_queue(&work);		/* an interrupt to this very CPU */
	udelay(WAIT_US);
	early = READ_ONCE(arrived);
	raw_local_irq_disable();
	asm volatile("stgi" ::: "memory");
	local_irq_enable();
	for (us = 0; us < TIMEOUT_US && !READ_ONCE(arrived); us++)
		udelay(1);
	preempt_enable();
	EXPECT_EQ(early, false);
	EXPECT_EQ(READ_ONCE(arrived), true);
}

const struct selftest gif_tests[] = {
	{ "clgi_holds_interrupts", interrupt_waits },
	{ }
};
