// SPDX-License-Identifier: GPL-2.0-only
/* A host that runs KVM guests, but no SEV-SNP: the module says so and stays out. */
#include <errno.h>
#include "guard.h"
#include "module.h"

static void no_snp(const void *arg)
{
	int r = module_load("");

	(void)arg;
	check(r == ENODEV, "insmod on a host without SNP: errno %d, not ENODEV", r);
	expect_log(MODULE_NAME ": refusing to load: ", "this host does not run SEV-SNP");
	check(!file_exists(SYSFS), "a refused load leaves " SYSFS " behind");
}

static const struct scenario scenarios[] = {
	{ "refusal.no_snp", no_snp, NULL, SC_NO_SNP },
};

GROUP(refusal_group, scenarios);
