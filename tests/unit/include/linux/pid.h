/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_PID_H
#define UNIT_LINUX_PID_H

enum pid_type {
	PIDTYPE_PID,
};

struct task_struct;

struct pid {
	struct task_struct *task;
};

struct task_struct *pid_task(struct pid *pid, enum pid_type type);

#endif
