/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_INCLUDE_LINUX_FS_H
#define UNIT_INCLUDE_LINUX_FS_H

#include <linux/err.h>
#include <linux/file.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <fcntl.h>

struct address_space {
	struct xarray i_pages;
};

struct inode {
	unsigned long i_ino;
	loff_t i_size;
};

static inline struct inode *file_inode(const struct file *f)
{
	return f->f_inode;
}

static inline loff_t i_size_read(const struct inode *inode)
{
	return inode->i_size;
}

/* The test has the files. */
struct file *filp_open(const char *path, int flags, unsigned short mode);
ssize_t kernel_read(struct file *file, void *buf, size_t count, loff_t *pos);
int filp_close(struct file *file, void *id);

#endif
