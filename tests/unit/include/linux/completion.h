/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_COMPLETION_H
#define UNIT_LINUX_COMPLETION_H

#include <stdbool.h>

struct completion {
	unsigned int done;
};

void init_completion(struct completion *x);
void complete(struct completion *x);
bool completion_done(struct completion *x);
/* The time is that of unit/wait.h. */
unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout);

#endif
