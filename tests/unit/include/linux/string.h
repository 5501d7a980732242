/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_STRING_H
#define UNIT_LINUX_STRING_H

#include <string.h>

int __sysfs_match_string(const char *const *names, size_t nr, const char *word);

#endif
