/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_OBSERVER_H
#define UNIT_UNIT_OBSERVER_H

/*
 * A reader between any two stores of a writer: the function is called after
 * each store that a lockless reader could see.
 */
extern void (*unit_observer)(void);

/* How many full barriers there were. */
extern unsigned int unit_fences;

static inline void unit_stored(void)
{
	if (unit_observer)
		unit_observer();
}

#endif
