/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel log, record by record, and the signs of a broken kernel in it. */
#ifndef KMSG_H
#define KMSG_H

#include <stdbool.h>
#include <stddef.h>

#define KMSG_LINE	1024

struct kmsg {
	int fd;
	bool lost;		/* records were overwritten before they were read */
	bool no_memory;		/* it says so; a stack trace comes next */
};

/* from_start: everything since boot, else only what comes from now on. */
bool kmsg_open(struct kmsg *k, bool from_start);
void kmsg_close(struct kmsg *k);
/* The text of the next record without prefix; false if there is none now. */
bool kmsg_next(struct kmsg *k, char line[KMSG_LINE]);
/* The line is a WARNING, a BUG, a lockdep or KASAN report, an Oops or part of one. */
bool kmsg_is_splat(struct kmsg *k, const char *line);

#endif
