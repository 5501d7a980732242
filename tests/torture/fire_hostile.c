// SPDX-License-Identifier: GPL-2.0-only
/* Hostile guests: what they cost the host has a bound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fire.h"

/* PSCs all over the 40-bit space of gfns: nothing is kept of what is no memory. */
static void whole_gfn_space(const void *arg)
{
	unsigned int n = (uintptr_t)arg;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = fire_claim });
	uint64_t before;

	op_psc(vm, 0, 1ull << 30, PSC_SHARED);
	op_repeat(vm, 0, n, ((1ull << 40) / n - 1) << 12);
	op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = 1ull << 34,
					  .arg = { 1ull << 30, 0 } });
	guard_launch(vm);
	before = guard_counter(vm, "tracker_bytes");
	fire_cost_begin();
	run(vm);
	expect_halted(vm, 0);
	fire_cost_end(1, FIRE_VM_KIB);
	/* The guest's own start makes its GHCB and status pages shared. */
	check(guard_counter(vm, "tracker_bytes") < before + 16384, "the tracker takes %lu bytes",
	      guard_counter(vm, "tracker_bytes"));
	check(guard_counter(vm, "psc_completed") >= n, "only %lu PSCs",
	      guard_counter(vm, "psc_completed"));
	diag("%u PSCs over 2^40 gfns: tracker %lu bytes (%lu before)", n,
	     guard_counter(vm, "tracker_bytes"), before);
	vm_destroy(vm);
}

/* The same gfn again and again; in batches, which spare the test most of the guest. */
static void same_gfn(const void *arg)
{
	unsigned int batches = fire_seconds((uintptr_t)arg) / PSC_MAX_ENTRIES;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = fire_claim });
	unsigned int n = batches * PSC_MAX_ENTRIES, psc;
	uint64_t entry[PSC_MAX_ENTRIES], bytes;

	for (unsigned int i = 0; i < PSC_MAX_ENTRIES; i++)
		entry[i] = PSC_ENTRY(GPA(0), i % 2 ? PSC_PRIVATE : PSC_SHARED, 0, 0);
	psc = op_psc_nae(vm, 0, PSC_HDR(0, PSC_MAX_ENTRIES - 1), entry, PSC_MAX_ENTRIES);
	op_loop(vm, 0, psc, batches);
	guard_launch(vm);
	fire_cost_begin();
	vm_start(vm);
	check(vm_wait(vm, 500000 * scenario_slowness), "the guest did not end");
	fire_cost_end(1, FIRE_VM_KIB);
	expect_code(vm, 0, psc, 0);
	bytes = guard_counter(vm, "tracker_bytes");
	expect_pscs(vm, n, 0, n);
	check(bytes < 65536, "the tracker takes %lu bytes", bytes);
	diag("%u PSCs of one gfn: tracker %lu bytes", n, bytes);
	vm_destroy(vm);
}

/* --- batches that are none --- */

static void malformed_batches(const void *arg)
{
	unsigned int n = (uintptr_t)arg, refused = 0;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = fire_claim });
	uint64_t entry[12];

	for (unsigned int i = 0; i < n; i++) {
		uint64_t hdr = fire_random(3) ? PSC_HDR(fire_random(8), fire_random(16)) :
			       (uint64_t)fire_random(1 << 30) << 32 | fire_random(1 << 30);

		for (unsigned int k = 0; k < 12; k++) {
			unsigned int done = fire_random(3) ? 0 : fire_random(600);

			entry[k] = PSC_ENTRY(GPA(fire_random(64)), fire_random(16),
					     !fire_random(4), done);
			if (!fire_random(6))
				entry[k] = (uint64_t)fire_random(1 << 30) << 34 ^
					   fire_random(1 << 30);
		}
		op_psc_nae(vm, 0, hdr, entry, 11);
	}
	guard_launch(vm);
	fire_cost_begin();
	run(vm);
	expect_halted(vm, 0);
	fire_cost_end(1, FIRE_VM_KIB);
	for (unsigned int i = 0; i < n; i++)
		refused += vm_result(vm, 0, i)->code != 0;
	check(guard_counter(vm, "psc_requests") ==
	      guard_counter(vm, "psc_completed") + guard_counter(vm, "psc_refused"),
	      "requests and answers do not add up");
	check(refused > 0 && refused < n, "%u of %u batches refused", refused, n);
	expect_file(vm, "history", "complete");
	diag("%u batches, %u refused by KVM, %lu ranges forwarded", n, refused,
	     guard_counter(vm, "psc_requests"));
	vm_destroy(vm);
}

/* --- both of the tracker's trees as fragmented as can be --- */

#define SLOT		1
#define SLOT_SIZE	(256ull << 20)
#define DENSE_SIZE	(8ull << 20)	/* every other page of it; of the rest one pair in ... */
#define SPARSE_STEP	(1ull << 20)
#define BYTES_OF_TREE	(SLOT_SIZE / GUEST_PAGE / 4)	/* two bits for each page */
#define BYTES_MORE	4096		/* roots, nodes, and the VM's other slot */

static void ask_and_use(struct vm *vm, uint64_t gpa, uint64_t end, uint64_t stride)
{
	op_psc(vm, 0, gpa, PSC_PRIVATE);
	op_repeat(vm, 0, (end - gpa) / stride, stride);
	op_write(vm, 0, VIEW_SHARED, gpa + GUEST_PAGE, 1);
	op_repeat(vm, 0, (end - gpa) / stride, stride);
}

/* Of each pair of pages one is asked for, the other used without asking. */
static void every_other_page(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = fire_claim });
	const uint64_t dense_end = VM_SLOT1_GPA + DENSE_SIZE, end = VM_SLOT1_GPA + SLOT_SIZE;
	uint64_t before, most;

	(void)arg;
	vm_slot_add(vm, SLOT, VM_SLOT1_GPA, SLOT_SIZE);
	ask_and_use(vm, VM_SLOT1_GPA, dense_end, 2 * GUEST_PAGE);
	ask_and_use(vm, dense_end, end, SPARSE_STEP);
	op_set_flag(vm, 0, 1, 1);
	op_wait_flag(vm, 0, 2, 1);
	/* All of it at once: no need for anything but a few bits. */
	op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = VM_SLOT1_GPA,
					  .arg = { SLOT_SIZE / GUEST_PAGE, 0 } });
	guard_launch(vm);
	before = guard_counter(vm, "tracker_bytes");
	fire_cost_begin();
	vm_start(vm);
	check(vm_wait_flag(vm, 1, 1, 3 * PATIENCE_MS), "the guest did not get there");
	most = guard_counter(vm, "tracker_bytes");
	expect_page_state(vm, VM_SLOT1_GPA, "private");
	expect_page_state(vm, VM_SLOT1_GPA + GUEST_PAGE, "shared");
	check(most >= 2 * BYTES_OF_TREE, "the tracker takes only %lu bytes", most);
	check(most <= before + 2 * BYTES_OF_TREE + BYTES_MORE, "the tracker takes %lu bytes", most);
	fire_cost_end(1, FIRE_VM_KIB);
	vm_set_flag(vm, 2, 1);
	check(vm_wait(vm, PATIENCE_MS), "the guest did not end");
	expect_halted(vm, 0);
	expect_file(vm, "history", "complete");
	check(guard_counter(vm, "tracker_bytes") <= before + BYTES_MORE,
	      "the tracker still takes %lu bytes", guard_counter(vm, "tracker_bytes"));
	diag("slot of %llu MiB: tracker %lu bytes, then %lu, then %lu", SLOT_SIZE >> 20, before,
	     most, guard_counter(vm, "tracker_bytes"));
	vm_destroy(vm);
}

/* --- violations as fast as four vCPUs can --- */

struct pace {
	double per_s;
	double longest_ms;
};

/* How a task fares that has nothing to do with VMs: a byte into a pipe, and out of it. */
static struct pace syscalls(double seconds)
{
	double begun = now_s(), now = begun, last = begun, longest = 0;
	unsigned int n = 0;
	int fd[2];
	char c = 0;

	if (pipe(fd))
		give_up("no pipe");
	while (now < begun + seconds) {
		if (write(fd[1], &c, 1) != 1 || read(fd[0], &c, 1) != 1)
			give_up("a pipe that does not work");
		n += 2;
		now = now_s();
		if (now - last > longest)
			longest = now - last;
		last = now;
	}
	close(fd[0]);
	close(fd[1]);
	return (struct pace){ n / (now - begun), longest * 1000 };
}

static struct vm *four_vcpus(void (*add)(struct vm *vm, unsigned int vcpu, uint64_t gpa,
					  unsigned int times))
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 4 });

	for (unsigned int i = 0; i < 4; i++)
		add(vm, i, GPA(i * FIRE_PAGES), FIRE_FOR_EVER);
	return vm;
}

/* The VM goes on until its counter, if one is named, is not 0. */
static struct pace syscalls_beside(struct vm *vm, double seconds, const char *counter)
{
	struct pace p;

	vm_start(vm);
	p = syscalls(seconds);
	if (counter)
		wait_for_counter(vm, counter, 1);
	vm_stop(vm);
	return p;
}

/* What there must be: one for each run of an operation, and one for each that was begun. */
static void expect_between(struct vm *vm, const char *counter, uint64_t least)
{
	uint64_t n = guard_counter(vm, counter);

	check(n >= least && n <= least + vm->cfg.nvcpus, "%s is %lu, and the guest counts %lu",
	      counter, n, least);
}

/*
 * Of pages that were never asked for.  Lenient: each use as shared is one again, since in
 * between they were private.  Strict: none gets private, so they are shared once.  As
 * private each use is one, for a vCPU has more pages than are remembered of it.
 */
static uint64_t all_violations(struct vm *vm, bool strict)
{
	uint64_t shared = 0, private = 0;

	for (unsigned int i = 0; i < vm->cfg.nvcpus; i++) {
		unsigned int runs = vm_result(vm, i, FIRE_AS_SHARED)->runs;

		shared += strict && runs > FIRE_PAGES ? FIRE_PAGES : runs;
		private += vm_result(vm, i, FIRE_AS_PRIVATE)->runs;
	}
	expect_between(vm, "violations/initial_shared", shared);
	expect_between(vm, "violations/first_touch", private);
	expect_counter(vm, "violations/implicit_shared", 0);
	expect_counter(vm, "violations/implicit_private", 0);
	expect_counter(vm, "violations/enforced",
		       strict ? guard_counter(vm, "violations/first_touch") : 0);
	return guard_counter(vm, "violations/initial_shared") +
	       guard_counter(vm, "violations/first_touch");
}

/*
 * Nothing but violations, for long.  The CPUs are shared in any case: what a task
 * loses is compared with what it loses to a VM of the same size that asks each time.
 */
static void violations(const void *arg)
{
	struct pace alone, work, beside;
	const char *mode = arg;
	struct vm *honest, *vm;
	uint64_t n, tracker;
	unsigned int logged;

	alone = syscalls(1);
	honest = four_vcpus(fire_add_conversions);
	work = syscalls_beside(honest, 2, NULL);
	vm_destroy(honest);
	knob_write("mode", mode);
	vm = four_vcpus(fire_add_violations);
	guard_launch(vm);
	tracker = guard_counter(vm, "tracker_bytes");
	fire_cost_begin();
	beside = syscalls_beside(vm, fire_seconds(10), "violations/first_touch");
	fire_cost_end(1, FIRE_VM_KIB);
	expect_file(vm, "state", "running");
	n = all_violations(vm, !strcmp(mode, "strict"));
	diag("%s: %lu violations; system calls per s: %.0f alone, %.0f beside a working VM, %.0f beside a violating one; the longest took %.1f, %.1f, %.1f ms",
	     mode, n, alone.per_s, work.per_s, beside.per_s, alone.longest_ms,
	     work.longest_ms, beside.longest_ms);
	logged = count_records(vm, "mode=%s", mode);
	check(logged + guard_counter(vm, "log_suppressed") == n,
	      "of %lu violations %u are in the log, and %lu are suppressed", n, logged,
	      guard_counter(vm, "log_suppressed"));
	check(guard_counter(vm, "tracker_bytes") <= tracker + BYTES_MORE,
	      "the tracker takes %lu bytes", guard_counter(vm, "tracker_bytes"));
	check(beside.per_s > work.per_s / 3, "violations slow a task");
	check(beside.longest_ms < 3 * work.longest_ms + 1000 * scenario_slowness,
	      "violations hold up a task");
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "hostile.whole_gfn_space", whole_gfn_space, (void *)4096, SC_LONG },
	{ "hostile.same_gfn", same_gfn, (void *)1000000, SC_LONG },
	{ "hostile.malformed_batches", malformed_batches, (void *)70, SC_SLOW },
	{ "hostile.every_other_page", every_other_page, NULL, SC_LONG },
	{ "hostile.violations", violations, "lenient", SC_LONG },
	{ "hostile.violations_strict", violations, "strict", SC_LONG },
};

GROUP(hostile_guest_group, scenarios);
