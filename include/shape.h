/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this kernel the one that the module was compiled for?
 */
#ifndef RMPE_SHAPE_H
#define RMPE_SHAPE_H

struct rmpe_hook;

int rmpe_shape_check(struct rmpe_hook *const *hooks);

#endif
