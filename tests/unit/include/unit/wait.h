/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_WAIT_H
#define UNIT_UNIT_WAIT_H

/*
 * Threads that wait for each other, and a clock that stands still until a test moves it:
 * who waits for a time waits for the test.
 */
#include <linux/types.h>

/* All that wait look again. */
void unit_wake(void);

/* Wait for anything; between begin and end nobody else looks or wakes. */
void unit_wait_begin(void);
void unit_wait(void);
void unit_wait_end(void);

/* How many threads wait for a time: for these the clock may be moved. */
unsigned int unit_waiting(void);

/* What happens just when somebody's time is up. */
extern void (*unit_time_is_up)(void);

/* Set: what happens while somebody waits; it must wake him. */
extern void (*unit_somebody_waits)(void);

/* The clock, in ns. */
u64 unit_clock(void);
void unit_clock_pass(u64 ns);

#endif
