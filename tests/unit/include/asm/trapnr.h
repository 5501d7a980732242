/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_TRAPNR_H
#define UNIT_ASM_TRAPNR_H

#define X86_TRAP_DF	8
#define X86_TRAP_GP	13
#define X86_TRAP_PF	14
#define X86_TRAP_VC	29

#endif
