/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables that the machine lacks.
 */
#ifndef SNPSIM_ACPI_H
#define SNPSIM_ACPI_H

#include "types.h"

/**
 * acpi_init() - build the new tables
 * @nr_cpus: set to the number of CPUs that Linux finds
 *
 * The CPU that calls this is taken out of the MADT.  The others must have the
 * APIC ids that follow on its own.
 *
 * Return: address of the new RSDP.
 */
u64 acpi_init(unsigned int *nr_cpus);

/**
 * acpi_wait_wakeup() - wait until Linux wants this CPU
 * @apic_id: of this CPU
 *
 * Return: the address at which it is to start.
 */
u64 acpi_wait_wakeup(u32 apic_id);

#endif /* SNPSIM_ACPI_H */
