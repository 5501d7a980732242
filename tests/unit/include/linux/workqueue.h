/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_WORKQUEUE_H
#define UNIT_LINUX_WORKQUEUE_H

#include <linux/container_of.h>

#include <stdbool.h>

struct work_struct {
	void (*func)(struct work_struct *work);
	struct work_struct *next;
};

struct workqueue_struct;

#define INIT_WORK(work, f)	((void)((work)->func = (f)))

/* One thread, a work after the other. */
struct workqueue_struct *alloc_ordered_workqueue(const char *name, unsigned int flags);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
/* What is queued is done first. */
void destroy_workqueue(struct workqueue_struct *wq);

#endif
