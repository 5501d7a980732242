// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mutexes that nobody waits for: a test says what others do before one is taken.
 */
#include <linux/mutex.h>

#include <assert.h>
#include <stddef.h>

#include <unit/mutex.h>
#include <unit/rcu.h>

static unsigned int nr_held;

void (*unit_before_lock)(void);

unsigned int unit_mutexes(void)
{
	return nr_held;
}

void mutex_init(struct mutex *m)
{
	*m = (struct mutex){ };
}

void mutex_lock(struct mutex *m)
{
	void (*others)(void) = unit_before_lock;

	unit_may_sleep();
	if (others) {
		unit_before_lock = NULL;
		others();
	}
	assert(!m->held);
	m->held = true;
	m->owner = &nr_held;
	nr_held++;
}

void mutex_unlock(struct mutex *m)
{
	assert(m->held && m->owner);
	m->held = false;
	m->owner = NULL;
	nr_held--;
}
