/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SYSFS_H
#define UNIT_LINUX_SYSFS_H

#include <linux/types.h>

struct kobject;

struct attribute {
	const char *name;
	unsigned short mode;
};

struct attribute_group {
	const char *name;
	struct attribute **attrs;
};

struct sysfs_ops {
	ssize_t (*show)(struct kobject *kobj, struct attribute *attr, char *buf);
	ssize_t (*store)(struct kobject *kobj, struct attribute *attr, const char *buf,
			 size_t count);
};

#define __ATTR(_name, _mode, _show, _store) {				\
	.attr = { .name = #_name, .mode = (_mode) },			\
	.show = (_show),						\
	.store = (_store),						\
}

#define __ATTR_RO(_name)		__ATTR(_name, 0444, _name##_show, NULL)
#define __ATTR_RO_MODE(_name, _mode)	__ATTR(_name, _mode, _name##_show, NULL)
#define __ATTR_RW(_name)		__ATTR(_name, 0644, _name##_show, _name##_store)

__attribute__((format(printf, 2, 3)))
int sysfs_emit(char *buf, const char *fmt, ...);
int sysfs_create_groups(struct kobject *kobj, const struct attribute_group **groups);

#endif
