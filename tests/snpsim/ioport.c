// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits for port I/O: whose port it is, and what that does to RAX.
 */
#include "ioport.h"

#include "control.h"
#include "lib.h"
#include "pci.h"
#include "psp_control.h"
#include "smp.h"

/* EXITINFO1 of an I/O exit (APM volume 2, 15.10.2) */
#define IOIO_IN		BIT(0)
#define IOIO_STRING	BIT(2)
#define IOIO_SIZE(info)	((info) >> 4 & 7)	/* bytes: 1, 2 or 4 */
#define IOIO_PORT(info)	((info) >> 16 & 0xffff)

static void trap(u8 *iopm, unsigned int port, unsigned int n)
{
	for (; n; port++, n--)
		iopm[port / 8] |= BIT(port % 8);
}

void ioport_trap(u8 *iopm)
{
	trap(iopm, PCI_PORTS, PCI_NR_PORTS);
	trap(iopm, SNPSIM_PORTS, 4 * SNPSIM_NR_REGS);
}

static bool is_control(u16 port)
{
	return port >= SNPSIM_PORTS && port < SNPSIM_PORT(SNPSIM_NR_REGS);
}

static u32 port_in(u16 port, unsigned int size)
{
	if (!is_control(port))
		return pci_in(port, size);
	return psp_control_read((port - SNPSIM_PORTS) / 4) >> 8 * (port % 4);
}

static void port_out(u16 port, unsigned int size, u32 val)
{
	u32 reg = (port - SNPSIM_PORTS) / 4, shift = 8 * (port % 4);
	u32 mask = (size == 4 ? ~0u : (1u << 8 * size) - 1) << shift;

	if (is_control(port))
		psp_control_write(reg, (psp_control_read(reg) & ~mask) | (val << shift & mask));
	else
		pci_out(port, size, val);
}

void ioport_exit(struct cpu *c)
{
	struct vmcb *v = &c->vmcb01;
	u64 info = v->control.exit_info_1, mask;
	unsigned int size = IOIO_SIZE(info);
	u16 port = IOIO_PORT(info);
	u32 val;

	if (info & IOIO_STRING)
		die("string I/O of the host to port %x, rip %lx", port, v->save.rip);
	sim_lock();
	if (info & IOIO_IN) {
		val = port_in(port, size);
		mask = BIT(8 * size) - 1;
		if (size == 4)		/* a 32-bit result clears the upper half */
			v->save.rax = val;
		else
			v->save.rax = (v->save.rax & ~mask) | (val & mask);
	} else {
		port_out(port, size, v->save.rax);
	}
	sim_unlock();
	v->save.rip = v->control.exit_info_2;
}
