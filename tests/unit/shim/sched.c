// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks and their signals.
 */
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include <assert.h>

static struct task_struct somebody = {
	.group_leader = &somebody,
	.comm = "somebody",
};

struct task_struct *unit_current = &somebody;

struct task_struct *pid_task(struct pid *pid, enum pid_type type)
{
	assert(rcu_read_lock_held());
	assert(type == PIDTYPE_PID);
	return pid ? pid->task : NULL;
}

void kick_process(struct task_struct *task)
{
	assert(rcu_read_lock_held());
	task->kicked++;
}

int unit_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	assert(how == SIG_SETMASK);
	if (old)
		*old = unit_current->blocked;
	unit_current->blocked = *set;
	return 0;
}

bool signal_pending(const struct task_struct *task)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sigismember(&task->pending, sig) == 1 &&
		    !sigismember(&task->blocked, sig))
			return true;
	return false;
}
