// SPDX-License-Identifier: GPL-2.0-only
/* The guest's results and flags, through the shared side of its memory. */
#include "clock.h"
#include "patience.h"
#include "vmm.h"

const volatile struct guest_status *vm_status(struct vm *vm, unsigned int vcpu)
{
	return vm_hva(vm, GUEST_STATUS_GPA(vcpu));
}

const volatile struct guest_result *vm_result(struct vm *vm, unsigned int vcpu, unsigned int op)
{
	return &vm_status(vm, vcpu)->result[op];
}

static volatile uint64_t *flags(struct vm *vm)
{
	return vm_hva(vm, GUEST_FLAGS_GPA);
}

void vm_set_flag(struct vm *vm, unsigned int flag, uint64_t value)
{
	flags(vm)[flag] = value;
}

uint64_t vm_get_flag(struct vm *vm, unsigned int flag)
{
	return flags(vm)[flag];
}

bool vm_wait_flag(struct vm *vm, unsigned int flag, uint64_t value, unsigned int timeout_ms)
{
	uint64_t end = now_us() + timeout_ms * 1000ull;

	for (unsigned int looks = 0; flags(vm)[flag] < value; looks++) {
		if (now_us() >= end)
			return false;
		pause_between_looks(looks);
	}
	return true;
}
