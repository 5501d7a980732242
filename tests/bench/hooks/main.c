// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module's hooks cost, seen from inside guests: ticks of the time stamp
 * counter for one PSC, one #NPF that KVM resolves, one exit to the VMM, one
 * violation; without the module, and with it in each mode.  One line of JSON for
 * each figure.
 *
 * Under QEMU's -icount shift=0 a tick is one instruction, of whatever runs on
 * the simulated machine between two time stamps of a vCPU.
 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "module.h"
#include "vmm/vmm.h"

static const char *const configs[] = { "absent", "off", "lenient", "strict" };

static struct samples samples[2];

static void use_config(const char *config)
{
	bool loaded = module_loaded(MODULE_NAME);

	if (!strcmp(config, "absent")) {
		if (loaded && module_unload(MODULE_NAME))
			vmm_die("the module can't be unloaded");
		return;
	}
	if (!loaded && module_load("mode=off"))
		vmm_die("the module can't be loaded");
	if (knob_write("mode", config))
		vmm_die("mode %s can't be set", config);
}

/* Operations are chosen as VM/NAME. */
static bool chosen(const char *pattern, const char *vm, const char *name)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", vm, name);
	return !fnmatch(pattern, full, 0);
}

static void measure(const char *config, unsigned int nvcpus, const char *ops)
{
	static const char *const plain_names[] = {
		[PLAIN_TOUCH]	= "#NPF",
		[PLAIN_OUT]	= "exit to the VMM, port I/O",
	};
	unsigned int i, k;
	const char *kind[2];

	use_config(config);
	for (i = 0; i < nr_snp_ops; i++) {
		const char *name = snp_op_name(i);

		if (!chosen(ops, "snp", name) || !snp_op_for(i, nvcpus))
			continue;
		snp_measure(i, nvcpus, samples, kind);
		for (k = 0; k < 2 && kind[k]; k++)
			samples_print(&samples[k], "snp", kind[k], nvcpus, config);
	}
	for (i = 0; nvcpus == 1 && i < 2; i++) {
		if (!chosen(ops, "ordinary", plain_names[i]))
			continue;
		plain_measure(i, samples);
		samples_print(samples, "ordinary", plain_names[i], 1, config);
	}
}

static void usage(FILE *f)
{
	fputs("usage: hooks-bench [--vcpus N] [--rounds N] [--ops PATTERN] [--configs PATTERN]\n"
	      "  --vcpus N      with 1, 2, ... N vCPUs, doubling (1)\n"
	      "  --rounds N     all of it N times (1)\n"
	      "  --ops PATTERN  only those that match, as a shell would: snp/PSC*, ordinary/*\n"
	      "  --configs PATTERN  absent, off, lenient, strict\n", f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vcpus", required_argument, NULL, 'v' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "ops", required_argument, NULL, 'o' },
		{ "configs", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int max_vcpus = 1, rounds = 1, r, n, c;
	const char *ops = "*", *only = "*";
	unsigned int i;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'v':
			max_vcpus = atoi(optarg);
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		case 'o':
			ops = optarg;
			break;
		case 'c':
			only = optarg;
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (max_vcpus < 1 || max_vcpus > GUEST_MAX_VCPUS || rounds < 1) {
		usage(stderr);
		return 2;
	}

	/* The log's cost is measured, not that of a serial line's. */
	file_write("/proc/sys/kernel/printk", "1 4 1 7");
	/* All configurations in each round: what changes with time hits all alike. */
	for (r = 0; r < rounds; r++)
		for (i = 0; i < sizeof(configs) / sizeof(*configs); i++)
			for (n = 1; n <= max_vcpus; n *= 2)
				if (!fnmatch(only, configs[i], 0))
					measure(configs[i], n, ops);
	use_config("absent");
	return 0;
}
