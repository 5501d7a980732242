// SPDX-License-Identifier: GPL-2.0-only
#include "meeting.h"
#include "guard.h"

void add_meeting(struct vm *vm)
{
	op_set_flag(vm, 0, FLAG_READY, 1);
	op_wait_flag(vm, 0, FLAG_GO, 1);
}

void start_until_meeting(struct vm *vm)
{
	vm_start(vm);
	check(vm_wait_flag(vm, FLAG_READY, 1, PATIENCE_MS), "the guest did not get ready");
}

void run_until_meeting(struct vm *vm)
{
	guard_launch(vm);
	start_until_meeting(vm);
}

void go_on(struct vm *vm)
{
	vm_set_flag(vm, FLAG_GO, 1);
	vm_wait(vm, PATIENCE_MS);
}

void run_on(struct vm *vm)
{
	go_on(vm);
	expect_halted(vm, 0);
}
