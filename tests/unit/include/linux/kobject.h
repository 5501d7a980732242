/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KOBJECT_H
#define UNIT_LINUX_KOBJECT_H

#include <linux/container_of.h>
#include <linux/sysfs.h>
#include <linux/types.h>

struct kset;

struct kobj_type {
	void (*release)(struct kobject *kobj);
	const struct sysfs_ops *sysfs_ops;
	const struct attribute_group **default_groups;
};

/**
 * struct kobject - a directory
 * @name: its name, allocated
 * @parent: where it is, held
 * @kset: which it belongs to
 * @ktype: what it is
 * @groups: its files
 * @refs: who holds it
 * @in_sysfs: it is there
 */
struct kobject {
	char *name;
	struct kobject *parent;
	struct kset *kset;
	const struct kobj_type *ktype;
	const struct attribute_group **groups;
	int refs;
	bool in_sysfs;
};

struct kset_uevent_ops {
	int (*filter)(const struct kobject *kobj);
	const char *(*name)(const struct kobject *kobj);
};

struct kset {
	struct kobject kobj;
	const struct kset_uevent_ops *uevent_ops;
};

struct kobj_attribute {
	struct attribute attr;
	ssize_t (*show)(struct kobject *kobj, struct kobj_attribute *attr, char *buf);
	ssize_t (*store)(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count);
};

enum kobject_action {
	KOBJ_ADD,
	KOBJ_REMOVE,
	KOBJ_CHANGE,
};

extern struct kobject *kernel_kobj;
extern const struct sysfs_ops kobj_sysfs_ops;

__attribute__((format(printf, 4, 5)))
int kobject_init_and_add(struct kobject *kobj, const struct kobj_type *ktype,
			 struct kobject *parent, const char *fmt, ...);
struct kobject *kobject_create_and_add(const char *name, struct kobject *parent);
struct kobject *kobject_get(struct kobject *kobj);
void kobject_put(struct kobject *kobj);
void kobject_del(struct kobject *kobj);

struct kset *kset_create_and_add(const char *name, const struct kset_uevent_ops *ops,
				 struct kobject *parent);
void kset_unregister(struct kset *kset);

int kobject_uevent_env(struct kobject *kobj, enum kobject_action action, char *envp[]);

#endif
