// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI configuration mechanism 1.  Linux uses it for the first 256 bytes even
 * where there is memory-mapped configuration space; beyond them our functions
 * have nothing, and the machine's ECAM says so by answering all ones.
 */
#include "iommu.h"
#include "lib.h"
#include "pci.h"
#include "psp_mbox.h"
#include "smp.h"

#define PORT_ADDRESS	0xcf8
#define PORT_DATA	0xcfc
#define NR_PORTS	4
#define ADDRESS_ENABLE	BIT(31)
#define ADDRESS_FN(a)	((a) >> 8 & 0xffff)	/* bus 15:8, device and function 7:0 */
#define ADDRESS_REG(a)	((a) & 0xfc)

/* EXITINFO1 of an I/O exit (APM volume 2, 15.10.2) */
#define IOIO_IN		BIT(0)
#define IOIO_STRING	BIT(2)
#define IOIO_SIZE(info)	((info) >> 4 & 7)	/* bytes: 1, 2 or 4 */
#define IOIO_PORT(info)	((info) >> 16 & 0xffff)

static const struct function {
	u32 devfn;
	u32 (*read)(u32 reg);
	void (*write)(u32 reg, u32 val);
} functions[] = {
	{ PSP_DEVFN, psp_config_read, psp_config_write },
	{ IOMMU_DEVFN, iommu_config_read, iommu_config_write },
};

static u32 address;

void pci_trap_ports(u8 *iopm)
{
	iopm[PORT_ADDRESS / 8] |= 0xf << PORT_ADDRESS % 8;
	iopm[PORT_DATA / 8] |= 0xf << PORT_DATA % 8;
}

static u32 port_in(u16 port, unsigned int size)
{
	return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

static void port_out(u16 port, unsigned int size, u32 val)
{
	if (size == 1)
		outb(port, val);
	else if (size == 2)
		outw(port, val);
	else
		outl(port, val);
}

/* The function of ours that a data access goes to, NULL if it is the machine's. */
static const struct function *selected(u16 port)
{
	unsigned int i;

	if (port < PORT_DATA || !(address & ADDRESS_ENABLE))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		if (ADDRESS_FN(address) == functions[i].devfn)
			return &functions[i];
	}
	return NULL;
}

static u32 config_in(u16 port, unsigned int size)
{
	const struct function *f = selected(port);

	if (f)
		return f->read(ADDRESS_REG(address)) >> 8 * (port - PORT_DATA);
	if (port == PORT_ADDRESS && size == 4)
		return address;
	return port_in(port, size);
}

static void config_out(u16 port, unsigned int size, u32 val)
{
	const struct function *f = selected(port);
	u32 shift, mask;

	if (f) {
		shift = 8 * (port - PORT_DATA);
		mask = (size == 4 ? ~0u : (1u << 8 * size) - 1) << shift;
		f->write(ADDRESS_REG(address),
			 (f->read(ADDRESS_REG(address)) & ~mask) | (val << shift & mask));
		return;
	}
	if (port == PORT_ADDRESS && size == 4)
		address = val;
	port_out(port, size, val);
}

void pci_ioio(struct cpu *c)
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
		val = config_in(port, size);
		mask = BIT(8 * size) - 1;
		if (size == 4)		/* a 32-bit result clears the upper half */
			v->save.rax = val;
		else
			v->save.rax = (v->save.rax & ~mask) | (val & mask);
	} else {
		config_out(port, size, v->save.rax);
	}
	sim_unlock();
	v->save.rip = v->control.exit_info_2;
}
