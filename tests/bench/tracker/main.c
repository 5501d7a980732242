// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's tracker beside the kernel's xarray as KVM uses it, on this
 * machine.  Results as JSON on standard output, progress on standard error.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <urcu.h>
#include <valgrind/callgrind.h>

#include "store.h"

#define GIB		(1ULL << 18)	/* in gfns */
#define LARGE		512ULL		/* 2M, in gfns */
#define WORST_PSC	(253 * LARGE)	/* 253 entries, all of 2M */
#define MAX_REPEATS	25

static const struct store *const stores[] = { &tracker_store, &xarray_store };

#define NR_STORES	2

/* Under callgrind: few repeats, and each operation's counts in a file. */
static bool counting;
static bool quick;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* One record of the output. */
static void result(const char *group, const char *op, const char *store,
		   const char *unit, double value)
{
	static bool started;

	printf("%s\n  {\"group\": \"%s\", \"op\": \"%s\", \"store\": \"%s\", \"unit\": \"%s\", \"value\": %.6g}",
	       started ? "," : "", group, op, store, unit, value);
	fflush(stdout);
	started = true;
}

static void count_begin(void)
{
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_TOGGLE_COLLECT;
	/* Last: what the start itself is booked with may be anything. */
	CALLGRIND_ZERO_STATS;
}

static void count_end(const char *group, const char *op, const char *store,
		      unsigned long n)
{
	char label[160];

	CALLGRIND_TOGGLE_COLLECT;
	snprintf(label, sizeof(label), "%s|%s|%s|%lu", group, op, store, n);
	CALLGRIND_DUMP_STATS_AT(label);
	CALLGRIND_STOP_INSTRUMENTATION;
}

/**
 * struct range_op - what a guest asks for
 * @name: for the tables
 * @npages: of one request
 * @span: requests are anywhere below this gfn, one after another if it is 0
 * @batch: requests that are timed together
 * @repeats: how often that is done
 */
struct range_op {
	const char *name;
	uint64_t npages;
	uint64_t span;
	unsigned int batch;
	unsigned int repeats;
};

static const struct range_op range_ops[] = {
	{ "1 page",			1,		16 * GIB, 4096, 25 },
	{ "1 page, 1 TiB guest",	1,		1024 * GIB, 4096, 25 },
	{ "2M",				LARGE,		16 * GIB, 64, 25 },
	{ "2M, 1 TiB guest",		LARGE,		1024 * GIB, 64, 25 },
	{ "253 x 2M",			WORST_PSC,	16 * GIB, 1, 15 },
	{ "guest of 16 GiB",		16 * GIB,	0, 1, 5 },
	{ "guest of 256 GiB",		256 * GIB,	0, 1, 1 },
	{ "guest of 1 TiB",		1024 * GIB,	0, 1, 1 },
};

/* Requests to private, then the same back to shared. */
static double run_requests(const struct store *s, const struct range_op *op,
			   uint64_t seed, unsigned int batch)
{
	uint64_t slots = op->span ? op->span / op->npages : 1;
	double start = now_ns();
	unsigned int i, to_private;

	for (to_private = 2; to_private--; ) {
		uint64_t state = seed;

		for (i = 0; i < batch; i++)
			s->set(store_random(&state) % slots * op->npages,
			       op->npages, to_private);
	}
	return (now_ns() - start) / (2.0 * batch);
}

static void measure_range(const struct range_op *op)
{
	double took[MAX_REPEATS];
	unsigned int i, k;

	if (quick && op->npages > 16 * GIB)
		return;
	for (k = 0; k < NR_STORES; k++) {
		const struct store *s = stores[k];
		unsigned int batch = op->batch, repeats = op->repeats;

		fprintf(stderr, "tracker bench: %s, %s\n", op->name, s->name);
		if (counting) {
			/* A warm-up, so that what is counted is no start. */
			batch = batch < 64 ? batch : 64;
			if (op->npages > WORST_PSC)
				continue;
			run_requests(s, op, 1, batch);
			count_begin();
			run_requests(s, op, 1, batch);
			count_end("range", op->name, s->name, 2 * batch);
		} else {
			for (i = 0; i < repeats; i++)
				took[i] = run_requests(s, op, i + 1, batch);
			result("range", op->name, s->name, "ns", median(took, repeats));
		}
		s->clear();
	}
}

/* What writing the tracker's two bits for each gfn would take. */
static void measure_memset(const struct range_op *op)
{
	size_t n = (op->npages + 3) / 4, i, batch = n > 65536 ? 1 : 4096;
	double took[9];
	char *p = malloc(n);
	unsigned int k;

	if (counting || (quick && op->npages > 16 * GIB))
		return;
	if (!p)
		exit(ENOMEM);
	memset(p, 1, n);
	for (k = 0; k < 9; k++) {
		double start = now_ns();

		for (i = 0; i < batch; i++) {
			memset(p, 0x55 << (k & 1), n);
			__asm__ volatile("" : : "r"(p) : "memory");
		}
		took[k] = (now_ns() - start) / batch;
	}
	free(p);
	result("range", op->name, "memset", "ns", median(took, 9));
}

enum pattern { UNIFORM, ALTERNATING, SPARSE, NR_PATTERNS };

static const char *const pattern_names[NR_PATTERNS] = {
	"uniform", "alternating", "sparse",
};

/* UNIFORM: all private; ALTERNATING: every other; SPARSE: one in each 2M shared. */
static void fill(const struct store *s, enum pattern p, uint64_t gfns)
{
	uint64_t gfn;

	s->set(0, gfns, true);
	if (p == ALTERNATING)
		for (gfn = 0; gfn < gfns; gfn += 2)
			s->set(gfn, 1, false);
	if (p == SPARSE)
		for (gfn = 7; gfn < gfns; gfn += LARGE)
			s->set(gfn, 1, false);
}

static uint64_t sink;

static void count_random(const char *op, const struct store *s, uint64_t gfns,
			 unsigned long n)
{
	count_begin();
	sink += s->get_random(gfns, n, 1);
	count_end("lookup", op, s->name, n);
	if (s != stores[0])
		return;
	count_begin();
	sink += loop_store.get_random(gfns, n, 1);
	count_end("lookup", op, loop_store.name, n);
}

static void count_sequential(const char *op, const struct store *s, uint64_t gfns,
			     unsigned long n)
{
	count_begin();
	sink += s->get_sequential(gfns, n);
	count_end("lookup", op, s->name, n);
	if (s != stores[0])
		return;
	count_begin();
	sink += loop_store.get_sequential(gfns, n);
	count_end("lookup", op, loop_store.name, n);
}

static void measure_lookups(enum pattern p, uint64_t gfns)
{
	const unsigned long n = counting ? 10000 : quick ? 1000000 : 10000000;
	double took[5];
	unsigned int i, k;
	char op[64];

	for (k = 0; k < NR_STORES; k++) {
		const struct store *s = stores[k];

		fprintf(stderr, "tracker bench: look-ups, %s, %s\n",
			pattern_names[p], s->name);
		fill(s, p, gfns);
		if (!counting)
			result("memory", pattern_names[p], s->name, "bytes", s->bytes());

		snprintf(op, sizeof(op), "random, %s", pattern_names[p]);
		if (counting)
			count_random(op, s, gfns, n);
		for (i = 0; !counting && i < 5; i++) {
			double start = now_ns();

			sink += s->get_random(gfns, n, i);
			took[i] = (now_ns() - start) / n;
		}
		if (!counting)
			result("lookup", op, s->name, "ns", median(took, 5));

		snprintf(op, sizeof(op), "sequential, %s", pattern_names[p]);
		if (counting)
			count_sequential(op, s, gfns, n);
		for (i = 0; !counting && i < 5; i++) {
			double start = now_ns();

			sink += s->get_sequential(gfns, n);
			took[i] = (now_ns() - start) / n;
		}
		if (!counting)
			result("lookup", op, s->name, "ns", median(took, 5));
		s->clear();
	}
}

/* Readers while a writer converts. */
struct reader {
	pthread_t thread;
	const struct store *store;
	uint64_t gfns;
	uint64_t seed;
	unsigned long looked_up;
};

static bool stop_readers;

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	uint64_t found = 0;

	rcu_register_thread();
	while (!__atomic_load_n(&stop_readers, __ATOMIC_RELAXED)) {
		found += r->store->get_random(r->gfns, 1000, r->seed++);
		r->looked_up += 1000;
	}
	rcu_unregister_thread();
	__atomic_add_fetch(&sink, found, __ATOMIC_RELAXED);
	return NULL;
}

static void measure_contended(unsigned int nr, uint64_t gfns)
{
	const double length = quick ? 0.5e9 : 2e9;
	struct reader r[16];
	unsigned int i, k;
	char op[64];

	for (k = 0; k < NR_STORES; k++) {
		const struct store *s = stores[k];
		unsigned long total = 0, written = 0;
		uint64_t seed = 1;
		double start, took;

		fprintf(stderr, "tracker bench: %u readers and a writer, %s\n", nr, s->name);
		fill(s, SPARSE, gfns);
		stop_readers = false;
		for (i = 0; i < nr; i++) {
			r[i] = (struct reader){
				.store = s, .gfns = gfns, .seed = i << 20,
			};
			if (pthread_create(&r[i].thread, NULL, reader_main, &r[i]))
				abort();
		}
		start = now_ns();
		do {
			uint64_t x = store_random(&seed);

			s->set(x & (gfns - 1), 1, x >> 63);
			written++;
			took = now_ns() - start;
		} while (took < length);
		__atomic_store_n(&stop_readers, true, __ATOMIC_RELAXED);
		for (i = 0; i < nr; i++) {
			pthread_join(r[i].thread, NULL);
			total += r[i].looked_up;
		}
		snprintf(op, sizeof(op), "random, %u reader%s beside a writer", nr,
			 nr == 1 ? "" : "s");
		result("lookup", op, s->name, "ns", took * nr / total);
		snprintf(op, sizeof(op), "1 page beside %u reader%s", nr,
			 nr == 1 ? "" : "s");
		result("range", op, s->name, "ns", took / written);
		s->clear();
	}
}

static void usage(FILE *f)
{
	fputs("usage: tracker-bench [--quick] [--count]\n"
	      "  --quick  no guest above 16 GiB, fewer look-ups\n"
	      "  --count  for valgrind --tool=callgrind: a dump for each operation\n", f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "count", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	unsigned int i;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			quick = true;
			break;
		case 'c':
			counting = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}

	rcu_register_thread();
	printf("[");
	for (i = 0; i < sizeof(range_ops) / sizeof(*range_ops); i++) {
		measure_range(&range_ops[i]);
		measure_memset(&range_ops[i]);
	}
	for (i = 0; i < NR_PATTERNS; i++)
		measure_lookups(i, 16 * GIB);
	if (!counting) {
		measure_contended(1, 16 * GIB);
		measure_contended(4, 16 * GIB);
	}
	printf("\n]\n");
	rcu_unregister_thread();
	return sink == 1;
}
