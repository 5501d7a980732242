// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include <stdarg.h>
#include <stdio.h>

/* A keyword matches with or without one newline after it. */
int __sysfs_match_string(const char *const *names, size_t nr, const char *word)
{
	size_t len = strlen(word), i;

	if (len && word[len - 1] == '\n')
		len--;
	for (i = 0; i < nr && names[i]; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], word, len))
			return i;
	return -EINVAL;
}

/* Returns what has been written, not what would have been. */
int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	if (!size)
		return 0;
	va_start(args, fmt);
	n = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return (size_t)n < size ? n : (int)size - 1;
}
