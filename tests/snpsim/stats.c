// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters since start, for the log.
 */
#include "stats.h"

#include "cpu.h"
#include "lib.h"

#define MEGA	1000000ul

static struct stats stats[MAX_CPUS];

static const char *const names[STATS_KINDS] = { "host", "SNP guests", "other guests", "#VC" };

void stats_count(enum stats_kind kind, u64 code)
{
	stats[this_cpu()->id].exits[kind][code < STATS_NR_CODES ? code : 0]++;
}

void stats_run(enum stats_kind kind, u64 start)
{
	stats[this_cpu()->id].cycles[kind] += rdtsc() - start;
}

void stats_log(void)
{
	unsigned int kind, code, i;

	for (kind = 0; kind < STATS_KINDS; kind++) {
		u64 cycles = 0, all = 0;

		for (i = 0; i < nr_cpus; i++)
			cycles += stats[i].cycles[kind];
		for (code = 0; code < STATS_NR_CODES; code++) {
			u64 n = 0;

			for (i = 0; i < nr_cpus; i++)
				n += stats[i].exits[kind][code];
			if (n)
				log("%s: exit %x: %lu", names[kind], code, n);
			all += n;
		}
		if (all)
			log("%s: %lu exits, %lu million cycles", names[kind], all, cycles / MEGA);
	}
}
