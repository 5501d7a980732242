/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_LINUX_RCUPDATE_H
#define BENCH_LINUX_RCUPDATE_H

#include <linux/types.h>

#include "alloc.h"

#define rcu_read_lock_sched()	rcu_read_lock()
#define rcu_read_unlock_sched()	rcu_read_unlock()
#define rcu_dereference_check(p, condition)	rcu_dereference(p)
#define rcu_dereference_protected(p, condition)	(p)
#define rcu_access_pointer(p)			CMM_LOAD_SHARED(p)
#define RCU_INIT_POINTER(p, val)		CMM_STORE_SHARED(p, val)

#define kvfree_rcu(p, head)		bench_free_rcu(p)
#define kvfree_rcu_mightsleep(p)	bench_free_rcu(p)

#endif
