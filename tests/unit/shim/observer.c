// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include <unit/observer.h>

void (*unit_observer)(void);
unsigned int unit_fences;
