/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_PSP_H
#define UNIT_LINUX_PSP_H

#include <linux/types.h>

/* The encryption bit of the host: the firmware is told of its memory with it. */
#define UNIT_HOST_C_BIT		(1ULL << 51)
#define __psp_pa(p)		((u64)(unsigned long)(p) | UNIT_HOST_C_BIT)

#endif
