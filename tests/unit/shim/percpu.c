// SPDX-License-Identifier: GPL-2.0-only
#include <unit/cpu.h>

unsigned int unit_cpu;
