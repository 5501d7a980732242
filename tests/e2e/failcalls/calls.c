// SPDX-License-Identifier: GPL-2.0-only
/* Counts the registering calls of the module's start, and has one fail. */
#include "calls.h"

#include <linux/moduleparam.h>

static unsigned int fail;
module_param(fail, uint, 0444);
MODULE_PARM_DESC(fail, "Which registering call fails, from 1 (0: none)");

static unsigned int nr_calls;

bool call_fails(const char *name)
{
	/* Later there are VMs, whose calls are their own. */
	if (THIS_MODULE->state != MODULE_STATE_COMING || ++nr_calls != fail)
		return false;
	pr_info("call %u fails: %s\n", fail, name);
	return true;
}
