// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "vmm/vmm.h"

void samples_add(struct samples *s, double ticks)
{
	if (s->n == sizeof(s->ticks) / sizeof(*s->ticks))
		vmm_die("too many samples");
	s->ticks[s->n++] = ticks;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void samples_print(struct samples *s, const char *vm, const char *op,
		   unsigned int nvcpus, const char *config)
{
	double sum = 0;
	unsigned int i;

	if (!s->n)
		vmm_die("%s: nothing was measured", op);
	qsort(s->ticks, s->n, sizeof(*s->ticks), compare);
	for (i = 0; i < s->n; i++)
		sum += s->ticks[i];
	printf("{\"group\": \"hooks\", \"vm\": \"%s\", \"op\": \"%s\", \"vcpus\": %u, \"config\": \"%s\", \"unit\": \"ticks\", \"value\": %.0f, \"q1\": %.0f, \"q3\": %.0f, \"mean\": %.0f, \"n\": %u}\n",
	       vm, op, nvcpus, config, s->ticks[s->n / 2], s->ticks[s->n / 4],
	       s->ticks[s->n * 3 / 4], sum / s->n, s->n);
	fflush(stdout);
	s->n = 0;
}
