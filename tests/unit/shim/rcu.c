// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small RCU: each reader says in a slot of its own which grace period it
 * began in, a writer starts a new one and waits for the readers of older ones.
 * So memory is really freed, and a sanitizer sees who still uses it.
 *
 * And spinlocks: what the two have in common is that nobody may sleep.
 */
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>

#include <unit/rcu.h>

#define MAX_READERS 8

static atomic_ulong period = 1;
static atomic_ulong reader[MAX_READERS];	/* its period, 0 outside */
static atomic_uint nr_readers;

static _Thread_local atomic_ulong *mine;
static _Thread_local unsigned int nesting;

static _Thread_local unsigned int spinning;

void unit_may_sleep(void)
{
	assert(!nesting && !spinning);
}

bool unit_spinning(void)
{
	return spinning;
}

/* Its address is the thread's. */
void spin_lock(spinlock_t *lock)
{
	const void *nobody = NULL;

	assert(__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != &spinning);
	while (!__atomic_compare_exchange_n(&lock->owner, &nobody, &spinning, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		nobody = NULL;
		sched_yield();
	}
	spinning++;
}

void spin_unlock(spinlock_t *lock)
{
	assert(__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == &spinning);
	spinning--;
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELEASE);
}

void rcu_read_lock(void)
{
	if (nesting++)
		return;
	if (!mine) {
		unsigned int i = atomic_fetch_add(&nr_readers, 1);

		assert(i < MAX_READERS);
		mine = &reader[i];
	}
	atomic_store(mine, atomic_load(&period));
}

void rcu_read_unlock(void)
{
	assert(nesting);
	if (!--nesting)
		atomic_store(mine, 0);
}

int rcu_read_lock_held(void)
{
	return nesting;
}

int rcu_read_lock_sched_held(void)
{
	return nesting;
}

void synchronize_rcu(void)
{
	unsigned long now, began;
	unsigned int i;

	unit_may_sleep();
	now = atomic_fetch_add(&period, 1) + 1;
	for (i = 0; i < MAX_READERS; i++)
		while ((began = atomic_load(&reader[i])) && began < now)
			sched_yield();
}

void unit_free_after_readers(void *p)
{
	synchronize_rcu();
	unit_free(p);
}
