// SPDX-License-Identifier: GPL-2.0-only
/* Guests that mean harm: what they cost the host has a bound. */
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
	op_last(vm, 0)->repeat = n;
	op_last(vm, 0)->stride = ((1ull << 40) / n - 1) << 12;
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

static const struct scenario scenarios[] = {
	{ "hostile.whole_gfn_space", whole_gfn_space, (void *)4096, SC_LONG },
	{ "hostile.same_gfn", same_gfn, (void *)1000000, SC_LONG },
	{ "hostile.malformed_batches", malformed_batches, (void *)70, SC_SLOW },
};

GROUP(hostile_guest_group, scenarios);
