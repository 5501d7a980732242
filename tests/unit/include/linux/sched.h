/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SCHED_H
#define UNIT_LINUX_SCHED_H

#define TASK_COMM_LEN 16

#endif
