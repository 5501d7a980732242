/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_DEBUGFS_H
#define UNIT_UNIT_DEBUGFS_H

/*
 * /sys/kernel/debug as root sees it.  A path begins below that.
 */
#include <linux/types.h>

struct unit_debugfs_file;

/* What the nth creation from now and all later ones fail with; 0: none. */
void unit_debugfs_fail(unsigned int nth, int error);

/* All that is there, a line each: a file's mode and path, or "dir" and its path. */
void unit_debugfs_list(char *buf, size_t size);

/* As open(2), read(2) and close(2); NULL if there is no such file. */
struct unit_debugfs_file *unit_debugfs_open(const char *path);
ssize_t unit_debugfs_read(struct unit_debugfs_file *f, char *buf, size_t n);
void unit_debugfs_close(struct unit_debugfs_file *f);

#endif
