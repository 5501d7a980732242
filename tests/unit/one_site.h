/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A site for tests of what holds sites, and looks at these two only.
 */
#ifndef UNIT_ONE_SITE_H
#define UNIT_ONE_SITE_H

#include "test.h"

#include "site.h"

static inline struct rmpe_site *new_site(u64 rip, u8 cpl)
{
	struct rmpe_site *site = rmpe_site_alloc();

	assert_non_null(site);
	site->reg[RMPE_REG_RIP] = rip;
	site->cpl = cpl;
	return site;
}

#endif
