/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_HOOK_USERS_H
#define UNIT_HOOK_USERS_H

#include "hook.h"

/* Tasks in wrappers. */
static inline long hook_users(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(rmpe_hook_users, cpu);
	return sum;
}

#endif
