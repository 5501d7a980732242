/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KOBJECT_H
#define UNIT_LINUX_KOBJECT_H

struct kobject {
	int unused;
};

#endif
