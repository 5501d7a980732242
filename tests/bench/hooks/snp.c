// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an SNP guest does, and what each time took, by the guest's own clock.
 *
 * Each vCPU works on its own part of slot 1, and notes the time after each
 * operation; a sample is the difference of two.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "module.h"
#include "vmm/vmm.h"

#define LARGE		0x200000ul
#define PAGES		1024u		/* touched */
#define VIOLATIONS	10000u
#define TIMES		400u		/* exits */
#define LOG_BURST	10u		/* violations that are logged (src/vm.c) */
#define PSC_LARGE	253u
#define PATIENCE	240000u		/* ms */
#define LOOK_MS		50u

#define STAMPS_GPA(v)	(GUEST_FREE_GPA + (v) * 0x20000ul)

/* The VMM's part of a PSC is not what is measured. */
static uint64_t answer_at_once(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa < VM_SLOT1_GPA)
		return vm_psc(v, psc);
	return 0;
}

/* The operation that was added last is one that counts. */
static struct guest_op *timed(struct vm *vm, unsigned int v)
{
	struct guest_op *op = op_last(vm, v);

	op->stamps = STAMPS_GPA(v) / GUEST_PAGE;
	return op;
}

static void psc_one(struct vm *vm, unsigned int v, uint64_t gpa, unsigned int n)
{
	unsigned int first = op_psc(vm, v, gpa, PSC_SHARED);

	timed(vm, v);
	op_psc(vm, v, gpa, PSC_PRIVATE);
	timed(vm, v);
	op_loop(vm, v, first, n / 2);
}

static void psc_large(struct vm *vm, unsigned int v, uint64_t gpa, unsigned int n)
{
	uint64_t entry[2][PSC_LARGE];
	unsigned int first, i;

	for (i = 0; i < PSC_LARGE; i++) {
		entry[0][i] = PSC_ENTRY(gpa + i * LARGE, PSC_SHARED, 1, 0);
		entry[1][i] = PSC_ENTRY(gpa + i * LARGE, PSC_PRIVATE, 1, 0);
	}
	first = op_psc_nae(vm, v, PSC_HDR(0, PSC_LARGE - 1), entry[0], PSC_LARGE);
	timed(vm, v);
	op_psc_nae(vm, v, PSC_HDR(0, PSC_LARGE - 1), entry[1], PSC_LARGE);
	timed(vm, v);
	op_loop(vm, v, first, n / 2);
}

static void touch(struct vm *vm, unsigned int v, uint64_t gpa, unsigned int n)
{
	struct guest_op *op;

	op_write(vm, v, VIEW_SHARED, gpa, 1);
	op = timed(vm, v);
	op->repeat = n;
	op->stride = GUEST_PAGE;
}

static void validate(struct vm *vm, unsigned int v, uint64_t gpa, unsigned int n)
{
	struct guest_op *op;

	op_pvalidate(vm, v, gpa, true, false);
	op = timed(vm, v);
	op->repeat = n;
	op->stride = GUEST_PAGE;
}

static void port_io(struct vm *vm, unsigned int v, uint64_t gpa, unsigned int n)
{
	(void)gpa;
	op_add(vm, v, &(struct guest_op){ .code = OP_OUT, .arg = { 0x1000 }, .repeat = n });
	timed(vm, v);
}

/* Of which of two kinds is the operation with that number? */
static unsigned int each_other(unsigned int i)
{
	return i % 2;
}

static unsigned int after_burst(unsigned int i)
{
	return i >= LOG_BURST;
}

/**
 * struct snp_op - what a guest does
 * @name: for the tables
 * @add: its operations
 * @n: how many there are of what is measured
 * @span: bytes of slot 1 that each vCPU uses
 * @ask: what the guest asks the span to be before
 * @convert: the VMM converts what a PSC asks for
 * @alone: only with one vCPU
 * @policy: of the guest, beside what all have
 * @request_sites: where it makes PSCs is asked
 * @kind_of: if there are two kinds
 * @kind: their names
 */
struct snp_op {
	const char *name;
	void (*add)(struct vm *vm, unsigned int v, uint64_t gpa, unsigned int n);
	unsigned int n;
	uint64_t span;
	unsigned int ask;
	bool convert;
	bool alone;
	uint64_t policy;
	bool request_sites;
	unsigned int (*kind_of)(unsigned int i);
	const char *kind[2];
};

static const struct snp_op snp_ops[] = {
	{ "PSC, 1 page", psc_one, TIMES, LARGE, .alone = false },
	{ "PSC, 253 x 2M", psc_large, 40, PSC_LARGE * LARGE, .alone = true },
	{ "PSC, 1 page, converted", psc_one, TIMES, LARGE, .convert = true, .kind_of = each_other,
	  .kind = { "PSC, 1 page, converted to shared", "PSC, 1 page, converted to private" } },
	{ "PSC, 253 x 2M, converted", psc_large, 4, PSC_LARGE * LARGE, .convert = true,
	  .alone = true },
	{ "#NPF, shared page", touch, PAGES, PAGES * GUEST_PAGE, .ask = PSC_SHARED,
	  .convert = true },
	{ "#NPF, private page, with PVALIDATE", validate, PAGES, PAGES * GUEST_PAGE,
	  .ask = PSC_PRIVATE },
	{ "exit to the VMM, port I/O", port_io, TIMES, LARGE, .alone = false },
	/* The pages are the guest's, but it writes to them as shared. */
	{ "violation", touch, VIOLATIONS, VIOLATIONS * GUEST_PAGE, .ask = PSC_PRIVATE,
	  .alone = true, .kind_of = after_burst,
	  .kind = { "violation, one of the first ten", "violation, one of 10,000" } },
	{ "violation with registers", touch, LOG_BURST, LOG_BURST * GUEST_PAGE,
	  .ask = PSC_PRIVATE, .alone = true, .policy = VM_POLICY_DEBUG },
	{ "PSC, 1 page, with registers", psc_one, 40, LARGE, .alone = true,
	  .policy = VM_POLICY_DEBUG, .request_sites = true },
};

const unsigned int nr_snp_ops = sizeof(snp_ops) / sizeof(*snp_ops);

const char *snp_op_name(unsigned int op)
{
	return snp_ops[op].name;
}

bool snp_op_for(unsigned int op, unsigned int nvcpus)
{
	return nvcpus == 1 || !snp_ops[op].alone;
}

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

/* Room for time stamps, mapped before it is used. */
static void prepare_stamps(struct vm *vm, unsigned int v)
{
	struct guest_op *op;

	op_psc(vm, v, STAMPS_GPA(v), PSC_SHARED);
	op = op_last(vm, v);
	op->repeat = GUEST_STAMPS_PAGES;
	op->stride = GUEST_PAGE;
	op_write(vm, v, VIEW_SHARED, STAMPS_GPA(v), 0);
	op = op_last(vm, v);
	op->repeat = GUEST_STAMPS_PAGES;
	op->stride = GUEST_PAGE;
}

static void prepare_vcpu(struct vm *vm, unsigned int v, const struct snp_op *op,
			 uint64_t gpa)
{
	uint64_t i, span = align_large(op->span);

	prepare_stamps(vm, v);
	/* The host's own page faults are no part of the guest's. */
	if (op->ask)
		for (i = 0; i < op->span; i += GUEST_PAGE)
			*(char *)vm_hva(vm, gpa + i) = 1;
	if (op->ask)
		ask(vm, v, gpa, span, op->ask);
}

/* vm_wait() looks every 200 us, and many a sample would have a look in it. */
static void wait_quietly(struct vm *vm)
{
	unsigned int v, waited = 0;

	for (v = 0; v < vm->cfg.nvcpus; v++) {
		while (vm->vcpu[v].state == VCPU_RUNNING && waited < PATIENCE) {
			usleep(LOOK_MS * 1000);
			waited += LOOK_MS;
		}
	}
}

void snp_measure(unsigned int which, unsigned int nvcpus, struct samples *s,
		 const char *kind[2])
{
	const struct snp_op *op = &snp_ops[which];
	struct vm *vm = vm_create(&(struct vm_config){
		.nvcpus = nvcpus,
		.policy = op->policy,
		.on_psc = op->convert ? vm_psc : answer_at_once,
	});
	uint64_t span = align_large(op->span);
	unsigned int v, i;

	vm_slot_add(vm, 1, VM_SLOT1_GPA, span * nvcpus);
	madvise(vm_hva(vm, VM_SLOT1_GPA), span * nvcpus, MADV_NOHUGEPAGE);
	for (v = 0; v < nvcpus; v++) {
		prepare_vcpu(vm, v, op, VM_SLOT1_GPA + v * span);
		/* All vCPUs at once. */
		op_set_flag(vm, v, v, 1);
		for (i = 0; i < nvcpus; i++)
			op_wait_flag(vm, v, i, 1);
		op->add(vm, v, VM_SLOT1_GPA + v * span, op->n);
	}
	vm_launch(vm);
	if (op->request_sites)
		knob_write("request_sites", "on");
	vm_start(vm);
	wait_quietly(vm);
	knob_write("request_sites", "off");
	if (!vm_wait(vm, 1))
		vmm_die("%s: the guest did not end", op->name);
	for (v = 0; v < nvcpus; v++) {
		const struct guest_stamps *stamps = vm_hva(vm, STAMPS_GPA(v));

		if (vm->vcpu[v].state != VCPU_HALTED || stamps->n != op->n)
			vmm_die("%s: vCPU %u did not get to its end", op->name, v);
		for (i = 1; i < op->n; i++)
			samples_add(&s[op->kind_of ? op->kind_of(i) : 0],
				    stamps->tsc[i] - stamps->tsc[i - 1]);
	}
	kind[0] = op->kind_of ? op->kind[0] : op->name;
	kind[1] = op->kind[1];
	vm_destroy(vm);
}
