// SPDX-License-Identifier: GPL-2.0-only
/* The simulated host's registers for tests, by port I/O. */
#include <sys/io.h>
#include "guard.h"
#include "hardware.h"

/* For each thread by itself. */
static void allow_ports(void)
{
	static __thread int allowed;

	if (allowed)
		return;
	if (iopl(3))
		give_up("no port I/O: iopl() failed");
	if (inl(SNPSIM_PORT(SNPSIM_ID)) != SNPSIM_ID_VALUE)
		give_up("this host has no registers for tests: is it simulated?");
	allowed = 1;
}

uint32_t hardware_get(unsigned int reg)
{
	allow_ports();
	return inl(SNPSIM_PORT(reg));
}

void hardware_set(unsigned int reg, uint32_t value)
{
	allow_ports();
	outl(value, SNPSIM_PORT(reg));
}

void hardware_usual(void)
{
	hardware_set(SNPSIM_PSP_SLOW, 0);
	hardware_set(SNPSIM_PSP_SLOW_US, 0);
	hardware_set(SNPSIM_PSP_SILENT, 0);
	hardware_set(SNPSIM_PSP_REFUSE, 0);
}
