/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_INCLUDE_LINUX_FS_H
#define UNIT_INCLUDE_LINUX_FS_H

#include <linux/file.h>
#include <linux/types.h>

struct inode {
	unsigned long i_ino;
};

static inline struct inode *file_inode(const struct file *f)
{
	return f->f_inode;
}

#endif
