/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_LIMITS_H
#define UNIT_LINUX_LIMITS_H

/* glibc's limits.h comes here too. */
#include_next <linux/limits.h>

#define U32_MAX		(~0U)
#define U64_MAX		(~0ULL)

#endif
