// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of the host.
 */
#include "totals.h"

struct rmpe_totals rmpe_totals;
