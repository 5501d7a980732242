/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SEQ_FILE_H
#define UNIT_LINUX_SEQ_FILE_H

#include <stddef.h>

/* The test gives @buf, which must be large enough. */
struct seq_file {
	char *buf;
	size_t size;
	size_t count;
};

/* Of the kernel's own formats only %*phN, before any other. */
__attribute__((format(printf, 2, 3)))
void seq_printf(struct seq_file *m, const char *fmt, ...);
void seq_puts(struct seq_file *m, const char *s);

#endif
