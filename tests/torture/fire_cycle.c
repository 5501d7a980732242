// SPDX-License-Identifier: GPL-2.0-only
/* VMs and the module come, go and die at any moment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fire.h"

#define CYCLES		200
#define CYCLES_S	480	/* ... or as many as fit in here */
#define SETTLED		4	/* cycles until all is allocated that is kept for good */
#define RELOADS		10
#define VMMS		3

static void own_process(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A VMM whose guest violates until somebody kills it. */
static pid_t start_vmm(void)
{
	unsigned int nvcpus = 1 + fire_random(3);
	struct vm *vm;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	own_process();
	vm = vm_create(&(struct vm_config){ .nvcpus = nvcpus });
	for (unsigned int i = 0; i < nvcpus; i++) {
		if (i % 2)
			fire_add_conversions(vm, i, GPA(i * FIRE_PAGES), FIRE_FOR_EVER);
		else
			fire_add_violations(vm, i, GPA(i * FIRE_PAGES), FIRE_FOR_EVER);
	}
	vm_start(vm);
	for (;;)
		pause();
}

static void kill_vmm(pid_t *pid)
{
	fire_kill(*pid);
	*pid = 0;
}

static void kill_all(pid_t *vmm)
{
	for (unsigned int i = 0; i < VMMS; i++)
		kill_vmm(&vmm[i]);
}

static void expect_nothing_left(void)
{
	check(!file_exists(SYSFS), "%s is left", SYSFS);
	check(!file_exists(DEBUGFS), "%s is left", DEBUGFS);
	check(kvm_is_unhooked(), "a hook is left");
}

/*
 * Loading and unloading while VMMs start, run, violate and are killed, some of
 * them older than the module, some not there yet.
 */
static void load_cycles(const void *arg)
{
	static const char *const modes[] = { "mode=off", "mode=lenient", "mode=strict" };
	pid_t vmm[VMMS] = { 0 };
	unsigned int n, started = 0, refused = 0;
	double begun = now_s();
	uint64_t before = 0;

	(void)arg;
	/* Some are needed for what is checked, however long they take. */
	for (n = 0; n < CYCLES && !scenario_failures &&
		    (n < SETTLED + 5 || now_s() < begun + fire_seconds(CYCLES_S)); n++) {
		for (unsigned int i = 0; i < VMMS; i++) {
			if (!vmm[i] && fire_random(2)) {
				vmm[i] = start_vmm();
				started++;
			}
		}
		usleep(fire_random(150000));
		if (!fire_load(modes[fire_random(3)]))
			break;
		usleep(fire_random(100000));
		kill_vmm(&vmm[fire_random(VMMS)]);
		/* With VMs there it must be refused, and nothing must come of that. */
		refused += module_unload(MODULE_NAME) == EWOULDBLOCK;
		for (unsigned int i = 0; module_loaded(MODULE_NAME) && i < VMMS; i++)
			kill_vmm(&vmm[i]);
		if (module_loaded(MODULE_NAME))
			fire_unload(20);
		expect_nothing_left();
		if (n == SETTLED) {
			kill_all(vmm);
			before = fire_kernel_kib();
		}
	}
	kill_all(vmm);
	diag("%u loads and unloads, %u VMMs killed, %u times rmmod said busy, %.0f s", n,
	     started, refused, now_s() - begun);
	check(refused > 0 && refused < n, "rmmod was refused %u times of %u", refused, n);
	if (check(n > SETTLED + 1, "only %u cycles", n))
		fire_expect_flat(before, n - SETTLED - 1, 4);
}

/*
 * kvm_amd goes and comes again under the module, its VMs killed at any moment; with
 * a VM there it can't go.
 */
static void kvm_amd_again(const void *arg)
{
	unsigned int n = (uintptr_t)arg, refused = 0;
	pid_t vmm[VMMS] = { 0 };

	for (unsigned int i = 0; i < n && !scenario_failures; i++) {
		double end = now_s() + 20;
		int r;

		for (unsigned int k = 0; k < VMMS; k++)
			vmm[k] = start_vmm();
		usleep(200000 + fire_random(300000));
		refused += module_unload("kvm_amd") == EWOULDBLOCK;
		kill_all(vmm);
		while ((r = module_unload("kvm_amd")) && now_s() < end)
			usleep(10000);
		check(!r, "rmmod kvm_amd: %s", strerror(r));
		check(!fire_vms(), "a VM is left");
		r = module_load_file("kvm-amd.ko", "");
		check(!r, "insmod kvm-amd.ko: %s", strerror(r));
	}
	check(refused, "rmmod kvm_amd was never refused");
	diag("%u times kvm_amd was unloaded, %u times refused", n, refused);
}

/* --- the VMM ends in the middle of a PSC --- */

#define DIED_IN_PSC	7	/* its exit status, which nothing else has */

static unsigned int pscs_left;

static uint64_t die_in_psc(struct vcpu *v, const struct psc *psc)
{
	if (!__atomic_fetch_sub(&pscs_left, 1, __ATOMIC_RELAXED))
		_exit(DIED_IN_PSC);
	return vm_psc(v, psc);
}

static void exit_in_psc(const void *arg)
{
	unsigned int n = (uintptr_t)arg;

	for (unsigned int i = 0; i < n && !scenario_failures; i++) {
		int status = 0;
		pid_t pid;

		pscs_left = 6 + fire_random(60);
		fflush(stdout);
		pid = fork();
		if (!pid) {
			struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2,
								       .on_psc = die_in_psc });

			own_process();
			for (unsigned int v = 0; v < 2; v++)
				fire_add_conversions(vm, v, GPA(v), FIRE_FOR_EVER);
			vm_start(vm);
			for (;;)
				pause();
		}
		waitpid(pid, &status, 0);
		check(WIFEXITED(status) && WEXITSTATUS(status) == DIED_IN_PSC,
		      "the VMM did not end in a PSC: status %#x", status);
	}
	for (unsigned int i = 0; fire_vms() && i < 500; i++)
		usleep(10000);
	check(!fire_vms(), "a VM is left");
	diag("%u VMMs ended while a PSC waited for their answer", n);
}

/*
 * Lenient. Of pages that were never asked for there is nothing to go back to: they are
 * used as shared and as private in turn, @n times each, and each time it is reported.
 */
static void expect_violations(struct vm *vm, unsigned int n)
{
	expect_counter(vm, "violations/initial_shared", n);
	expect_counter(vm, "violations/first_touch", n);
	expect_counter(vm, "violations/implicit_shared", 0);
	expect_counter(vm, "violations/implicit_private", 0);
	expect_counter(vm, "violations/enforced", 0);
}

/* --- many VMs, one after the other, of one VMM --- */

static void vm_series(const void *arg)
{
	unsigned int n = (uintptr_t)arg, last = 0;
	uint64_t before = 0;

	for (unsigned int i = 0; i < n + 5; i++) {
		struct vm *vm = vm_create(NULL);

		/* The same pages in each, so that a predecessor's state would show. */
		fire_add_violations(vm, 0, GPA(0), 2);
		vm_launch(vm);
		guard_find(vm);
		check(guard_id(vm) > last, "VM number %u after %u", guard_id(vm), last);
		last = guard_id(vm);
		vm_start(vm);
		check(vm_wait(vm, PATIENCE_MS), "a guest did not end");
		expect_file(vm, "history", "complete");
		expect_violations(vm, 2 * FIRE_PAGES);
		guard_forget(vm);
		vm_destroy(vm);
		/* Slabs have grown to their usual size by then. */
		if (i == 4)
			before = fire_kernel_kib();
	}
	fire_expect_flat(before, n, 3);
}

/* --- files that outlive their VM, and the module --- */

#define MAX_FILES 64

static unsigned int open_all(const char *dir, int *fd, unsigned int n)
{
	char path[600];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)) && n < MAX_FILES) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_type == DT_DIR) {
			n = open_all(path, fd, n);
			continue;
		}
		fd[n] = open(path, O_RDWR | O_CLOEXEC);
		if (fd[n] < 0)
			fd[n] = open(path, O_RDONLY | O_CLOEXEC);
		n += fd[n] >= 0;
	}
	if (d)
		closedir(d);
	return n;
}

static unsigned int readable(const int *fd, unsigned int n)
{
	char buf[256];
	unsigned int yes = 0;

	for (unsigned int i = 0; i < n; i++) {
		yes += pread(fd[i], buf, sizeof(buf), 0) >= 0;
		/* A write to what is gone must fail as well. */
		if (write(fd[i], "strict", 6) > 0)
			yes++;
	}
	return yes;
}

static void files_outlive(const void *arg)
{
	int fd[MAX_FILES], global[MAX_FILES];
	unsigned int n, nsysfs, nglobal;
	char path[128];
	struct vm *vm = vm_create(NULL);

	(void)arg;
	fire_add_violations(vm, 0, GPA(0), 3);
	guard_launch(vm);
	run(vm);
	snprintf(path, sizeof(path), SYSFS "/vms/%u", guard_id(vm));
	nsysfs = open_all(path, fd, 0);
	snprintf(path, sizeof(path), DEBUGFS "/%u", guard_id(vm));
	n = open_all(path, fd, nsysfs);
	check(n > 20 && readable(fd, n) >= n, "only %u files can be opened", n);
	vm_destroy(vm);
	check(!readable(fd, n), "files of a VM that is gone can be used");
	nglobal = open_all(SYSFS, global, 0);
	/* As every file in debugfs keeps the module whose code it runs. */
	check(module_unload(MODULE_NAME) == EWOULDBLOCK, "rmmod in spite of files in debugfs");
	for (unsigned int i = nsysfs; i < n; i++)
		close(fd[i]);
	check(fire_unload(10), "open files keep the module");
	check(!readable(global, nglobal) && !readable(fd, nsysfs),
	      "files of a module that is gone can be used");
	check(fire_load(""), "it can't be loaded again");
	check(!readable(global, nglobal), "old files have come to life again");
	for (unsigned int i = 0; i < nsysfs; i++)
		close(fd[i]);
	for (unsigned int i = 0; i < nglobal; i++)
		close(global[i]);
	diag("%u files of a VM and %u of the module were kept open", n, nglobal);
}

/* --- a vCPU that is made while its VM runs --- */

static void hot_add(const void *arg)
{
	const uint64_t vmsa = GPA(64);
	unsigned int n = (uintptr_t)arg;

	for (unsigned int i = 0; i < n && !scenario_failures; i++) {
		struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2, .late = 1 << 1 });
		unsigned int create;

		op_make_private(vm, 0, vmsa);
		op_wait_flag(vm, 0, 1, 1);
		create = op_add(vm, 0, &(struct guest_op){ .code = OP_AP_CREATE, .gpa = vmsa,
							   .arg = { 1 } });
		op_set_flag(vm, 0, 2, 1);
		fire_add_violations(vm, 0, GPA(0), 5);
		fire_add_violations(vm, 1, GPA(FIRE_PAGES), 5);
		guard_launch(vm);
		vm_start(vm);
		usleep(fire_random(20000));
		vm_add_vcpu(vm, 1);
		expect_file(vm, "vcpus", "2");
		vm_set_flag(vm, 1, 1);
		check(vm_wait_flag(vm, 2, 1, PATIENCE_MS), "the guest did not make a VMSA");
		vm_start_vcpu(vm, 1);
		check(vm_wait(vm, PATIENCE_MS), "the guest did not end");
		expect_code(vm, 0, create, 0);
		expect_halted(vm, 0);
		expect_halted(vm, 1);
		/* The log has the first ten, which may all be one vCPU's. */
		expect_violations(vm, 2 * 5 * FIRE_PAGES);
		guard_forget(vm);
		vm_destroy(vm);
	}
	diag("%u vCPUs were made while their VM ran", n);
}

static const struct scenario scenarios[] = {
	{ "fire.load_cycles", load_cycles, NULL, SC_UNLOADED | SC_LONG },
	{ "fire.exit_in_psc", exit_in_psc, (void *)20, SC_LONG },
	{ "fire.vm_series", vm_series, (void *)40, SC_LONG },
	{ "fire.files_outlive", files_outlive, NULL, SC_SLOW },
	{ "fire.kvm_amd_again", kvm_amd_again, (void *)RELOADS, SC_LONG | SC_NO_IDLE_VM },
	{ "fire.vcpu_hot_add", hot_add, (void *)5, SC_SLOW },
};

GROUP(cycle_group, scenarios);
