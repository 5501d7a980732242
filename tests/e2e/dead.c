// SPDX-License-Identifier: GPL-2.0-only
/*
 * The security processor dies.  The last scenario of all: after it ccp fails each command,
 * and no VM can end in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "guard.h"
#include "hardware.h"
#include "meeting.h"
#include "module.h"

#define TIMEOUT_FILE	"/sys/module/ccp/parameters/psp_cmd_timeout"
#define PAGES		3u

/* VMs that can't be ended stay until the host goes: their files are somebody else's then. */
static void leave_to_another(void)
{
	pid_t pid = fork();

	if (!pid) {
		setsid();
		freopen("/dev/null", "w", stdout);
		freopen("/dev/null", "w", stderr);
		for (;;)
			pause();
	}
	check(pid > 0, "no process to keep the VMs");
}

static struct vm *waiting_vm(void)
{
	struct vm *vm = vm_create(&(struct vm_config){ .policy = VM_POLICY_DEBUG });

	vm_add_launched(vm, GPA(0), PAGES, 0xaa);
	for (unsigned int i = 0; i < PAGES; i++) {
		op_wait_flag(vm, 0, FLAG_GO, i + 1);
		op_psc(vm, 0, GPA(PAGES + i), PSC_PRIVATE);
		op_write(vm, 0, VIEW_SHARED, GPA(i), 1);
		op_set_flag(vm, 0, FLAG_READY, i + 1);
	}
	guard_launch(vm);
	vm_start(vm);
	return vm;
}

static void step(struct vm *vm, unsigned int i, const char *what)
{
	vm_set_flag(vm, FLAG_GO, i + 1);
	check(vm_wait_flag(vm, FLAG_READY, i + 1, PATIENCE_MS), "the guest does not go on");
	expect_record(vm, "gfn=0x%lx %s", GFN(i), what);
}

static void psp(const void *arg)
{
	struct vm *vm = waiting_vm(), *other = waiting_vm();
	uint32_t dbg;

	(void)arg;
	step(vm, 0, "cpl=0");
	step(other, 0, "cpl=0");
	/* Taken from the command after the next one on. */
	file_write(TIMEOUT_FILE, "3");
	step(vm, 1, "cpl=0");
	hardware_set(SNPSIM_PSP_SILENT, SNPSIM_DBG);
	dbg = hardware_get(SNPSIM_PSP_DBG);
	step(other, 1, "rip=n/a");
	step(vm, 2, "rip=n/a");
	check(hardware_get(SNPSIM_PSP_DBG) == dbg + 1, "it is asked again before it has answered");
	/* ccp gives it up meanwhile, and knows then that it is dead. */
	sleep(4);
	step(other, 2, "rip=n/a");
	check(hardware_get(SNPSIM_PSP_DBG) == dbg + 1, "a dead one is asked");
	expect_psc_done(other, GPA(PAGES + 2), 1, true, true);
	expect_halted(vm, 0);
	expect_halted(other, 0);
	leave_to_another();
}

static const struct scenario dead[] = {
	{ "dead.psp", psp, NULL, SC_SLOW },
};

GROUP(dead_group, dead);
