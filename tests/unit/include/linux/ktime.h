/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KTIME_H
#define UNIT_LINUX_KTIME_H

#include <linux/types.h>

#define NSEC_PER_USEC	1000L
#define NSEC_PER_SEC	1000000000L

u64 ktime_get_ns(void);

#endif
