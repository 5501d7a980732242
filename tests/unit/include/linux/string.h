/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_STRING_H
#define UNIT_LINUX_STRING_H

#include <string.h>

#define memzero_explicit(p, n)	memset(p, 0, n)

int __sysfs_match_string(const char *const *names, size_t nr, const char *word);

#endif
