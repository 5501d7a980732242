/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this kernel the one that the module was compiled for?
 */
#ifndef RMPE_SHAPE_H
#define RMPE_SHAPE_H

#include <linux/types.h>

int rmpe_shape_check(void);
bool rmpe_shape_knows_gmem(void);

#endif
