// SPDX-License-Identifier: GPL-2.0-only
/* What is written into settings: understood as a whole or not at all. */
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#include "input.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* A word that is accepted is one of the names, but for a newline at its end. */
static void check_word(const char *word, int n, const char *const *names, int last)
{
	size_t len = strlen(word);

	if (n < 0) {
		for (int i = 0; i <= last; i++)
			must(strcmp(word, names[i]) != 0);
		return;
	}
	must(n <= last && !strncmp(word, names[n], strlen(names[n])));
	must(len == strlen(names[n]) || !strcmp(word + strlen(names[n]), "\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rmpe_settings before = rmpe_global, after = rmpe_global;
	char *word = malloc(size + 1), *list;
	int r;

	memcpy(word, data, size);
	word[size] = '\0';
	list = strdup(word);
	check_word(word, rmpe_parse_mode(word, true), rmpe_mode_names, RMPE_MODE_STRICT);
	check_word(word, rmpe_parse_action(word, true), rmpe_action_names, RMPE_ACTION_TERMINATE);
	check_word(word, rmpe_parse_policy(word, true), rmpe_policy_names, RMPE_POLICY_REPORT);
	check_word(word, rmpe_parse_switch(word, true), rmpe_switch_names, RMPE_SWITCH_ON);
	must(rmpe_parse_mode(word, false) != RMPE_MODE_INHERIT);
	must(rmpe_parse_switch(word, false) != RMPE_SWITCH_INHERIT);

	r = rmpe_parse_policy_list(list, &after);
	must(!r || !memcmp(&before, &after, sizeof(before)));
	must(before.mode == after.mode && before.action == after.action);
	for (int i = 1; i < RMPE_NR_POLICIES; i++)
		must(after.policy[i] == RMPE_POLICY_ENFORCE ||
		     after.policy[i] == RMPE_POLICY_REPORT);
	free(list);
	free(word);
	return 0;
}
