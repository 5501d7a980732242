/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_ERRNO_H
#define UNIT_LINUX_ERRNO_H

/* glibc's errno.h comes here too. */
#include_next <linux/errno.h>

#endif
