// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ratelimit.h>

#include <stddef.h>

void (*unit_ratelimit_asked)(struct ratelimit_state *rs);
