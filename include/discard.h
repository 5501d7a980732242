/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private pages that the VMM takes away.
 */
#ifndef RMPE_DISCARD_H
#define RMPE_DISCARD_H

struct rmpe_hook;

extern struct rmpe_hook rmpe_hook_gmem_fallocate;

#endif
