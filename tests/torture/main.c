// SPDX-License-Identifier: GPL-2.0-only
/* torture: random guests against the model, until time or operations are up. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "reduce.h"
#include "script.h"
#include "vmm/clock.h"

#define OPS_OF_A_VM	3000
#define OPS_OF_A_LONG_ONE	12000
#define REDUCE_TRIES	200
#define PROGRESS_S	10
#define SCRIPTS		10	/* seeds whose steps are printed and read */

static const char usage[] =
	"Usage: torture [OPTION...]\n"
	"Runs random SNP guests and VMMs, and compares all that the rmp_enforce module says\n"
	"and does with a model of its rule. Needs an SNP host with the module loaded.\n"
	"\n"
	"  --seed N       the first VM's; the next has N + 1 (default: random)\n"
	"  --ops N        stop after N operations\n"
	"  --time S       stop after S seconds (default: 20)\n"
	"  --as-is        prints the steps of a failure without making them fewer\n"
	"  --script FILE  runs the steps of a file, as printed at a failure, instead\n"
	"  --print        prints the steps of the VM with this seed\n"
	"  --help         this text\n"
	"\n"
	"Exit status: 0 no difference, 1 a difference, 2 wrong usage.\n";

struct options {
	uint64_t seed, ops, time;
	const char *script;
	bool print, as_is;
};

struct totals {
	uint64_t vms, ops, rounds, records, pscs, guest_errors;
	uint64_t waits, settled, discarded, skipped, places;
	uint64_t near, soon, far;
	uint64_t walks, stacks, nmis, irqs, grants, partial, late, cut_short, ranges, unknown;
};

/*
 * One VM in four lives long enough to make more PSCs than the module remembers, and
 * records in more than one interval of the log's limit.
 */
static unsigned int ops_of(uint64_t seed)
{
	return seed % 4 ? OPS_OF_A_VM : OPS_OF_A_LONG_ONE;
}

static void report_failure(struct steps *s, const struct life_result *r, bool as_is)
{
	struct life_result again;

	printf("# %s\n", r->why);
	if (as_is) {
		script_print(stdout, s, "#: ");
		return;
	}
	printf("# making it shorter, from %zu steps\n", s->n);
	again = reduce(s, REDUCE_TRIES);
	if (again.ok) {
		printf("# it did not fail again\n");
		return;
	}
	printf("# with %zu steps: %s\n# to repeat it, give these lines to --script:\n", s->n,
	       again.why);
	script_print(stdout, s, "#: ");
}

static bool one_vm(struct steps *s, struct totals *t, bool as_is)
{
	struct life_result r = live(s);

	t->vms++;
	t->ops += r.ops;
	t->rounds += r.rounds;
	t->records += r.records;
	t->pscs += r.pscs;
	t->guest_errors += r.guest_errors;
	t->waits += r.waits;
	t->settled += r.settled;
	t->discarded += r.discarded;
	t->skipped += r.skipped;
	t->places += r.places;
	t->walks += r.walks;
	t->stacks += r.stacks;
	t->nmis += r.nmis;
	t->irqs += r.irqs;
	t->grants += r.grants;
	t->partial += r.partial;
	t->late += r.late;
	t->ranges += r.ranges;
	t->unknown += r.unknown;
	t->cut_short += r.cut_short;
	t->near += r.near;
	t->soon += r.soon;
	t->far += r.far;
	if (!r.ok)
		report_failure(s, &r, as_is);
	return r.ok;
}

static void progress(const struct totals *t, double took)
{
	printf("# %lu operations in %.0f s (%.0f/s): %lu VMs, %lu rounds, %lu PSCs, %lu records, %lu enforced\n",
	       t->ops, took, t->ops / took, t->vms, t->rounds, t->pscs, t->records,
	       t->guest_errors);
	printf("# of these: %lu accesses waited, %lu records at a refusal; pages: %lu discarded, %lu not prefaulted; %lu sites\n",
	       t->waits, t->settled, t->discarded, t->skipped, t->places);
	printf("# accesses that had #VC before: %lu again by exits, %lu by time, %lu others\n",
	       t->near, t->soon, t->far);
	printf("# records of walks: %lu, of stacks: %lu; %lu NMIs, %lu interrupts; %lu rights for VMPL 1; launches and prefaults cut short: %lu\n",
	       t->walks, t->stacks, t->nmis, t->irqs, t->grants, t->cut_short);
	printf("# late loads: %lu, records by KVM's attribute: %lu; VMs with too many PSCs, or nearly so: %lu, records of what is forgotten: %lu\n",
	       t->late, t->partial, t->ranges, t->unknown);
	fflush(stdout);
}

static bool torture(const struct options *o)
{
	double start = now_s(), next = start + PROGRESS_S;
	struct totals t = { 0 };
	bool ok = true;

	for (uint64_t seed = o->seed; ok; seed++) {
		struct steps s = { 0 };

		generate(&s, seed, ops_of(seed));
		ok = one_vm(&s, &t, o->as_is);
		if (!ok)
			printf("# the seed was %lu\n", seed);
		steps_free(&s);
		if (now_s() >= next) {
			progress(&t, now_s() - start);
			next = now_s() + PROGRESS_S;
		}
		if (o->ops ? t.ops >= o->ops : now_s() - start >= o->time)
			break;
	}
	progress(&t, now_s() - start);
	return ok && t.ops;
}

/* What is printed at a failure has to be what failed. */
static bool scripts_keep_steps(uint64_t seed)
{
	bool ok = true;

	for (unsigned int n = 0; ok && n < SCRIPTS; n++) {
		struct steps s = { 0 };
		size_t at = 0;

		generate(&s, seed + n, ops_of(seed + n));
		ok = s.n && script_keeps(&s, &at);
		if (!ok)
			printf("# seed %lu: step %zu is another one once it was printed and read\n",
			       seed + n, at);
		steps_free(&s);
	}
	return ok;
}

static int run_script_file(const struct options *o)
{
	struct steps s = { 0 };
	struct totals t = { 0 };
	double start = now_s();
	bool ok;

	if (!script_read(o->script, &s))
		return 2;
	printf("KTAP version 1\n1..1\n");
	ok = one_vm(&s, &t, o->as_is) && t.ops;
	progress(&t, now_s() - start);
	printf("%s 1 torture.script\n", ok ? "ok" : "not ok");
	return !ok;
}

static bool number(const char *text, uint64_t *n)
{
	char *end;

	*n = strtoull(text, &end, 0);
	return *text && !*end;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "ops", required_argument, NULL, 'o' },
		{ "time", required_argument, NULL, 't' },
		{ "script", required_argument, NULL, 'f' },
		{ "print", no_argument, NULL, 'p' },
		{ "as-is", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			ok = number(optarg, &o->seed);
			break;
		case 'o':
			ok = number(optarg, &o->ops);
			break;
		case 't':
			ok = number(optarg, &o->time);
			break;
		case 'f':
			o->script = optarg;
			break;
		case 'p':
			o->print = true;
			break;
		case 'a':
			o->as_is = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			ok = false;
		}
	}
	return ok && optind == argc;
}

int main(int argc, char **argv)
{
	struct options o = { .time = 20 };
	uint32_t seed;
	bool ok, keep;

	if (getrandom(&seed, sizeof(seed), 0) == sizeof(seed))
		o.seed = seed;
	if (!parse(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.print) {
		struct steps s = { 0 };

		generate(&s, o.seed, ops_of(o.seed));
		script_print(stdout, &s, "");
		steps_free(&s);
		return 0;
	}
	if (o.script)
		return run_script_file(&o);
	printf("KTAP version 1\n1..2\n# seed %lu\n", o.seed);
	keep = scripts_keep_steps(o.seed);
	printf("%s 1 torture.scripts\n", keep ? "ok" : "not ok");
	ok = torture(&o);
	printf("%s 2 torture.random\n", ok ? "ok" : "not ok");
	return !ok || !keep;
}
