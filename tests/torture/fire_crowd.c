// SPDX-License-Identifier: GPL-2.0-only
/* One VM's noise is not another one's trouble, and a crowd's has a ceiling. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "fire.h"

#define LOG_INTERVAL_S	5
#define LOG_ALL		200	/* of all */
#define LOG_LIVES	100	/* that VMs came and went */
#define SETTLED		200	/* empty VMs until caches have their usual size */
#define PIECES		40	/* conversions that the quiet guest is timed over */

enum noise { NOISE_NONE, NOISE_WORK, NOISE_VIOLATIONS };

/* A VM with four vCPUs in another process, as noisy as it can. */
static pid_t start_noise(enum noise noise)
{
	struct vm *vm;
	pid_t pid;

	fflush(stdout);
	pid = noise == NOISE_NONE ? 0 : fork();
	if (noise == NOISE_NONE || pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vm = vm_create(&(struct vm_config){ .nvcpus = 4 });
	for (unsigned int i = 0; i < 4; i++) {
		if (noise == NOISE_WORK)
			fire_add_conversions(vm, i, GPA(i), FIRE_FOR_EVER);
		else
			fire_add_violations(vm, i, GPA(i * FIRE_PAGES), FIRE_FOR_EVER);
	}
	vm_start(vm);
	for (;;)
		pause();
}

/* The seconds that a well-behaved guest takes beside this noise. */
static double timed(enum noise noise, unsigned int *own_lines)
{
	pid_t pid = start_noise(noise);
	struct vm *vm;
	double took;

	if (pid > 0)
		sleep(2);
	vm = vm_create(NULL);
	fire_add_conversions(vm, 0, GPA(0), PIECES);
	/* And once it is at fault, which must be said. */
	op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);
	guard_launch(vm);
	took = now_s();
	run(vm);
	took = now_s() - took;
	expect_halted(vm, 0);
	*own_lines += count_records(vm, "class=first_touch");
	expect_counter(vm, "log_suppressed", 0);
	guard_forget(vm);
	vm_destroy(vm);
	fire_kill(pid);
	return took;
}

/*
 * How much a VM that does nothing but violate slows another one, compared with
 * one that does nothing but honest conversions: the CPUs are shared in any case.
 */
static void noisy_neighbour(const void *arg)
{
	unsigned int lines = 0, noisy_lines;
	double alone, work, violations, took;

	(void)arg;
	alone = timed(NOISE_NONE, &lines);
	work = timed(NOISE_WORK, &lines);
	fire_log_lines("");
	took = now_s();
	violations = timed(NOISE_VIOLATIONS, &lines);
	took = now_s() - took;
	noisy_lines = fire_log_lines(MODULE_NAME ": violation") - 1;
	diag("a quiet guest takes %.2f s alone, %.2f s beside a working VM, %.2f s beside a violating one",
	     alone, work, violations);
	diag("log lines of the violating VM in %.1f s: %u", took, noisy_lines);
	check(lines == 3, "%u of the quiet VM's 3 records came through", lines);
	check(violations < 3 * work + 0.5, "violations of one VM slow another one");
	check(noisy_lines <= LOG_BURST * (took / LOG_INTERVAL_S + 2), "%u lines in %.1f s",
	      noisy_lines, took);
}

/* VMs that come, violate and go: the log's ceiling, and what is left of them. */
static void vms_in_a_loop(const void *arg)
{
	double begun = now_s(), seconds = (uintptr_t)arg, took;
	unsigned int vms = 0, violations = 0;
	uint64_t kib = 0;

	fire_log_lines("");
	while (now_s() < begun + seconds) {
		struct vm *vm = vm_create(NULL);

		op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
		op_each_page(vm, 0, 2 * LOG_BURST);
		vm_start(vm);
		check(vm_wait(vm, PATIENCE_MS), "a guest did not end");
		vm_destroy(vm);
		vms++;
		if (vms == 5)
			kib = fire_kernel_kib();
		/* Before the log's buffer is full. */
		violations += fire_log_lines(MODULE_NAME ": violation");
	}
	took = now_s() - begun;
	diag("%u VMs with %u violations each in %.1f s: %u records in the log", vms,
	     2 * LOG_BURST, took, violations);
	check(violations <= LOG_ALL * (took / LOG_INTERVAL_S + 1), "%u records in %.1f s",
	      violations, took);
	check(violations >= LOG_BURST, "the log has %u records", violations);
	fire_expect_flat(kib, vms - 5, 4);
}

/* The number that the module gives the next VM. */
static unsigned int next_number(void)
{
	struct vm *vm = vm_create(NULL);
	unsigned int id;

	guard_find(vm);
	id = guard_id(vm);
	guard_forget(vm);
	vm_destroy(vm);
	return id;
}

/* VMs that nothing is ever done with: whoever may open /dev/kvm can make as many. */
static void empty_vms(const void *arg)
{
	unsigned int n = SETTLED + fire_seconds((uintptr_t)arg), first, lines = 0;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	double begun, took;
	uint64_t kib = 0;

	first = next_number();
	fire_log_lines("");
	begun = now_s();
	for (unsigned int i = 0; i < n && !scenario_failures; i++) {
		int vm = ioctl(kvm, KVM_CREATE_VM, KVM_X86_SNP_VM);

		check(vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
		close(vm);
		lines += fire_log_lines(MODULE_NAME ": vm=");
		if (i == SETTLED - 1)
			kib = fire_kernel_kib();
	}
	took = now_s() - begun;
	diag("%u VMs came and went in %.1f s: %u lines in the log", n, took, lines);
	fire_expect_flat(kib, n - SETTLED, 0.5);
	check(lines >= 50 && lines <= LOG_LIVES * (took / LOG_INTERVAL_S + 2), "%u lines in %.1f s",
	      lines, took);
	check(next_number() == first + n + 1, "not every VM was guarded");
	close(kvm);
}

static const struct scenario scenarios[] = {
	{ "crowd.noisy_neighbour", noisy_neighbour, NULL, SC_LONG },
	{ "crowd.vms_in_a_loop", vms_in_a_loop, (void *)15, SC_LONG },
	{ "crowd.empty_vms", empty_vms, (void *)1000, SC_LONG },
};

GROUP(crowd_group, scenarios);
