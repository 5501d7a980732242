// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the CPUs arrive from entry.S.
 */
#include "acpi.h"
#include "boot.h"
#include "entry.h"
#include "host.h"
#include "iommu.h"
#include "lib.h"
#include "smp.h"

static struct boot_params boot_params __aligned(4096);

void bsp_main(u64 mb_info)
{
	struct cpu *c = this_cpu();
	unsigned int nr;
	u64 entry, rsdp;

	entry = boot_load_linux(mb_info, &boot_params);
	rsdp = acpi_init(&nr);
	memcpy(&boot_params.bytes[BP_ACPI_RSDP], &rsdp, sizeof(rsdp));
	host_init();
	iommu_init();
	cpu_init(c);
	smp_start_aps(nr);
	log("%u CPUs; entering Linux", nr_cpus);
	boot_enter(c, entry, (u64)&boot_params);
	host_run(c);
}

void ap_main(unsigned int id)
{
	struct cpu *c = &cpus[id];
	u64 vector;

	cpu_init(c);
	__atomic_add_fetch(&nr_cpus, 1, __ATOMIC_SEQ_CST);
	vector = acpi_wait_wakeup(c->apic_id);
	log("CPU %u (APIC id %u): woken up at %lx", c->id, c->apic_id, vector);
	boot_enter(c, vector, 0);
	host_run(c);
}
