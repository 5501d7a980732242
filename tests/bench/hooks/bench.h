/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HOOKS_BENCH_H
#define HOOKS_BENCH_H

#include <stdint.h>

/* plain.S */
extern const uint8_t plain_guest[], plain_guest_end[];

/* What a host does for an ordinary VM: ticks of the TSC for one of @n. */
enum plain_what { PLAIN_TOUCH, PLAIN_OUT };
double plain_measure(enum plain_what what, unsigned int n);

#endif
