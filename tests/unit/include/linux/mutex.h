/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_MUTEX_H
#define UNIT_LINUX_MUTEX_H

#include <assert.h>
#include <stdbool.h>

struct mutex {
	bool held;
};

#define lockdep_assert_held(lock)	assert((lock)->held)

#endif
