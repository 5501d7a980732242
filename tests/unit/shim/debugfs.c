// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: what is made in a directory that could not be made is not made, and a file that
 * is open when it is removed can't be read any more (fs/debugfs/inode.c, file.c).
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/errno.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unit/debugfs.h>

#define MAX_DENTRIES	64
#define MAX_PATH	96

struct dentry {
	char path[MAX_PATH];
	unsigned short mode;
	void *data;
	const struct file_operations *fops;
};

struct unit_debugfs_file {
	struct dentry *dentry;
	char path[MAX_PATH];
	struct seq_file *seq;
};

static struct dentry dentries[MAX_DENTRIES];	/* in the order they were made */
static unsigned int fail_from;
static int fail_error;
static struct dentry *being_read;

void unit_debugfs_fail(unsigned int nth, int error)
{
	fail_from = nth;
	fail_error = error;
}

static struct dentry *find(const char *path)
{
	unsigned int i;

	for (i = 0; i < MAX_DENTRIES; i++)
		if (dentries[i].path[0] && !strcmp(dentries[i].path, path))
			return &dentries[i];
	return NULL;
}

static struct dentry *make(const char *name, const struct dentry *parent)
{
	char path[MAX_PATH];
	unsigned int i;
	int n;

	if (fail_from > 1)
		fail_from--;
	else if (fail_from)
		return ERR_PTR(fail_error);
	if (IS_ERR(parent))
		return (struct dentry *)parent;
	assert(!parent || (parent->path[0] && !parent->fops));
	n = snprintf(path, sizeof(path), "%s%s%s", parent ? parent->path : "",
		     parent ? "/" : "", name);
	assert(n < sizeof(path));
	if (find(path))
		return ERR_PTR(-EEXIST);
	for (i = 0; dentries[i].path[0]; i++)
		assert(i + 1 < MAX_DENTRIES);
	dentries[i] = (struct dentry){ };
	snprintf(dentries[i].path, sizeof(dentries[i].path), "%s", path);
	return &dentries[i];
}

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent)
{
	return make(name, parent);
}

struct dentry *debugfs_create_file(const char *name, unsigned short mode,
				   struct dentry *parent, void *data,
				   const struct file_operations *fops)
{
	struct dentry *d = make(name, parent);

	if (!IS_ERR(d)) {
		d->mode = mode;
		d->data = data;
		d->fops = fops;
	}
	return d;
}

/* With all below it. */
void debugfs_remove(struct dentry *dentry)
{
	size_t len;
	unsigned int i;

	if (!dentry || IS_ERR(dentry))
		return;
	len = strlen(dentry->path);
	assert(len && dentry != being_read);
	for (i = 0; i < MAX_DENTRIES; i++) {
		struct dentry *d = &dentries[i];

		if (d != dentry && !strncmp(d->path, dentry->path, len) && d->path[len] == '/') {
			assert(d != being_read);	/* it would wait for ever */
			d->path[0] = 0;
		}
	}
	dentry->path[0] = 0;
}

void unit_debugfs_list(char *buf, size_t size)
{
	unsigned int i;
	size_t n = 0;

	buf[0] = 0;
	for (i = 0; i < MAX_DENTRIES; i++) {
		const struct dentry *d = &dentries[i];

		if (d->path[0] && d->fops)
			n += snprintf(buf + n, size - n, "%04o %s\n", d->mode, d->path);
		else if (d->path[0])
			n += snprintf(buf + n, size - n, "dir %s\n", d->path);
		assert(n < size);
	}
}

struct unit_debugfs_file *unit_debugfs_open(const char *path)
{
	struct unit_debugfs_file *f;
	struct dentry *d = find(path);

	if (!d || !d->fops)
		return NULL;
	f = calloc(1, sizeof(*f));
	assert(f);
	f->dentry = d;
	snprintf(f->path, sizeof(f->path), "%s", path);
	f->seq = unit_seq_open(d->fops, d->data);
	return f;
}

ssize_t unit_debugfs_read(struct unit_debugfs_file *f, char *buf, size_t n)
{
	ssize_t r;

	if (find(f->path) != f->dentry)
		return -EIO;
	being_read = f->dentry;
	r = unit_seq_read(f->seq, buf, n);
	being_read = NULL;
	return r;
}

void unit_debugfs_close(struct unit_debugfs_file *f)
{
	unit_seq_release(f->seq);
	free(f);
}
