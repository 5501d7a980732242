/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SEQ_FILE_H
#define UNIT_LINUX_SEQ_FILE_H

#include <linux/types.h>

struct seq_file;

struct seq_operations {
	void *(*start)(struct seq_file *m, loff_t *pos);
	void (*stop)(struct seq_file *m, void *v);
	void *(*next)(struct seq_file *m, void *v, loff_t *pos);
	int (*show)(struct seq_file *m, void *v);
};

/**
 * struct seq_file - text that is being made
 * @buf: a test that has no file gives it, and it must be large enough
 * @size: its size
 * @count: bytes in it that nobody has read
 * @from: where these begin
 * @index: the position of what comes next
 * @read_pos: what was read
 * @op: of a file
 * @show: of a file that is shown at once
 * @private: whose file it is
 */
struct seq_file {
	char *buf;
	size_t size;
	size_t count;
	size_t from;
	loff_t index;
	loff_t read_pos;
	const struct seq_operations *op;
	int (*show)(struct seq_file *m, void *v);
	void *private;
};

#define SEQ_SKIP	1

struct file_operations {
	const struct seq_operations *seq;
	int (*show)(struct seq_file *m, void *v);
};

#define DEFINE_SEQ_ATTRIBUTE(name) \
	static const struct file_operations name##_fops = { .seq = &name##_sops }
#define DEFINE_SHOW_ATTRIBUTE(name) \
	static const struct file_operations name##_fops = { .show = name##_show }

/* Of the kernel's own formats only %*phN, before any other. */
__attribute__((format(printf, 2, 3)))
void seq_printf(struct seq_file *m, const char *fmt, ...);
void seq_puts(struct seq_file *m, const char *s);
void seq_putc(struct seq_file *m, char c);

/* For the tests' files: as seq_open() or single_open(), seq_read() and seq_release(). */
struct seq_file *unit_seq_open(const struct file_operations *fops, void *private);
ssize_t unit_seq_read(struct seq_file *m, char *buf, size_t n);
void unit_seq_release(struct seq_file *m);

#endif
