// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runner: each scenario in a process of its own, KTAP on stdout, and a
 * failed run if the kernel complained at any time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guard.h"
#include "kmsg.h"
#include "module.h"
#include "vmm/clock.h"

#define TIMEOUT_S	90
#define TIMEOUT_SLOW_S	180
#define TIMEOUT_LONG_S	600
#define LOG_EVERY_US	10000

unsigned int scenario_failures, scenario_slowness = 1;

static void vdiag(const char *where, const char *fmt, va_list ap)
{
	printf("# %s", where);
	vprintf(fmt, ap);
	putchar('\n');
}

void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdiag("", fmt, ap);
	va_end(ap);
}

void note_failure(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char where[64];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vdiag(where, fmt, ap);
	va_end(ap);
	scenario_failures++;
}

void give_up(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdiag("", fmt, ap);
	va_end(ap);
	fflush(stdout);
	_exit(1);
}

/* --- one scenario --- */

/* What the kernel logged since the last call; false if it complained. */
static bool kernel_is_sane(struct kmsg *k)
{
	char line[KMSG_LINE];
	bool sane = true;

	while (kmsg_next(k, line)) {
		if (kmsg_is_splat(k, line)) {
			diag("kernel log: %s", line);
			sane = false;
		}
	}
	if (k->lost) {
		diag("records of the kernel log were overwritten before they were read");
		k->lost = false;
		sane = false;
	}
	return sane;
}

static bool run_child(const struct scenario *s, struct kmsg *k)
{
	bool sane = true;
	int status = 1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		diag("fork: %s", strerror(errno));
		return false;
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm((s->flags & SC_LONG ? TIMEOUT_LONG_S :
		       s->flags & SC_SLOW ? TIMEOUT_SLOW_S : TIMEOUT_S) * scenario_slowness);
		guard_listen();
		s->fn(s->arg);
		fflush(stdout);
		_exit(scenario_failures ? 1 : 0);
	}
	/* The log holds 128K, a long scenario's lines are more. */
	while (!waitpid(pid, &status, WNOHANG)) {
		sane &= kernel_is_sane(k);
		usleep(LOG_EVERY_US);
	}
	if (WIFSIGNALED(status)) {
		if (WTERMSIG(status) == SIGALRM)
			diag("timed out");
		else
			diag("killed by signal %d", WTERMSIG(status));
	}
	return sane && WIFEXITED(status) && !WEXITSTATUS(status);
}

/*
 * KVM patches kernel text when the first VM comes and when the last one goes
 * (preempt_notifier_inc()).  An idle VM through the whole run spares the host
 * that: it is slow under emulation, and patching code that another CPU runs is
 * what emulators are worst at.
 */
static void keep_idle_vm(bool keep)
{
	static int kvm = -1, vm = -1;

	if (keep && vm < 0) {
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
	} else if (!keep && vm >= 0) {
		close(vm);
		close(kvm);
		vm = -1;
	}
}

static bool prepare(const struct scenario *s)
{
	int r;

	keep_idle_vm(!(s->flags & SC_NO_IDLE_VM));
	if (!(s->flags & (SC_UNLOADED | SC_NO_SNP)))
		return module_reset();
	if (!module_loaded(MODULE_NAME))
		return true;
	r = module_unload(MODULE_NAME);
	if (r)
		diag("rmmod %s: %s", MODULE_NAME, strerror(r));
	return !r;
}

static bool run_scenario(const struct scenario *s, unsigned int number, struct kmsg *k)
{
	uint64_t start = now_us();
	bool ok;

	ok = prepare(s) && run_child(s, k);
	ok = kernel_is_sane(k) && ok;
	diag("%s: %lu ms", s->name, (now_us() - start) / 1000);
	printf("%s %u %s\n", ok ? "ok" : "not ok", number, s->name);
	fflush(stdout);
	return ok;
}

/* --- which scenarios --- */

struct selection {
	const char *patterns[32];
	unsigned int count;
	unsigned int want_flag, without_flag;
};

static bool selected(const struct selection *sel, const struct scenario *s)
{
	if ((s->flags & sel->want_flag) != sel->want_flag || s->flags & sel->without_flag)
		return false;
	for (unsigned int i = 0; i < sel->count; i++) {
		if (!fnmatch(sel->patterns[i], s->name, 0))
			return true;
	}
	return !sel->count;
}

#define for_each_scenario(s)						\
	for (const struct scenario_group *const *g_ = groups; *g_; g_++)	\
		for (const struct scenario *s = (*g_)->scenario;		\
		     s < (*g_)->scenario + (*g_)->count; s++)

static int run_all(const struct selection *sel)
{
	unsigned int total = 0, number = 0, failed = 0;
	struct kmsg k;

	if (!kmsg_open(&k, true)) {
		printf("Bail out! /dev/kmsg can't be opened\n");
		return 1;
	}
	for_each_scenario(s)
		total += selected(sel, s);
	printf("KTAP version 1\n1..%u\n", total);
	if (!kernel_is_sane(&k)) {
		printf("Bail out! the kernel had complained before the first scenario\n");
		return 1;
	}
	for_each_scenario(s) {
		if (selected(sel, s) && !run_scenario(s, ++number, &k))
			failed++;
	}
	printf("# Totals: pass:%u fail:%u skip:0\n", total - failed, failed);
	fflush(stdout);
	return failed || !total;
}

/* --- command line --- */

static const char usage[] =
	"Usage: e2e [OPTION...] [demo]\n"
	"Runs scenarios of SNP guests, VMMs and the rmp_enforce module; output is KTAP.\n"
	"\n"
	"  --list             names of the scenarios\n"
	"  --run PATTERN      only those (shell pattern; may be given several times)\n"
	"  --loads            those that load the module themselves\n"
	"  --guests           the others\n"
	"  --no-snp           those for a host that can't run SNP guests\n"
	"  --modules FOLDER   where rmp_enforce.ko, busyhook.ko and failcalls.ko are\n"
	"                     (default: /mod)\n"
	"  demo               shows one guest bug four ways, as text\n"
	"  --help             this text\n"
	"\n"
	"Exit status: 0 all passed, 1 some failed, 2 wrong usage.\n";

static void mount_once(const char *type, const char *where)
{
	/* EBUSY: somebody has; other errors show in the scenarios that need it. */
	if (mount(type, where, type, 0, NULL) && errno != EBUSY)
		diag("mounting %s on %s: %s", type, where, strerror(errno));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "run", required_argument, NULL, 'r' },
		{ "loads", no_argument, NULL, 'L' },
		{ "guests", no_argument, NULL, 'G' },
		{ "no-snp", no_argument, NULL, 'n' },
		{ "modules", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct selection sel = { .without_flag = SC_NO_SNP };
	bool list = false;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getenv("RMP_SLOW") && atoi(getenv("RMP_SLOW")) > 0)
		scenario_slowness = atoi(getenv("RMP_SLOW"));
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			list = true;
			break;
		case 'r':
			if (sel.count < sizeof(sel.patterns) / sizeof(*sel.patterns))
				sel.patterns[sel.count++] = optarg;
			break;
		case 'L':
			sel.want_flag |= SC_UNLOADED;
			break;
		case 'G':
			sel.without_flag |= SC_UNLOADED;
			break;
		case 'n':
			sel.want_flag = SC_NO_SNP;
			sel.without_flag = 0;
			break;
		case 'm':
			module_dir = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (access("/proc/self/fail-nth", F_OK))
		sel.without_flag |= SC_FAULTS;
	if (access("/proc/sys/net/core/bpf_jit_enable", F_OK))
		sel.without_flag |= SC_BPF;
	if (list) {
		for_each_scenario(s)
			puts(s->name);
		return 0;
	}
	mount_once("debugfs", "/sys/kernel/debug");
	mount_once("tracefs", TRACEFS);
	if (optind < argc) {
		int r = run_command(argv[optind]);

		if (r >= 0)
			return r;
		fputs(usage, stderr);
		return 2;
	}
	return run_all(&sel);
}
