// SPDX-License-Identifier: GPL-2.0-only
/* An allocation that fails (Documentation/fault-injection, fail-nth). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fault.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"

void fault_allow_all(void)
{
	fire_quiet_console();
	file_write("/sys/kernel/debug/failslab/verbose", "0");
	file_write("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	file_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "0");
	file_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "0");
	file_write("/sys/kernel/debug/fail_page_alloc/min-order", "0");
}

/*
 * To open it takes allocations, and would meet the failure itself: once, by the task
 * that is to fail.
 */
static int fail_nth_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		give_up("%s: %s", FAIL_NTH, strerror(errno));
	return fd;
}

void fault_arm(unsigned int n)
{
	char number[16];
	int len = snprintf(number, sizeof(number), "%u", n);

	if (pwrite(fail_nth_fd(), number, len, 0) != len)
		give_up("%s can't be written", FAIL_NTH);
}

unsigned int fault_left(void)
{
	char left[16] = "";

	if (pread(fail_nth_fd(), left, sizeof(left) - 1, 0) < 1)
		give_up("%s can't be read", FAIL_NTH);
	fault_arm(0);
	return atoi(left);
}

bool fault_struck(void)
{
	return !fault_left();
}

struct vm *fault_stopped_at(void (*add)(struct vm *vm), uint64_t policy)
{
	struct vm *vm = vm_create(&(struct vm_config){ .policy = policy });

	op_set_flag(vm, 0, 1, 1);
	add(vm);
	guard_launch(vm);
	while (!vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_HYPERCALL) ||
	       vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_HYPERCALL) < GUEST_BOOT_PSCS(0)) {
		if (vcpu_run_once(&vm->vcpu[0]))
			give_up("the guest does not start");
	}
	return vm;
}
