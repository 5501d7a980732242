/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that are populated at launch.
 */
#ifndef RMPE_LAUNCH_H
#define RMPE_LAUNCH_H

struct rmpe_hook;

extern struct rmpe_hook rmpe_hook_populate;

#endif
