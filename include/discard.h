/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private pages that the VMM takes away.
 */
#ifndef RMPE_DISCARD_H
#define RMPE_DISCARD_H

#include <linux/types.h>

struct file;

long rmpe_gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);

#endif
