// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of lines.  What a reader of a part sees depends on how seq_read() stops and starts
 * again, so this does as that does (fs/seq_file.c).
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unit/rcu.h>

#define HEX	"%*phN"

/* A file gets more room and is asked again; a test's buffer does not. */
static void put(struct seq_file *m, const char *s, size_t len)
{
	if (m->count + len < m->size) {
		memcpy(m->buf + m->count, s, len + 1);
		m->count += len;
		return;
	}
	assert(m->op);
	m->count = m->size;
}

/* The kernel's: a length and where the bytes are. */
static void put_hex(struct seq_file *m, va_list *args)
{
	int len = va_arg(*args, int);
	const unsigned char *p = va_arg(*args, void *);

	/* Without a length it prints nothing, with a negative one a byte. */
	assert(len > 0 && len <= 64);
	while (len--)
		seq_printf(m, "%02x", *p++);
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	const char *hex = strstr(fmt, HEX);
	char *text;
	va_list args;
	int n;

	va_start(args, fmt);
	if (hex) {
		assert(memchr(fmt, '%', strlen(fmt)) == hex);
		while (fmt < hex)
			seq_putc(m, *fmt++);
		put_hex(m, &args);
		fmt += strlen(HEX);
	}
	n = vasprintf(&text, fmt, args);
	va_end(args);
	assert(n >= 0);
	put(m, text, n);
	free(text);
}

void seq_puts(struct seq_file *m, const char *s)
{
	put(m, s, strlen(s));
}

void seq_putc(struct seq_file *m, char c)
{
	put(m, (char[]){ c, 0 }, 1);
}

static void *single_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? NULL : m;
}

static void *single_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static void single_stop(struct seq_file *m, void *v)
{
}

static int single_show(struct seq_file *m, void *v)
{
	return m->show(m, v);
}

static const struct seq_operations single = {
	.start	= single_start,
	.next	= single_next,
	.stop	= single_stop,
	.show	= single_show,
};

struct seq_file *unit_seq_open(const struct file_operations *fops, void *private)
{
	struct seq_file *m = calloc(1, sizeof(*m));

	assert(m && !fops->seq == !!fops->show);
	m->op = fops->seq ?: &single;
	m->show = fops->show;
	m->private = private;
	return m;
}

void unit_seq_release(struct seq_file *m)
{
	kvfree(m->buf);
	free(m);
}

static bool room(struct seq_file *m, size_t size)
{
	kvfree(m->buf);
	m->count = 0;
	m->size = size;
	m->buf = kvmalloc_array(1, size, GFP_KERNEL_ACCOUNT);
	return m->buf;
}

static size_t take(struct seq_file *m, char *buf, size_t n)
{
	n = min(n, m->count);
	memcpy(buf, m->buf + m->from, n);
	m->count -= n;
	m->from += n;
	m->read_pos += n;
	return n;
}

/* More lines, as long as the reader wants some and they fit. */
static void fill(struct seq_file *m, void *p, size_t n)
{
	for (;;) {
		size_t count = m->count;
		loff_t pos = m->index;
		int r;

		p = m->op->next(m, p, &m->index);
		assert(m->index != pos);	/* the kernel complains, too */
		if (!p || IS_ERR(p) || m->count >= n)
			break;
		r = m->op->show(m, p);
		if (r || m->count == m->size)
			m->count = count;
		if (r < 0 || (!r && m->count == count))
			break;
	}
	m->op->stop(m, p);
}

ssize_t unit_seq_read(struct seq_file *m, char *buf, size_t n)
{
	size_t left;
	int r = 0;
	void *p;

	if (!m->read_pos)
		m->index = m->count = 0;
	if (!m->buf && !room(m, PAGE_SIZE))
		return -ENOMEM;
	left = take(m, buf, n);
	if (m->count || left == n)
		return left;
	m->from = 0;
	p = m->op->start(m, &m->index);
	while (p && !IS_ERR(p)) {
		r = m->op->show(m, p);
		if (r < 0)
			break;
		if (r)
			m->count = 0;
		if (!m->count) {
			p = m->op->next(m, p, &m->index);
			continue;
		}
		if (m->count < m->size) {
			fill(m, p, n - left);
			return left + take(m, buf + left, n - left);
		}
		m->op->stop(m, p);
		if (!room(m, 2 * m->size))
			return left ?: -ENOMEM;
		p = m->op->start(m, &m->index);
	}
	m->op->stop(m, p);
	m->count = 0;
	unit_may_sleep();	/* nothing is left locked */
	if (left)
		return left;
	return p && IS_ERR(p) ? PTR_ERR(p) : min(r, 0);
}
