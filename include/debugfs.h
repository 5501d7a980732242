/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /sys/kernel/debug/rmp_enforce: page-state map, PSC history, last violations.
 */
#ifndef RMPE_DEBUGFS_H
#define RMPE_DEBUGFS_H

struct rmpe_vm;

void rmpe_debugfs_init(void);
void rmpe_debugfs_exit(void);
void rmpe_debugfs_add_vm(struct rmpe_vm *vm);
void rmpe_debugfs_remove_vm(struct rmpe_vm *vm);

#endif
