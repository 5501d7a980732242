/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_CPUID_H
#define UNIT_ASM_CPUID_H

/* The test's. */
unsigned int cpuid_ebx(unsigned int op);

#endif
