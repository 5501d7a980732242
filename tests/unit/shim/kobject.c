// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kobjects, and the files that users see of them.
 */
#include <linux/errno.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <unit/rcu.h>
#include <unit/sysfs.h>

#define MAX_DIRS	256

static struct kobject sys_kernel = { .refs = 1, .in_sysfs = true };
struct kobject *kernel_kobj = &sys_kernel;

static struct kobject *dir[MAX_DIRS];
static unsigned int nr_dirs;

static ssize_t show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct kobj_attribute *a = container_of(attr, struct kobj_attribute, attr);

	return a->show ? a->show(kobj, a, buf) : -EIO;
}

static ssize_t store(struct kobject *kobj, struct attribute *attr, const char *buf,
		     size_t count)
{
	struct kobj_attribute *a = container_of(attr, struct kobj_attribute, attr);

	return a->store ? a->store(kobj, a, buf, count) : -EIO;
}

const struct sysfs_ops kobj_sysfs_ops = { .show = show, .store = store };

static void free_kobject(struct kobject *kobj)
{
	unit_free(kobj);
}

static const struct kobj_type dynamic_ktype = {
	.release	= free_kobject,
	.sysfs_ops	= &kobj_sysfs_ops,
};

static void free_kset(struct kobject *kobj)
{
	unit_free(container_of(kobj, struct kset, kobj));
}

static const struct kobj_type kset_ktype = {
	.release	= free_kset,
	.sysfs_ops	= &kobj_sysfs_ops,
};

struct kobject *kobject_get(struct kobject *kobj)
{
	assert(kobj->refs > 0);
	kobj->refs++;
	return kobj;
}

static void make_dir(struct kobject *kobj, struct kobject *parent)
{
	assert(nr_dirs < MAX_DIRS && parent->in_sysfs);
	kobj->parent = kobject_get(parent);
	kobj->groups = kobj->ktype->default_groups;
	kobj->in_sysfs = true;
	dir[nr_dirs++] = kobj;
}

void kobject_del(struct kobject *kobj)
{
	struct kobject *parent = kobj->parent;
	unsigned int i;

	unit_may_sleep();
	/* The kernel's ends in an oops. */
	assert(kobj->in_sysfs);
	for (i = 0; dir[i] != kobj; i++)
		assert(dir[i]->parent != kobj && i + 1 < nr_dirs);
	dir[i] = dir[--nr_dirs];
	kobj->in_sysfs = false;
	kobj->parent = NULL;
	kobject_put(parent);
}

void kobject_put(struct kobject *kobj)
{
	char *name = kobj->name;

	assert(kobj->refs > 0);
	if (--kobj->refs)
		return;
	assert(kobj != kernel_kobj);
	if (kobj->in_sysfs)
		kobject_del(kobj);
	kobj->ktype->release(kobj);
	unit_free(name);
}

static int add(struct kobject *kobj, const struct kobj_type *ktype, struct kobject *parent,
	       const char *name)
{
	kobj->ktype = ktype;
	kobj->refs = 1;
	kobj->name = unit_alloc(1, strlen(name) + 1, false, GFP_KERNEL_ACCOUNT);
	if (!kobj->name)
		return -ENOMEM;
	memcpy(kobj->name, name, strlen(name) + 1);
	make_dir(kobj, parent);
	return 0;
}

int kobject_init_and_add(struct kobject *kobj, const struct kobj_type *ktype,
			 struct kobject *parent, const char *fmt, ...)
{
	char name[64];
	va_list args;

	unit_may_sleep();
	/* Twice, or of memory that was not cleared. */
	assert(!kobj->refs && !kobj->in_sysfs);
	va_start(args, fmt);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	assert(parent || kobj->kset);
	return add(kobj, ktype, parent ?: &kobj->kset->kobj, name);
}

struct kobject *kobject_create_and_add(const char *name, struct kobject *parent)
{
	struct kobject *kobj = unit_alloc(1, sizeof(*kobj), true, GFP_KERNEL);

	if (!kobj)
		return NULL;
	if (!add(kobj, &dynamic_ktype, parent, name))
		return kobj;
	kobject_put(kobj);
	return NULL;
}

struct kset *kset_create_and_add(const char *name, const struct kset_uevent_ops *ops,
				 struct kobject *parent)
{
	struct kset *kset = unit_alloc(1, sizeof(*kset), true, GFP_KERNEL);

	if (!kset)
		return NULL;
	kset->uevent_ops = ops;
	if (!add(&kset->kobj, &kset_ktype, parent, name))
		return kset;
	kobject_put(&kset->kobj);
	return NULL;
}

void kset_unregister(struct kset *kset)
{
	kobject_del(&kset->kobj);
	kobject_put(&kset->kobj);
}

/* What it needs memory for is given back at once. */
int sysfs_create_groups(struct kobject *kobj, const struct attribute_group **groups)
{
	void *node = unit_alloc(1, 64, false, GFP_KERNEL);

	assert(kobj->in_sysfs && !kobj->groups);
	if (!node)
		return -ENOMEM;
	unit_free(node);
	kobj->groups = groups;
	return 0;
}

int sysfs_emit(char *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	assert(!offset_in_page(buf));
	va_start(args, fmt);
	n = vsnprintf(buf, PAGE_SIZE, fmt, args);
	va_end(args);
	assert(n < PAGE_SIZE);
	return n;
}

static void path_of(const struct kobject *kobj, char *buf, size_t size)
{
	size_t n = 0;

	*buf = 0;
	if (kobj->parent != kernel_kobj) {
		path_of(kobj->parent, buf, size);
		n = strlen(buf);
		n += snprintf(buf + n, size - n, "/");
	}
	snprintf(buf + n, size - n, "%s", kobj->name);
}

struct kobject *unit_sysfs_dir(const char *path)
{
	char is[256];
	unsigned int i;

	for (i = 0; i < nr_dirs; i++) {
		path_of(dir[i], is, sizeof(is));
		if (!strcmp(is, path))
			return dir[i];
	}
	return NULL;
}

unsigned int unit_sysfs_dirs(void)
{
	return nr_dirs;
}

void unit_sysfs_list(const struct kobject *kobj, char *buf, size_t size)
{
	const struct attribute_group **g;
	struct attribute **a;
	size_t n = 0;

	for (g = kobj->groups; g && *g; g++)
		for (a = (*g)->attrs; *a; a++)
			n += snprintf(buf + n, size - n, "%04o %s%s%s\n", (*a)->mode,
				      (*g)->name ?: "", (*g)->name ? "/" : "", (*a)->name);
	assert(n < size);
}

/* The file that @path names, and in @kobj the directory that it is in. */
static struct attribute *find_file(const char *path, struct kobject **kobj)
{
	const struct attribute_group **g;
	struct attribute **a;
	char is[256];
	unsigned int i;
	size_t n;

	for (i = 0; i < nr_dirs; i++) {
		*kobj = dir[i];
		path_of(dir[i], is, sizeof(is));
		n = strlen(is);
		for (g = dir[i]->groups; g && *g; g++)
			for (a = (*g)->attrs; *a; a++) {
				snprintf(is + n, sizeof(is) - n, "/%s%s%s",
					 (*g)->name ?: "", (*g)->name ? "/" : "",
					 (*a)->name);
				if (!strcmp(is, path))
					return *a;
			}
	}
	return NULL;
}

ssize_t unit_sysfs_read(const char *path, char *buf)
{
	static char page[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	struct kobject *kobj;
	struct attribute *a = find_file(path, &kobj);
	ssize_t n;

	if (!a)
		return -ENOENT;
	if (!(a->mode & 0444))
		return -EACCES;
	memset(page, 0x5a, sizeof(page));
	n = kobj->ktype->sysfs_ops->show(kobj, a, page);
	assert(n < (ssize_t)PAGE_SIZE && page[PAGE_SIZE] == 0x5a);
	if (n >= 0) {
		memcpy(buf, page, n);
		buf[n] = 0;
	}
	return n;
}

ssize_t unit_sysfs_write(const char *path, const char *text)
{
	struct kobject *kobj;
	struct attribute *a = find_file(path, &kobj);

	if (!a)
		return -ENOENT;
	if (!(a->mode & 0222))
		return -EACCES;
	return kobj->ktype->sysfs_ops->store(kobj, a, text, strlen(text));
}
