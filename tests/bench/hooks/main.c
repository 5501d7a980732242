// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module's hooks cost, seen from inside guests: ticks of the time stamp
 * counter for one PSC, one #NPF that KVM resolves, one exit to the VMM; without
 * the module, and with it in each mode.  One line of JSON for each figure.
 *
 * Under QEMU's -icount shift=0 a tick is one instruction, of whatever runs on
 * the simulated machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "module.h"
#include "vmm/vmm.h"

#define LARGE		0x200000ul
#define PAGES		4096u		/* touched, in slot 1 */
#define PLAIN_PAGES	2048u
#define EXITS		500u
#define PSC_LARGE	253u
#define PATIENCE	240000u

static const char *const configs[] = { "absent", "off", "lenient", "strict" };

static unsigned int rounds = 3;

static void result(const char *vm, const char *op, unsigned int nvcpus,
		   const char *config, double ticks)
{
	printf("{\"group\": \"hooks\", \"vm\": \"%s\", \"op\": \"%s\", \"vcpus\": %u, \"config\": \"%s\", \"unit\": \"ticks\", \"value\": %.1f}\n",
	       vm, op, nvcpus, config, ticks);
	fflush(stdout);
}

/* The VMM's part of a PSC is not what is measured. */
static uint64_t answer_at_once(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa < VM_SLOT1_GPA)
		return vm_psc(v, psc);
	return 0;
}

/* Operations of vCPU @v on its own part of slot 1, between two time stamps. */
typedef void (*add_ops)(struct vm *vm, unsigned int v, uint64_t gpa);

static unsigned int add_tsc(struct vm *vm, unsigned int v)
{
	return op_add(vm, v, &(struct guest_op){ .code = OP_TSC });
}

static void psc_one(struct vm *vm, unsigned int v, uint64_t gpa)
{
	unsigned int first = op_psc(vm, v, gpa, PSC_SHARED);

	op_psc(vm, v, gpa, PSC_PRIVATE);
	op_loop(vm, v, first, EXITS / 2);
}

static void psc_large(struct vm *vm, unsigned int v, uint64_t gpa)
{
	uint64_t entry[2][PSC_LARGE];
	unsigned int first, i;

	for (i = 0; i < PSC_LARGE; i++) {
		entry[0][i] = PSC_ENTRY(gpa + i * LARGE, PSC_SHARED, 1, 0);
		entry[1][i] = PSC_ENTRY(gpa + i * LARGE, PSC_PRIVATE, 1, 0);
	}
	first = op_psc_nae(vm, v, PSC_HDR(0, PSC_LARGE - 1), entry[0], PSC_LARGE);
	op_psc_nae(vm, v, PSC_HDR(0, PSC_LARGE - 1), entry[1], PSC_LARGE);
	op_loop(vm, v, first, 5);
}

static void touch(struct vm *vm, unsigned int v, uint64_t gpa)
{
	struct guest_op *op;

	op_write(vm, v, VIEW_SHARED, gpa, 1);
	op = op_last(vm, v);
	op->repeat = PAGES;
	op->stride = GUEST_PAGE;
}

static void validate(struct vm *vm, unsigned int v, uint64_t gpa)
{
	struct guest_op *op;

	op_pvalidate(vm, v, gpa, true, false);
	op = op_last(vm, v);
	op->repeat = PAGES / 4;
	op->stride = GUEST_PAGE;
}

static void port_io(struct vm *vm, unsigned int v, uint64_t gpa)
{
	op_add(vm, v, &(struct guest_op){ .code = OP_OUT, .arg = { 0x1000 },
					  .repeat = EXITS });
}

/**
 * struct hook_op - what a guest does
 * @name: for the tables
 * @add: its operations
 * @n: how many of what is measured they are
 * @span: bytes of slot 1 that each vCPU uses
 * @to: what the guest asks the span to be before
 */
struct hook_op {
	const char *name;
	add_ops add;
	unsigned int n;
	uint64_t span;
	unsigned int to;
};

static const struct hook_op hook_ops[] = {
	{ "PSC, 1 page", psc_one, EXITS, LARGE, 0 },
	{ "PSC, 253 x 2M", psc_large, 10, PSC_LARGE * LARGE, 0 },
	{ "#NPF, shared page", touch, PAGES, PAGES * GUEST_PAGE, PSC_SHARED },
	{ "#NPF, private page, with PVALIDATE", validate, PAGES / 4, PAGES * GUEST_PAGE,
	  PSC_PRIVATE },
	{ "exit to the VMM, port I/O", port_io, EXITS, LARGE, 0 },
};

static uint64_t align_large(uint64_t size)
{
	return (size + LARGE - 1) & ~(LARGE - 1);
}

/* The guest asks for [gpa, gpa + size), in one batch. */
static void ask(struct vm *vm, unsigned int v, uint64_t gpa, uint64_t size, unsigned int to)
{
	uint64_t entry[PSC_MAX_ENTRIES];
	unsigned int n = 0;

	for (; n < size / LARGE; n++)
		entry[n] = PSC_ENTRY(gpa + n * LARGE, to, 1, 0);
	op_psc_nae(vm, v, PSC_HDR(0, n - 1), entry, n);
}

static double snp_measure(const struct hook_op *op, unsigned int nvcpus)
{
	struct vm *vm = vm_create(&(struct vm_config){
		.nvcpus = nvcpus,
		.on_psc = op->to == PSC_SHARED ? vm_psc : answer_at_once,
	});
	uint64_t span = align_large(op->span);
	unsigned int first[GUEST_MAX_VCPUS], last[GUEST_MAX_VCPUS], v;
	double ticks = 0;

	vm_slot_add(vm, 1, VM_SLOT1_GPA, span * nvcpus);
	madvise(vm_hva(vm, VM_SLOT1_GPA), span * nvcpus, MADV_NOHUGEPAGE);
	for (v = 0; v < nvcpus; v++) {
		uint64_t gpa = VM_SLOT1_GPA + v * span;

		/* The host's own page faults are no part of the guest's. */
		if (op->to == PSC_SHARED)
			for (uint64_t i = 0; i < op->span; i += GUEST_PAGE)
				*(char *)vm_hva(vm, gpa + i) = 1;
		if (op->to)
			ask(vm, v, gpa, span, op->to);
		/* All vCPUs at once. */
		op_set_flag(vm, v, v, 1);
		for (unsigned int other = 0; other < nvcpus; other++)
			op_wait_flag(vm, v, other, 1);
		first[v] = add_tsc(vm, v);
		op->add(vm, v, gpa);
		last[v] = add_tsc(vm, v);
	}
	vm_launch(vm);
	vm_start(vm);
	if (!vm_wait(vm, PATIENCE))
		vmm_die("%s: the guest did not end", op->name);
	for (v = 0; v < nvcpus; v++) {
		if (vm->vcpu[v].state != VCPU_HALTED)
			vmm_die("%s: vCPU %u did not get to its end", op->name, v);
		ticks += vm_result(vm, v, last[v])->value - vm_result(vm, v, first[v])->value;
	}
	vm_destroy(vm);
	return ticks / nvcpus / op->n;
}

static void use_config(const char *config)
{
	bool loaded = module_loaded(MODULE_NAME);

	if (!strcmp(config, "absent")) {
		if (loaded && module_unload(MODULE_NAME))
			vmm_die("the module can't be unloaded");
		return;
	}
	if (!loaded && module_load("mode=off"))
		vmm_die("the module can't be loaded");
	if (knob_write("mode", config))
		vmm_die("mode %s can't be set", config);
}

static void measure(const char *config, unsigned int nvcpus)
{
	unsigned int i;

	use_config(config);
	for (i = 0; i < sizeof(hook_ops) / sizeof(*hook_ops); i++)
		result("snp", hook_ops[i].name, nvcpus, config,
		       snp_measure(&hook_ops[i], nvcpus));
	if (nvcpus > 1)
		return;
	result("ordinary", "#NPF", 1, config, plain_measure(PLAIN_TOUCH, PLAIN_PAGES));
	result("ordinary", "exit to the VMM, port I/O", 1, config,
	       plain_measure(PLAIN_OUT, 2 * EXITS));
}

int main(int argc, char **argv)
{
	unsigned int max_vcpus = 1, r, i, n;

	if (argc > 1)
		max_vcpus = atoi(argv[1]);
	if (argc > 2)
		rounds = atoi(argv[2]);
	if (max_vcpus < 1 || max_vcpus > GUEST_MAX_VCPUS || !rounds) {
		fputs("usage: hooks-bench [VCPUS [ROUNDS]]\n", stderr);
		return 2;
	}
	/* All configurations in each round: what changes with time hits all alike. */
	for (r = 0; r < rounds; r++)
		for (i = 0; i < sizeof(configs) / sizeof(*configs); i++)
			for (n = 1; n <= max_vcpus; n *= 2)
				measure(configs[i], n);
	use_config("absent");
	return 0;
}
