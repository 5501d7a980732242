/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_LINUX_COMPILER_H
#define BENCH_LINUX_COMPILER_H

#include <linux/types.h>

#define READ_ONCE(x)		CMM_LOAD_SHARED(x)
#define WRITE_ONCE(x, val)	CMM_STORE_SHARED(x, val)

#endif
