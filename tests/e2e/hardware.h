/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulated host's registers for tests, see ../snpsim/control.h. They outlive the
 * scenario: hardware_usual() at its end.
 */
#ifndef HARDWARE_H
#define HARDWARE_H

#include <stdint.h>
#include "../snpsim/control.h"

uint32_t hardware_get(unsigned int reg);
void hardware_set(unsigned int reg, uint32_t value);

/* The security processor answers at once, and always, and to the best of its knowledge. */
void hardware_usual(void);

#endif
