// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI configuration mechanism 1.  Linux uses it for the first 256 bytes even
 * where there is memory-mapped configuration space; beyond them our functions
 * have nothing, and the machine's ECAM says so by answering all ones.
 */
#include "iommu.h"
#include "pci.h"
#include "psp_mbox.h"

#define PORT_ADDRESS	PCI_PORTS
#define PORT_DATA	(PCI_PORTS + 4)
#define ADDRESS_ENABLE	BIT(31)
#define ADDRESS_FN(a)	((a) >> 8 & 0xffff)	/* bus 15:8, device and function 7:0 */
#define ADDRESS_REG(a)	((a) & 0xfc)

static const struct function {
	u32 devfn;
	u32 (*read)(u32 reg);
	void (*write)(u32 reg, u32 val);
} functions[] = {
	{ PSP_DEVFN, psp_config_read, psp_config_write },
	{ IOMMU_DEVFN, iommu_config_read, iommu_config_write },
};

static u32 address;

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

u32 pci_in(u16 port, unsigned int size)
{
	const struct function *f = selected(port);

	if (f)
		return f->read(ADDRESS_REG(address)) >> 8 * (port - PORT_DATA);
	if (port == PORT_ADDRESS && size == 4)
		return address;
	return port_in(port, size);
}

void pci_out(u16 port, unsigned int size, u32 val)
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
