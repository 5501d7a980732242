// SPDX-License-Identifier: GPL-2.0-only
/* What a scenario costs the host: kernel memory and log lines. */
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "e2e/kmsg.h"
#include "fire.h"

#define CACHES_KIB	128	/* what the kernel may have more in its own caches */

static uint64_t meminfo(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

/* What is freed stays in KASAN's quarantine until its cache is shrunk. */
static void empty_quarantine(void)
{
	glob_t g;

	if (!glob("/sys/kernel/slab/*/shrink", 0, NULL, &g))
		for (size_t i = 0; i < g.gl_pathc; i++)
			file_write(g.gl_pathv[i], "1");
	globfree(&g);
}

uint64_t fire_kernel_kib(void)
{
	char buf[4096];

	if (scenario_slowness > 1)
		empty_quarantine();
	/* Per-VM memory is freed after RCU grace periods. */
	file_write("/proc/sys/vm/drop_caches", "3");
	usleep(300000);
	if (!file_read("/proc/meminfo", buf, sizeof(buf)))
		return 0;
	return meminfo(buf, "SUnreclaim:") + meminfo(buf, "VmallocUsed:") +
	       meminfo(buf, "Percpu:");
}

/*
 * How much it has grown. If it is more than @most once more, for a while: the kernel
 * collects what is freed after RCU grace periods for up to 5 s (kvfree_rcu()).
 */
static long grown_since(uint64_t before, long most)
{
	double end = now_s() + 8;
	long grown;

	while ((grown = fire_kernel_kib() - before) > most && now_s() < end)
		usleep(500000);
	return grown;
}

void fire_expect_flat(uint64_t before, unsigned int n, double each_kib)
{
	/* Checkers of memory keep for a while what was freed. */
	long most = CACHES_KIB + (scenario_slowness > 1 ? 64 : each_kib) * n;
	long grown = grown_since(before, most);

	diag("kernel memory %ld KiB more, %.2f for each of %u", grown, (double)grown / n, n);
	check(grown <= most, "kernel memory grows by %ld KiB, more than %ld", grown, most);
}

unsigned int fire_log_lines(const char *prefix)
{
	static struct kmsg k;
	static bool open;
	char line[KMSG_LINE];
	unsigned int n = 0;

	if (!open)
		open = kmsg_open(&k, false);
	while (kmsg_next(&k, line))
		n += !strncmp(line, prefix, strlen(prefix));
	check(!k.lost, "records of the kernel log were overwritten before they were read");
	return n;
}

/* The module's limits, in an interval. */
#define INTERVAL_S	5
#define RECORDS_OF_VM	10	/* acted upon, and as many others */
#define RECORDS_OF_ALL	200	/* likewise */
#define COMINGS_GOINGS	100
#define LOSSES		20

static struct {
	pthread_t thread;
	volatile bool stop;
	struct kmsg log;
	unsigned int lines;
	uint64_t kib;
	double begun;
} cost;

/* All the time, since the log's buffer may be overwritten in seconds. */
static void *count_lines(void *arg)
{
	char line[KMSG_LINE];
	bool last;

	do {
		last = cost.stop;
		while (kmsg_next(&cost.log, line))
			cost.lines += !strncmp(line, MODULE_NAME ": ", strlen(MODULE_NAME ": "));
		usleep(20000);
	} while (!last);
	return arg;
}

void fire_cost_begin(void)
{
	cost.stop = false;
	cost.lines = 0;
	cost.kib = fire_kernel_kib();
	if (!kmsg_open(&cost.log, false) ||
	    pthread_create(&cost.thread, NULL, count_lines, NULL))
		give_up("the kernel log can't be followed");
	cost.begun = now_s();
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static double most_lines(unsigned int vms, double seconds)
{
	/* One interval may have begun before, and one end after. */
	double intervals = seconds / INTERVAL_S + 2;

	/* Of each VM the first record that was acted upon, and its end, beside these. */
	return 2 * least(vms * RECORDS_OF_VM, RECORDS_OF_ALL) * intervals + 2 * vms +
	       least(2 * vms, COMINGS_GOINGS * intervals) + least(vms, LOSSES * intervals);
}

void fire_cost_end(unsigned int vms, long max_kib)
{
	double took = now_s() - cost.begun, lines = most_lines(vms, took);
	long kib;

	/* Checkers of memory keep for a while what was freed. */
	max_kib *= scenario_slowness > 1 ? 16 : 1;
	cost.stop = true;
	pthread_join(cost.thread, NULL);
	kmsg_close(&cost.log);
	kib = grown_since(cost.kib, max_kib);
	diag("cost: %ld KiB kernel memory, %u log lines, %.1f s", kib, cost.lines, took);
	check(!cost.log.lost, "records of the kernel log were overwritten before they were read");
	check(cost.lines <= lines, "%u log lines, more than %.0f", cost.lines, lines);
	check(kib <= max_kib, "%ld KiB of kernel memory, more than %ld", kib, max_kib);
}
