// SPDX-License-Identifier: GPL-2.0-only
#include <linux/seq_file.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEX	"%*phN"

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
	va_list args;

	va_start(args, fmt);
	if (hex) {
		assert(memchr(fmt, '%', strlen(fmt)) == hex);
		while (fmt < hex)
			m->buf[m->count++] = *fmt++;
		put_hex(m, &args);
		fmt += strlen(HEX);
	}
	m->count += vsnprintf(m->buf + m->count, m->size - m->count, fmt, args);
	va_end(args);
	assert(m->count < m->size);
}

void seq_puts(struct seq_file *m, const char *s)
{
	seq_printf(m, "%s", s);
}
