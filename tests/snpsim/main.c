// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the CPUs arrive from entry.S.
 */
#include "acpi.h"
#include "boot.h"
#include "entry.h"
#include "host.h"
#include "idt.h"
#include "iommu.h"
#include "lib.h"
#include "psp_mbox.h"
#include "smp.h"

static struct boot_params boot_params __aligned(4096);
static u64 linux_entry;

/*
 * The boot CPU makes all ready and then never runs a guest, since QEMU is careless
 * with the state of its first CPU (README.md, "CPUs").  It sleeps, but for commands
 * of the security processor that take time, and for SMIs: QEMU sends them here, and
 * Linux switches ACPI on by one.
 */
void bsp_main(u64 mb_info)
{
	unsigned int nr;
	u64 entry, rsdp;

	entry = boot_load_linux(mb_info, &boot_params);
	rsdp = acpi_init(&nr);
	memcpy(&boot_params.bytes[BP_ACPI_RSDP], &rsdp, sizeof(rsdp));
	host_init();
	iommu_init();
	idt_load();
	smp_start_aps(nr);
	log("%u CPUs; entering Linux", nr_cpus);
	__atomic_store_n(&linux_entry, entry, __ATOMIC_RELEASE);
	psp_mbox_serve();
}

static void wait_for_entry(struct cpu *c)
{
	u64 entry;

	do {
		cpu_relax();
		entry = __atomic_load_n(&linux_entry, __ATOMIC_ACQUIRE);
	} while (!entry);
	boot_enter(c, entry, (u64)&boot_params);
}

static void wait_for_wakeup(struct cpu *c)
{
	u64 vector = acpi_wait_wakeup(c->apic_id);

	log("CPU %u (APIC id %u): woken up at %lx", c->id, c->apic_id, vector);
	boot_enter(c, vector, 0);
}

void ap_main(unsigned int id)
{
	struct cpu *c = &cpus[id];

	cpu_init(c);
	__atomic_add_fetch(&nr_cpus, 1, __ATOMIC_SEQ_CST);
	if (!id)
		wait_for_entry(c);
	else
		wait_for_wakeup(c);
	host_run(c);
}
