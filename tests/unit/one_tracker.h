/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each test of a program with one tracker begins and ends with.
 */
#ifndef UNIT_ONE_TRACKER_H
#define UNIT_ONE_TRACKER_H

#include <unit/alloc.h>

#include "psc_tracker.h"

/* Empty at the start of each test. */
static struct rmpe_tracker t;

static int set_up(void **state)
{
	unit_reset();
	t = (struct rmpe_tracker){ };
	return 0;
}

/* Fails if memory is left. */
static int tear_down(void **state)
{
	rmpe_tracker_free(&t);
	return unit_live_objects() != 0;
}

#endif
