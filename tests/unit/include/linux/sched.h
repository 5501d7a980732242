/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SCHED_H
#define UNIT_LINUX_SCHED_H

#include <linux/types.h>

#include <signal.h>
#include <string.h>

#define TASK_COMM_LEN 16

/**
 * struct task_struct - a thread
 * @group_leader: the first of its process
 * @pid: its number
 * @tgid: its process's
 * @comm: its name
 * @blocked: the signals that it blocks
 * @pending: those that were sent to it, blocked or not
 * @kicked: how often it was kicked
 */
struct task_struct {
	struct task_struct *group_leader;
	pid_t pid;
	pid_t tgid;
	char comm[TASK_COMM_LEN];
	sigset_t blocked;
	sigset_t pending;
	unsigned int kicked;
};

/* The test's. */
extern struct task_struct *unit_current;

#define current	unit_current

static inline pid_t task_pid_nr(const struct task_struct *task)
{
	return task->pid;
}

static inline pid_t task_tgid_nr(const struct task_struct *task)
{
	return task->tgid;
}

#define get_task_comm(buf, task) \
	((void)memcpy(buf, (task)->comm, sizeof(buf)))

static inline void cond_resched(void)
{
}

/* Under RCU, or with a reference: it must not go away meanwhile. */
void kick_process(struct task_struct *task);

#endif
