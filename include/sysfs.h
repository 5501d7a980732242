/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /sys/kernel/rmp_enforce: docs/ABI/sysfs-kernel-rmp_enforce.
 */
#ifndef RMPE_SYSFS_H
#define RMPE_SYSFS_H

struct rmpe_vm;

int rmpe_sysfs_init(void);
void rmpe_sysfs_exit(void);
void rmpe_sysfs_add_vm(struct rmpe_vm *vm);
void rmpe_sysfs_remove_vm(struct rmpe_vm *vm);

#endif
