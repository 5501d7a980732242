/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef REDUCE_H
#define REDUCE_H

#include "life.h"

/*
 * Makes failing steps fewer, in at most @tries runs.  Returns the last failure;
 * .ok if the steps did not fail again.
 */
struct life_result reduce(struct steps *s, unsigned int tries);

#endif
