// SPDX-License-Identifier: GPL-2.0-only
/* Guests and VMMs that mean harm: what they cost the host has a bound. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm_para.h>
#include "fire.h"

/* Says "done" and does nothing: a million PSCs cost the test no conversion. */
static uint64_t claim(struct vcpu *v, const struct psc *psc)
{
	(void)v;
	(void)psc;
	return 0;
}

static uint64_t counter_of(struct vm *vm, const char *name)
{
	return guard_counter(vm, name);
}

/* PSCs all over the 40-bit space of gfns: nothing is kept of what is no memory. */
static void whole_gfn_space(const void *arg)
{
	unsigned int n = (uintptr_t)arg;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = claim });
	uint64_t before, kib;

	op_psc(vm, 0, 1ull << 30, PSC_SHARED);
	op_last(vm, 0)->repeat = n;
	op_last(vm, 0)->stride = ((1ull << 40) / n - 1) << 12;
	op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = 1ull << 34,
					  .arg = { 1ull << 30, 0 } });
	guard_launch(vm);
	before = counter_of(vm, "tracker_bytes");
	kib = fire_kernel_kib();
	run(vm);
	expect_halted(vm, 0);
	/* The guest's own start makes its GHCB and status pages shared. */
	check(counter_of(vm, "tracker_bytes") < before + 16384, "the tracker takes %lu bytes",
	      counter_of(vm, "tracker_bytes"));
	check(counter_of(vm, "psc_completed") >= n, "only %lu PSCs",
	      counter_of(vm, "psc_completed"));
	diag("%u PSCs over 2^40 gfns: tracker %lu bytes (%lu before), kernel memory %ld KiB more",
	     n, counter_of(vm, "tracker_bytes"), before, (long)(fire_kernel_kib() - kib));
	vm_destroy(vm);
}

/* The same gfn again and again. */
static void same_gfn(const void *arg)
{
	unsigned int n = fire_seconds((uintptr_t)arg), start;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = claim });
	double took;
	uint64_t bytes;

	start = op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_loop(vm, 0, start, n / 2);
	guard_launch(vm);
	took = fire_now();
	vm_start(vm);
	check(vm_wait(vm, 500000 * scenario_slowness), "the guest did not end");
	took = fire_now() - took;
	bytes = counter_of(vm, "tracker_bytes");
	expect_pscs(vm, n, 0, n);
	check(bytes < 65536, "the tracker takes %lu bytes", bytes);
	diag("%u PSCs of one gfn in %.1f s: tracker %lu bytes", n, took, bytes);
	vm_destroy(vm);
}

/* --- batches that are none --- */

static void malformed_batches(const void *arg)
{
	unsigned int n = (uintptr_t)arg, refused = 0;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = claim });
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
	run(vm);
	expect_halted(vm, 0);
	for (unsigned int i = 0; i < n; i++)
		refused += vm_result(vm, 0, i)->code != 0;
	check(counter_of(vm, "psc_requests") ==
	      counter_of(vm, "psc_completed") + counter_of(vm, "psc_refused"),
	      "requests and answers do not add up");
	check(refused > 0 && refused < n, "%u of %u batches refused", refused, n);
	expect_file(vm, "history", "complete");
	diag("%u batches, %u refused by KVM, %lu ranges forwarded", n, refused,
	     counter_of(vm, "psc_requests"));
	vm_destroy(vm);
}

/* --- answers that are none --- */

static uint64_t nonsense(struct vcpu *v, const struct psc *psc)
{
	uint64_t answer = (uint64_t)fire_random(1 << 30) << 34 | fire_random(1 << 30);

	return fire_random(2) ? vm_psc(v, psc) : answer;
}

static void nonsense_answers(const void *arg)
{
	unsigned int n = (uintptr_t)arg;
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = nonsense });
	uint64_t refused;

	/* Its own start must succeed. */
	vm->cfg.on_psc = NULL;
	op_wait_flag(vm, 0, 1, 1);
	fire_add_conversions(vm, 0, GPA(0), n);
	guard_launch(vm);
	vm_start(vm);
	while (counter_of(vm, "psc_completed") < GUEST_BOOT_PSCS(0))
		usleep(1000);
	vm->cfg.on_psc = nonsense;
	vm_set_flag(vm, 1, 1);
	check(vm_wait(vm, 200000), "the guest did not end");
	refused = counter_of(vm, "psc_refused");
	check(refused && counter_of(vm, "psc_completed") > GUEST_BOOT_PSCS(0),
	      "no two kinds of answers");
	check(counter_of(vm, "psc_requests") == counter_of(vm, "psc_completed") + refused,
	      "requests and answers do not add up");
	expect_file(vm, "state", "running");
	diag("%u PSCs, %lu of them answered by nonsense", 2 * n, refused);
	vm_destroy(vm);
}

/* --- a VMM that writes the run page behind everybody's back --- */

struct scribbler {
	struct vm *vm;
	volatile bool stop;
	uint64_t writes;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	unsigned int seed = 1;

	while (!s->stop) {
		volatile struct kvm_run *run = s->vm->vcpu[0].run;

		switch (rand_r(&seed) % 6) {
		case 0:
			run->exit_reason = rand_r(&seed) % 45;
			break;
		case 1:
			run->hypercall.nr = rand_r(&seed) % 2 ? KVM_HC_MAP_GPA_RANGE :
								rand_r(&seed);
			break;
		case 2:
			run->hypercall.args[0] = (uint64_t)rand_r(&seed) << rand_r(&seed) % 34;
			break;
		case 3:
			run->hypercall.args[1] = (uint64_t)rand_r(&seed) << rand_r(&seed) % 34;
			break;
		case 4:
			run->hypercall.args[2] = rand_r(&seed);
			break;
		default:
			run->hypercall.ret = rand_r(&seed) % 3 ? 0 : rand_r(&seed);
		}
		s->writes++;
	}
	return NULL;
}

static void run_page(const void *arg)
{
	unsigned int seconds = (uintptr_t)arg, lives = 0;
	double end = fire_now() + seconds;
	uint64_t writes = 0;

	while (fire_now() < end) {
		struct vm *vm = vm_create(&(struct vm_config){ .on_psc = claim });
		struct scribbler s = { .vm = vm };
		pthread_t t;

		fire_add_conversions(vm, 0, GPA(0), 200);
		guard_launch(vm);
		pthread_create(&t, NULL, scribble, &s);
		vm_start(vm);
		vm_wait(vm, 2000);
		s.stop = true;
		pthread_join(t, NULL);
		writes += s.writes;
		/* What came of it is the VMM's affair; the module knows what it has seen. */
		check(counter_of(vm, "psc_requests") >=
		      counter_of(vm, "psc_completed") + counter_of(vm, "psc_refused"),
		      "more answers than requests");
		guard_forget(vm);
		vm_destroy(vm);
		lives++;
	}
	diag("%lu writes to the run pages of %u VMs", writes, lives);
}

static const struct scenario scenarios[] = {
	{ "hostile.whole_gfn_space", whole_gfn_space, (void *)4096, SC_LONG },
	{ "hostile.same_gfn", same_gfn, (void *)1000000, SC_LONG },
	{ "hostile.malformed_batches", malformed_batches, (void *)70, SC_SLOW },
	{ "hostile.nonsense_answers", nonsense_answers, (void *)200, SC_LONG },
	{ "hostile.run_page", run_page, (void *)10, SC_LONG },
};

GROUP(hostile_group, scenarios);
