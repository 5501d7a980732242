// SPDX-License-Identifier: GPL-2.0-only
/* VMs that come and go, orderly or not. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vcputest.h"

#define FLAG_STOP	8
#define RMP_VMPLS	4

static void small_guest(void)
{
	struct vm *vm = new_vm(1);
	unsigned int read;

	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 0x4711);
	read = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	run_to_end(vm);
	expect_value(vm, 0, read, 0x4711);
	vm_destroy(vm);
}

/* More VMs than ASIDs and shadow tables, one after another. */
static void many_vms(void)
{
	for (unsigned int i = 0; i < 70; i++)
		small_guest();
}

/* The VMM is killed while all vCPUs run. */
static void killed_vmm(void)
{
	for (unsigned int n = 0; n < 5; n++) {
		int ready[2], status;
		pid_t pid;
		char c;

		if (pipe(ready))
			return;
		pid = fork();
		if (!pid) {
			struct vm *vm = new_vm(2);

			for (unsigned int i = 0; i < 2; i++)
				op_count(vm, i, i, FLAG_STOP);
			vm_start(vm);
			for (unsigned int i = 0; i < 2; i++)
				vm_wait_flag(vm, i, 1000, PATIENCE_MS);
			if (write(ready[1], "r", 1) != 1)
				_exit(1);
			pause();
		}
		expect(read(ready[0], &c, 1) == 1, "the VMM did not start its guest");
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		close(ready[0]);
		close(ready[1]);
	}
	small_guest();
}

static unsigned int ap_create(struct vm *vm, uint64_t vmsa, unsigned int vmpl)
{
	op_make_private(vm, 0, vmsa);
	return op_add(vm, 0, &(struct guest_op){ .code = OP_AP_CREATE, .gpa = vmsa,
						 .arg = { 1, vmpl } });
}

/* A vCPU whose VMSA the guest has made; that page is not to be written to then. */
static void vmsa_by_guest(void)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2, .parked = 1 << 1 });
	unsigned int create, read;

	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 0x1357);
	create = ap_create(vm, GPA(1), 0);
	op_wait_flag(vm, 0, 0, 1);
	read = op_read(vm, 1, VIEW_PRIVATE, GPA(0));
	op_set_flag(vm, 1, 0, 1);
	run_to_end(vm);
	expect_code(vm, 0, create, 0);
	expect_value(vm, 1, read, 0x1357);
	vm_destroy(vm);
}

/* A VMPL that does not exist: VMRUN refuses the VMSA, the host and the others live on. */
static void bad_vmsa(void)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2, .parked = 1 << 1 });
	const struct vm_exit *x;

	ap_create(vm, GPA(1), RMP_VMPLS);
	op_count(vm, 0, 0, FLAG_STOP);
	vm_start(vm);
	for (unsigned int ms = 0; vm->vcpu[1].state == VCPU_RUNNING && ms < PATIENCE_MS; ms++)
		usleep(1000);
	x = vcpu_exit(&vm->vcpu[1], KVM_EXIT_FAIL_ENTRY, 0);
	expect(x, "vCPU 1 did not fail to enter");
	if (x)
		expect_eq(x->data[0], 0xffffffff);	/* KVM looks at 32 bits */
	expect_eq(vm->vcpu[0].state, VCPU_RUNNING);
	vm_set_flag(vm, FLAG_STOP, 1);
	expect(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	vm_destroy(vm);
	small_guest();
}

static void real_mode_vcpu(void)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 1, .realmode = 1 });

	vm_start(vm);
	usleep(300000);
	expect_eq(vm->vcpu[0].state, VCPU_RUNNING);
	expect_memory_faults(vm, 0, 0);
	vm_stop(vm);
	vm_destroy(vm);
}

const struct test lifecycle_tests[] = {
	{ "lifecycle.many_vms", many_vms },
	{ "lifecycle.killed_vmm", killed_vmm },
	{ "lifecycle.vmsa_by_guest", vmsa_by_guest },
	{ "lifecycle.bad_vmsa", bad_vmsa },
	{ "lifecycle.real_mode_vcpu", real_mode_vcpu },
	{ 0 }
};
