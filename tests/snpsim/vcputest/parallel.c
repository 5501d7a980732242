// SPDX-License-Identifier: GPL-2.0-only
/* Several vCPUs and several VMs at the same time. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include "ordinary.h"
#include "vcputest.h"

#define FLAG_STOP	8
#define PAGES		8u
#define ROUNDS		6u

/* vCPUs that count in shared memory: each gets on, none waits for another. */
static void counters(void)
{
	struct vm *vm = new_vm(GUEST_MAX_VCPUS);

	for (unsigned int i = 0; i < GUEST_MAX_VCPUS; i++)
		op_count(vm, i, i, FLAG_STOP);
	vm_start(vm);
	for (unsigned int i = 0; i < GUEST_MAX_VCPUS; i++)
		expect(vm_wait_flag(vm, i, 100000, PATIENCE_MS), "vCPU %u counts too slowly", i);
	vm_set_flag(vm, FLAG_STOP, 1);
	expect_end(vm);
	vm_destroy(vm);
}

/* Private memory is the same for all vCPUs: pass a word around. */
static void ping_pong(void)
{
	struct vm *vm = new_vm(2);
	unsigned int last = 0;

	op_make_private(vm, 0, GPA(0));
	op_set_flag(vm, 0, 0, 1);
	op_wait_flag(vm, 1, 0, 1);
	for (unsigned int n = 1; n < 40; n += 2) {
		op_write(vm, 0, VIEW_PRIVATE, GPA(0), n);
		op_add(vm, 0, &(struct guest_op){ .code = OP_WAIT_WORD, .gpa = GPA(0),
						  .arg = { n + 1 } });
		op_add(vm, 1, &(struct guest_op){ .code = OP_WAIT_WORD, .gpa = GPA(0),
						  .arg = { n } });
		last = op_write(vm, 1, VIEW_PRIVATE, GPA(0), n + 1);
	}
	run_to_end(vm);
	expect_no_fault(vm, 1, last);
	expect_memory_faults(vm, 0, 0);
	expect_memory_faults(vm, 1, 0);
	vm_destroy(vm);
}

/* Pages to private, used, and back, over and over; vCPUs own every n-th page. */
static unsigned int convert(struct vm *vm, unsigned int vcpu, unsigned int nvcpus)
{
	uint64_t stride = nvcpus * GUEST_PAGE, gpa = GPA(vcpu), start = vm->script[vcpu]->nops;

	op_psc(vm, vcpu, gpa, PSC_PRIVATE);
	op_pvalidate(vm, vcpu, gpa, true, false);
	op_write(vm, vcpu, VIEW_PRIVATE, gpa, 0x100 + vcpu);
	op_read(vm, vcpu, VIEW_PRIVATE, gpa);
	op_pvalidate(vm, vcpu, gpa, false, false);
	op_psc(vm, vcpu, gpa, PSC_SHARED);
	op_write(vm, vcpu, VIEW_SHARED, gpa, 0x200 + vcpu);
	op_read(vm, vcpu, VIEW_SHARED, gpa);
	for (unsigned int i = start; i < start + 8; i++) {
		vm->script[vcpu]->op[i].repeat = PAGES;
		vm->script[vcpu]->op[i].stride = stride;
	}
	op_loop(vm, vcpu, start, ROUNDS);
	return start;
}

static void expect_converted(struct vm *vm, unsigned int vcpu, unsigned int start)
{
	for (unsigned int i = start; i < start + 8; i++)
		expect_no_fault(vm, vcpu, i);
	expect_value(vm, vcpu, start + 3, 0x100 + vcpu);
	expect_value(vm, vcpu, start + 7, 0x200 + vcpu);
	expect_memory_faults(vm, vcpu, 0);
}

static void conversions(void)
{
	struct vm *vm = new_vm(GUEST_MAX_VCPUS);
	unsigned int start[GUEST_MAX_VCPUS];

	for (unsigned int i = 0; i < GUEST_MAX_VCPUS; i++)
		start[i] = convert(vm, i, GUEST_MAX_VCPUS);
	run_to_end(vm);
	for (unsigned int i = 0; i < GUEST_MAX_VCPUS; i++)
		expect_converted(vm, i, start[i]);
	vm_destroy(vm);
}

static void two_vms(void)
{
	struct vm *vm[2] = { new_vm(2), new_vm(2) };
	unsigned int start[2][2];

	for (unsigned int k = 0; k < 2; k++) {
		for (unsigned int i = 0; i < 2; i++)
			start[k][i] = convert(vm[k], i, 2);
		vm_start(vm[k]);
	}
	for (unsigned int k = 0; k < 2; k++) {
		expect_end(vm[k]);
		for (unsigned int i = 0; i < 2; i++)
			expect_converted(vm[k], i, start[k][i]);
	}
	for (unsigned int k = 0; k < 2; k++)
		vm_destroy(vm[k]);
}

/* An ordinary guest gets on while an SNP guest works, and is not disturbed by it. */
static void ordinary_beside(void)
{
	struct vm *vm = new_vm(2);
	struct ordinary o;
	unsigned int start[2];
	uint32_t before, during;

	ordinary_start(&o);
	for (unsigned int ms = 0; !ordinary_count(&o) && ms < PATIENCE_MS; ms++)
		usleep(1000);
	for (unsigned int i = 0; i < 2; i++)
		start[i] = convert(vm, i, 2);
	before = ordinary_count(&o);
	run_to_end(vm);
	during = ordinary_count(&o) - before;
	for (unsigned int i = 0; i < 2; i++)
		expect_converted(vm, i, start[i]);
	vm_destroy(vm);
	expect(before && during, "counted to %u, then by %u", before, during);
	expect_eq(ordinary_stop(&o), KVM_EXIT_HLT);
}

/* vCPU threads that move from CPU to CPU while they work. */
static void migration(void)
{
	struct vm *vm = new_vm(2);
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int start[2];

	for (unsigned int i = 0; i < 2; i++)
		start[i] = convert(vm, i, 2);
	vm_start(vm);
	for (unsigned int n = 0; vm->vcpu[0].state == VCPU_RUNNING && n < 20000; n++) {
		for (unsigned int i = 0; i < 2; i++) {
			cpu_set_t set;

			CPU_ZERO(&set);
			CPU_SET((n + i * n / 3) % ncpus, &set);
			if (vm->vcpu[i].state == VCPU_RUNNING)
				pthread_setaffinity_np(vm->vcpu[i].thread, sizeof(set), &set);
		}
		usleep(500);
	}
	expect_end(vm);
	for (unsigned int i = 0; i < 2; i++)
		expect_converted(vm, i, start[i]);
	vm_destroy(vm);
}

/*
 * One vCPU takes a page's validation away and gives it back while another reads
 * it: the reader sees the right word or a #VC 0x404, nothing else.
 */
static void validation_race(void)
{
	struct vm *vm = new_vm(2);
	unsigned int start, read;
	const volatile struct guest_result *r;

	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 0x5a5a);
	op_set_flag(vm, 0, 0, 1);
	start = op_pvalidate(vm, 0, GPA(0), false, false);
	op_pvalidate(vm, 0, GPA(0), true, false);
	op_loop(vm, 0, start, 300);
	op_set_flag(vm, 0, FLAG_STOP, 1);

	op_wait_flag(vm, 1, 0, 1);
	read = op_read(vm, 1, VIEW_PRIVATE, GPA(0));
	op_last(vm, 1)->repeat = 20000;
	run_to_end(vm);
	r = vm_result(vm, 1, read);
	expect(!r->faults || (r->vector == VECTOR_VC && r->error == VC_PAGE_NOT_VALIDATED &&
			      r->cr2 == GPA(0)),
	       "vector %u error %#lx cr2 %#lx", r->vector, r->error, r->cr2);
	expect(r->value == 0x5a5a || r->value == ~0ul, "read %#lx", r->value);
	vm_destroy(vm);
}

/*
 * The VMM takes the backing of a page away under a guest that has used it and
 * does not leave guest mode by itself.
 */
static void host_punches(void)
{
	struct vm *vm = new_vm(1);
	unsigned int read;

	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 0x99);
	op_count(vm, 0, 0, FLAG_STOP);
	read = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	vm_start(vm);
	expect(vm_wait_flag(vm, 0, 100, PATIENCE_MS), "the guest did not start");
	expect_eq(vm_punch(vm, GPA(0), GUEST_PAGE), 0);
	vm_set_flag(vm, FLAG_STOP, 1);
	expect_end(vm);
	/* KVM gives it a new page, which nobody has validated. */
	expect_fault(vm, 0, read, VECTOR_VC, VC_PAGE_NOT_VALIDATED, GPA(0));
	expect_memory_faults(vm, 0, 0);
	vm_destroy(vm);
}

const struct test parallel_tests[] = {
	{ "parallel.counters", counters },
	{ "parallel.ping_pong", ping_pong },
	{ "parallel.conversions", conversions },
	{ "parallel.two_vms", two_vms },
	{ "parallel.ordinary_beside", ordinary_beside },
	{ "parallel.migration", migration },
	{ "parallel.validation_race", validation_race },
	{ "parallel.host_punches", host_punches },
	{ 0 }
};
