/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking again and again at what another thread or the guest does.  A look costs an
 * emulated CPU up to a tenth of a millisecond, which it takes from those that are waited
 * for: so the longer a wait has lasted, the longer is the pause, an eighth of it or so.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <unistd.h>

#define PAUSE_US	200
#define LOOKS_A_STEP	8
#define STEPS		4	/* the pause doubles with each: 3.2 ms in the end */

/* @looks: how many there were before */
static inline void pause_between_looks(unsigned int looks)
{
	unsigned int step = looks / LOOKS_A_STEP;

	usleep(PAUSE_US << (step < STEPS ? step : STEPS));
}

#endif
