/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_FILE_H
#define UNIT_LINUX_FILE_H

struct address_space;
struct inode;

struct file {
	struct address_space *f_mapping;
	struct inode *f_inode;
	void *private_data;
};

struct file *get_file_active(struct file **f);
void fput(struct file *file);

#endif
