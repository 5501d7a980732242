/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_PROCESSOR_FLAGS_H
#define UNIT_ASM_PROCESSOR_FLAGS_H

#define X86_CR0_PE	(1ul << 0)
#define X86_CR0_PG	(1ul << 31)
#define X86_CR4_LA57	(1ul << 12)

#endif
