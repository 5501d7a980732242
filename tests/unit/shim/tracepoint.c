// SPDX-License-Identifier: GPL-2.0-only
#include <linux/tracepoint.h>

#include <stdio.h>

unsigned char unit_trace_entry[256];

/* The text lasts until the same is asked of another number without a name. */
const char *unit_symbolic(unsigned long long value, const struct unit_symbol *symbols)
{
	static char number[24];

	for (; symbols->name; symbols++)
		if (symbols->value == value)
			return symbols->name;
	snprintf(number, sizeof(number), "0x%llx", value);
	return number;
}
