/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_RCUPDATE_H
#define UNIT_LINUX_RCUPDATE_H

#include <linux/slab.h>
#include <linux/types.h>
#include <unit/observer.h>

void rcu_read_lock(void);
void rcu_read_unlock(void);
#define rcu_read_lock_sched()	rcu_read_lock()
#define rcu_read_unlock_sched()	rcu_read_unlock()
int rcu_read_lock_held(void);
int rcu_read_lock_sched_held(void);
void synchronize_rcu(void);
void synchronize_rcu_tasks(void);
void unit_free_after_readers(void *p);

/* The address dependency that the kernel relies on has no C11 equivalent. */
#define rcu_dereference_check(p, condition) \
	((void)(condition), __atomic_load_n(&(p), __ATOMIC_ACQUIRE))
#define rcu_dereference(p)	rcu_dereference_check(p, true)
#define rcu_access_pointer(p)	__atomic_load_n(&(p), __ATOMIC_RELAXED)
/* Plain on purpose: a writer that is not alone is a data race. */
#define rcu_dereference_protected(p, condition) \
	({ (void)(condition); typeof(p) unit_p = (p); unit_p; })

#define rcu_assign_pointer(p, val) do {				\
	__atomic_store_n(&(p), (val), __ATOMIC_RELEASE);	\
	unit_stored();						\
} while (0)
#define RCU_INIT_POINTER(p, val) do {				\
	__atomic_store_n(&(p), (val), __ATOMIC_RELAXED);	\
	unit_stored();						\
} while (0)

#define kvfree_rcu(p, head) \
	((void)sizeof((p)->head.func), unit_free_after_readers(p))
#define kvfree_rcu_mightsleep(p)	unit_free_after_readers(p)

#endif
