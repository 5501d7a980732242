// SPDX-License-Identifier: GPL-2.0-only
/* Is CPUID in a header of its own? */
#include <asm/cpuid/api.h>
