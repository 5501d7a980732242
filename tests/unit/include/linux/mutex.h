/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_MUTEX_H
#define UNIT_LINUX_MUTEX_H

#include <assert.h>
#include <stdbool.h>

/* @owner is not known where a test has set @held itself. */
struct mutex {
	bool held;
	const void *owner;
};

void mutex_init(struct mutex *m);
/* Whoever may not sleep, or has it already, aborts. */
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

#define lockdep_assert_held(lock)	assert((lock)->held)

#endif
