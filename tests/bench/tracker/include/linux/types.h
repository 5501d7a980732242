/* SPDX-License-Identifier: GPL-2.0-only */
/* Over tests/unit's headers: RCU is liburcu's here, as it is for the xarray. */
#ifndef BENCH_LINUX_TYPES_H
#define BENCH_LINUX_TYPES_H

#define rcu_head unit_rcu_head
#include_next <linux/types.h>
#undef rcu_head
#include <urcu.h>

#endif
