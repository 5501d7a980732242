// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jiffies.h>

/* As far from 0 as the kernel begins, so that it wraps in the first minutes. */
unsigned long jiffies = -300UL * HZ;
