/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_MUTEX_H
#define UNIT_UNIT_MUTEX_H

/*
 * What happens while somebody waits for a mutex: called once, before it is taken; the
 * function may set another one, for the next.
 */
extern void (*unit_before_lock)(void);

/* How many are held. */
unsigned int unit_mutexes(void);

#endif
