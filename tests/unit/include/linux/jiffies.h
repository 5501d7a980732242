/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_JIFFIES_H
#define UNIT_LINUX_JIFFIES_H

#define HZ 250

/* The test sets it. */
extern unsigned long jiffies;

#define msecs_to_jiffies(ms)	((ms) * HZ / 1000ul)

#define time_before(a, b)	((long)((a) - (b)) < 0)
#define time_after(a, b)	time_before(b, a)

#endif
