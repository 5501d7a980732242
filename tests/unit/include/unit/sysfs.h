/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_SYSFS_H
#define UNIT_UNIT_SYSFS_H

/*
 * /sys/kernel as a user sees it.  A path begins below that.
 */
#include <linux/types.h>

struct kobject;

/* The directory of a kobject; NULL if there is none. */
struct kobject *unit_sysfs_dir(const char *path);
/* How many directories there are, /sys/kernel itself left out. */
unsigned int unit_sysfs_dirs(void);
/* The names of its files, a line each with the mode in front; a group's with its name. */
void unit_sysfs_list(const struct kobject *kobj, char *buf, size_t size);
/* As read(2) and write(2): the length, or an error.  @buf: 4 KiB, ends with a 0 then. */
ssize_t unit_sysfs_read(const char *path, char *buf);
ssize_t unit_sysfs_write(const char *path, const char *text);

#endif
