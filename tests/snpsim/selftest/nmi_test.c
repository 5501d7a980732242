// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulator uses NMIs itself, to get CPUs out of their guests.  Linux must
 * get all of its own and no other, also while a vCPU runs.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/nmi.h>

#include "selftest.h"

#define NMIS_PER_CPU	100
#define TIMEOUT_US	1000000

static struct cpumask expected;		/* CPUs that an NMI of ours is on its way to */
static atomic_t stray;

static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	if (cpumask_test_and_clear_cpu(raw_smp_processor_id(), &expected))
		return NMI_HANDLED;
	atomic_inc(&stray);
	return NMI_DONE;
}

static bool send_one(int cpu)
{
	int us;

	cpumask_set_cpu(cpu, &expected);
	apic->send_IPI(cpu, NMI_VECTOR);
	for (us = 0; us < TIMEOUT_US; us++) {
		if (!cpumask_test_cpu(cpu, &expected))
			return true;
		udelay(1);
	}
	cpumask_clear_cpu(cpu, &expected);
	return false;
}

static void all_cpus(void)
{
	unsigned int lost = 0;
	int cpu, i;

	atomic_set(&stray, 0);
	EXPECT_EQ(register_nmi_handler(NMI_LOCAL, on_nmi, 0, "snpsim_selftest"), 0);
	for_each_online_cpu(cpu) {
		for (i = 0; i < NMIS_PER_CPU && !lost; i++) {
			lost += !send_one(cpu);
			cond_resched();
		}
	}
	unregister_nmi_handler(NMI_LOCAL, "snpsim_selftest");
	EXPECT_EQ(lost, 0);
	EXPECT_EQ(atomic_read(&stray), 0);
}

const struct selftest nmi_tests[] = {
	{ "nmi_all_cpus", all_cpus },
	{ }
};
