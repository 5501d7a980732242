// SPDX-License-Identifier: GPL-2.0-only
/* All scenarios, in the order in which they are run. */
#include <string.h>
#include "demo.h"
#include "scenario.h"

const struct scenario_group *const groups[] = {
	&plain_group, &classes_group, &psc_group, &answers_group, &inflight_group, &actions_group,
	&progress_group, &modes_group, &verdicts_group, &vmm_group, &prefault_group,
	&discard_group, &unbacked_group, &slots_group, &evidence_group, &totals_group,
	&sites_group, &history_group,
	&noise_group, &privilege_group, &bugs_group, &stress_group, &lifecycle_group,
	&load_refused_group, &unload_group, &ftrace_group, &bpf_group, &load_order_group,
	&refusal_group, &dead_group,
	NULL
};

int run_command(const char *word)
{
	return strcmp(word, "demo") ? -1 : demo();
}
