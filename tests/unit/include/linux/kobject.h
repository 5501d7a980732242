/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KOBJECT_H
#define UNIT_LINUX_KOBJECT_H

struct kobject {
	int unused;
};

enum kobject_action {
	KOBJ_ADD,
	KOBJ_REMOVE,
	KOBJ_CHANGE,
};

int kobject_uevent_env(struct kobject *kobj, enum kobject_action action, char *envp[]);

#endif
