// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tests, each in a process of its own: a guest that hangs or a VMM
 * that gives up costs one test only.
 *
 * vcputest [PREFIX]: only the tests whose names begin so.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vcputest.h"

#define TEST_TIMEOUT_S	100

static unsigned int failures;

void note(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	failures++;
	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

struct vm *new_vm(unsigned int nvcpus)
{
	return vm_create(&(struct vm_config){ .nvcpus = nvcpus });
}

/* A vCPU that has not come to the end of its script: what it did last. */
static void tell(struct vm *vm, unsigned int n)
{
	const volatile struct guest_status *st = vm_status(vm, n);
	const struct vcpu *v = &vm->vcpu[n];

	expect(false, "vCPU %u: state %u, guest state %u at operation %u, %u exits", n, v->state,
	       st->state, st->op, v->nexits);
	if (st->state == CPU_PANIC)
		expect(false, "vCPU %u: vector %lu error %#lx cr2 %#lx rip %#lx", n, st->vector,
		       st->error, st->cr2, st->rip);
	for (unsigned int k = v->nexits < 3 ? 0 : v->nexits - 3;
	     k < v->nexits && k < VCPU_MAX_EXITS; k++)
		printf("# vCPU %u: exit %s error %d gpa %#lx flags %#lx data %#lx\n", n,
		       exit_name(v->exits[k].reason), v->exits[k].error, v->exits[k].gpa,
		       v->exits[k].flags, v->exits[k].data[0]);
}

void expect_end(struct vm *vm)
{
	expect(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		if (vm->vcpu[i].state != VCPU_HALTED || vm_status(vm, i)->state != CPU_DONE)
			tell(vm, i);
	}
}

void run_to_end(struct vm *vm)
{
	vm_start(vm);
	expect_end(vm);
}

void expect_fault(struct vm *vm, unsigned int vcpu, unsigned int op, unsigned int vector,
		  uint64_t error, uint64_t cr2)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	if (r->state == RESULT_FAULT && r->vector == vector && r->error == error &&
	    (!cr2 || r->cr2 == cr2))
		return;
	expect(false, "operation %u: state %u vector %u error %#lx cr2 %#lx, expected vector %u error %#lx cr2 %#lx",
	       op, r->state, r->vector, r->error, r->cr2, vector, error, cr2);
}

void expect_no_fault(struct vm *vm, unsigned int vcpu, unsigned int op)
{
	const volatile struct guest_result *r = vm_result(vm, vcpu, op);

	expect(r->state == RESULT_OK && !r->faults,
	       "operation %u: state %u, %u faults, vector %u error %#lx cr2 %#lx rip %#lx", op,
	       r->state, r->faults, r->vector, r->error, r->cr2, r->rip);
}

void expect_value(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t value)
{
	expect_no_fault(vm, vcpu, op);
	expect(vm_result(vm, vcpu, op)->value == value, "operation %u: value %#lx, expected %#lx",
	       op, vm_result(vm, vcpu, op)->value, value);
}

void expect_code(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t code)
{
	expect_no_fault(vm, vcpu, op);
	expect(vm_result(vm, vcpu, op)->code == code, "operation %u: code %#lx, expected %#lx",
	       op, vm_result(vm, vcpu, op)->code, code);
}

void expect_memory_faults(struct vm *vm, unsigned int vcpu, unsigned int n)
{
	expect_eq(vcpu_count_exits(&vm->vcpu[vcpu], KVM_EXIT_MEMORY_FAULT), n);
}

static bool run_test(const struct test *t)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(TEST_TIMEOUT_S);
		t->fn();
		fflush(stdout);
		_exit(failures ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	static const struct test *const groups[] = {
		page_tests, insn_tests, parallel_tests, lifecycle_tests,
	};
	const char *prefix = argc > 1 ? argv[1] : "";
	unsigned int n = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n");
	for (unsigned int g = 0; g < sizeof(groups) / sizeof(*groups); g++) {
		for (const struct test *t = groups[g]; t->name; t++) {
			bool ok;

			if (strncmp(t->name, prefix, strlen(prefix)))
				continue;
			ok = run_test(t);
			printf("%sok %u %s\n", ok ? "" : "not ", ++n, t->name);
			failed += !ok;
		}
	}
	printf("1..%u\n# %u passed, %u failed\n", n, n - failed, failed);
	return failed ? 1 : 0;
}
