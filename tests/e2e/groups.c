// SPDX-License-Identifier: GPL-2.0-only
/* All scenarios, in the order in which they are run. */
#include <string.h>
#include "demo.h"
#include "scenario.h"

const struct scenario_group *const groups[] = {
	&plain_group, &classes_group, &psc_group, &answers_group, &actions_group, &modes_group,
	&vmm_group, &slots_group, &evidence_group, &bugs_group, &stress_group, &lifecycle_group,
	&load_refused_group, &ftrace_group, &load_order_group, &refusal_group,
	NULL
};

int run_command(const char *word)
{
	return strcmp(word, "demo") ? -1 : demo();
}
