/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_DELAY_H
#define UNIT_LINUX_DELAY_H

/* The test's: what happens meanwhile. */
void msleep(unsigned int ms);

#endif
