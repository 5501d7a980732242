// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module goes while VMs come: none of them may keep it, or it would wait for as long as
 * a guest runs without an exit.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guard.h"
#include "module.h"
#include "vmm/clock.h"

/*
 * ftrace waits for all tasks to be out of each function that it gives back, and a CPU that
 * runs a guest takes its time to say so.
 */
#define SOON_S	(45 * scenario_slowness)

enum { FLAG_COUNT = 1, FLAG_END };

/* Once it has begun it makes no exit any more. */
static struct vm *spinning_vm(void)
{
	struct vm *vm = vm_create(NULL);

	op_count(vm, 0, FLAG_COUNT, FLAG_END);
	vm_launch(vm);
	return vm;
}

static void load(void)
{
	int r = module_load("");

	if (r)
		give_up("insmod: %s", strerror(r));
}

/* --- a VM that comes when the module has begun to go --- */

static volatile double unloaded_at;

static void *unload_in_thread(void *arg)
{
	prctl(PR_SET_NAME, "rmmod");	/* busyhook knows it by that */
	*(int *)arg = module_unload(MODULE_NAME);
	unloaded_at = now_s();
	return NULL;
}

/*
 * rmmod has found nobody who uses the module, and its CPU is taken from it just then. A
 * VM is started meanwhile: a new one, or one that is older than the module.
 */
static void beside_one(const void *arg)
{
	const bool older = arg;
	struct vm *vm = NULL;
	double begun;
	pthread_t t;
	int r;

	if (older)
		vm = spinning_vm();
	load();
	r = module_load_file("busyhook.ko", "pause_ms=30000");
	if (r)
		give_up("insmod busyhook.ko: %s", strerror(r));
	begun = now_s();
	if (pthread_create(&t, NULL, unload_in_thread, &r))
		give_up("no thread");
	usleep(300000);
	if (!older)
		vm = spinning_vm();
	diag("  there is a guest %.1f s after rmmod has begun", now_s() - begun);
	vm_start(vm);
	check(vm_wait_flag(vm, FLAG_COUNT, 1000, PATIENCE_MS), "the guest does not run");
	diag("  it runs %.1f s after rmmod has begun", now_s() - begun);
	check(!file_write("/sys/module/busyhook/parameters/go_on", "1"), "busyhook can't go on");
	while (!unloaded_at && now_s() - begun < SOON_S)
		usleep(10000);
	check(unloaded_at, "rmmod waits for the guest");
	check(vm->vcpu[0].state == VCPU_RUNNING, "the guest has ended");
	vm_set_flag(vm, FLAG_END, 1);
	check(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	pthread_join(t, NULL);
	check(!r, "rmmod: %s", strerror(r));
	diag("  rmmod took %.1f s", unloaded_at - begun);
	expect_halted(vm, 0);
	check(!module_unload("busyhook"), "busyhook can't be unloaded");
	check(!module_loaded(MODULE_NAME) && !file_exists(SYSFS), "the module is there");
	vm_destroy(vm);
	check(!module_load("") && !module_unload(MODULE_NAME), "no load and unload afterwards");
}

/* --- VMs that come and go all the time --- */

#define VMMS	2
#define ROUNDS	4

static pid_t start_vmm(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srandom(getpid());
	for (;;) {
		struct vm *vm = spinning_vm();

		vm_start(vm);
		vm_wait_flag(vm, FLAG_COUNT, 100, PATIENCE_MS);
		usleep(50000);
		vm_stop(vm);
		vm_destroy(vm);
		usleep(random() % 100000);
	}
}

/* A module that is in use can't go, which is said at once; and one that isn't does. */
static void beside_many(const void *arg)
{
	double longest = 0;
	pid_t pid[VMMS];
	unsigned int busy = 0;

	(void)arg;
	for (unsigned int i = 0; i < VMMS; i++)
		pid[i] = start_vmm();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double begun, end;
		int r;

		load();
		end = now_s() + SOON_S;
		do {
			begun = now_s();
			r = module_unload(MODULE_NAME);
			if (now_s() - begun > longest)
				longest = now_s() - begun;
			busy += r == EWOULDBLOCK;
			usleep(1000 + random() % 3000);
		} while (r == EWOULDBLOCK && now_s() < end);
		if (!check(!r || r == EWOULDBLOCK, "rmmod: %s", strerror(r)) || r)
			break;	/* it never was without a VM */
	}
	for (unsigned int i = 0; i < VMMS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	diag("  rmmod took %.1f s at most; it found the module in use %u times", longest, busy);
	check(longest < SOON_S, "rmmod took %.1f s", longest);
	if (module_loaded(MODULE_NAME))
		check(!module_unload(MODULE_NAME), "rmmod without VMs");
}

static const struct scenario scenarios[] = {
	{ "lifecycle.rmmod_beside_new_vm", beside_one, NULL, SC_UNLOADED | SC_SLOW },
	{ "lifecycle.rmmod_beside_older_vm", beside_one, "older", SC_UNLOADED | SC_SLOW },
	{ "lifecycle.rmmod_beside_many", beside_many, NULL, SC_UNLOADED | SC_SLOW },
};

GROUP(unload_group, scenarios);
