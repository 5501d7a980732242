/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_FTRACE_H
#define UNIT_ASM_FTRACE_H

/* A call. */
#define MCOUNT_INSN_SIZE	5

#endif
