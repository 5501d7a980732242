/* SPDX-License-Identifier: GPL-2.0-only */
/* Nothing: asm/sev.h has what stands for __pa(). */
