/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SCHED_SIGNAL_H
#define UNIT_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

#include <stdbool.h>

/* glibc has one of its own, and other numbers for this. */
int unit_sigprocmask(int how, const sigset_t *set, sigset_t *old);
#define sigprocmask	unit_sigprocmask

/* Of current, too: that one it has and does not block. */
bool signal_pending(const struct task_struct *task);

/* One that can't be blocked. */
static inline bool fatal_signal_pending(const struct task_struct *task)
{
	return sigismember(&task->pending, SIGKILL) == 1;
}

#endif
