/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_CPU_H
#define UNIT_UNIT_CPU_H

#define UNIT_NR_CPUS	4

/* Where the task is: a test moves it. */
extern unsigned int unit_cpu;

#endif
