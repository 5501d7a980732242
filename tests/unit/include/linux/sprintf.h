/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SPRINTF_H
#define UNIT_LINUX_SPRINTF_H

#include <stdio.h>

__attribute__((format(printf, 3, 4)))
int scnprintf(char *buf, size_t size, const char *fmt, ...);

#endif
