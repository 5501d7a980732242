/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_RCU_H
#define UNIT_UNIT_RCU_H

/* Abort if the calling thread is in a read-side critical section. */
void unit_may_sleep(void);

/* Has the calling thread a spinlock? */
_Bool unit_spinning(void);

#endif
