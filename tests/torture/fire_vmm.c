// SPDX-License-Identifier: GPL-2.0-only
/* VMMs that mean harm: what they cost the host has a bound, and nobody is blamed for it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm_para.h>
#include "fire.h"

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
	fire_cost_begin();
	vm_start(vm);
	while (guard_counter(vm, "psc_completed") < GUEST_BOOT_PSCS(0))
		usleep(1000);
	vm->cfg.on_psc = nonsense;
	vm_set_flag(vm, 1, 1);
	check(vm_wait(vm, 200000), "the guest did not end");
	fire_cost_end(1, FIRE_VM_KIB);
	refused = guard_counter(vm, "psc_refused");
	check(refused && guard_counter(vm, "psc_completed") > GUEST_BOOT_PSCS(0),
	      "no two kinds of answers");
	check(guard_counter(vm, "psc_requests") == guard_counter(vm, "psc_completed") + refused,
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

	fire_cost_begin();
	while (fire_now() < end) {
		struct vm *vm = vm_create(&(struct vm_config){ .on_psc = fire_claim });
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
		check(guard_counter(vm, "psc_requests") >=
		      guard_counter(vm, "psc_completed") + guard_counter(vm, "psc_refused"),
		      "more answers than requests");
		guard_forget(vm);
		vm_destroy(vm);
		lives++;
	}
	fire_cost_end(lives, FIRE_VM_KIB);
	diag("%lu writes to the run pages of %u VMs", writes, lives);
}

static const struct scenario scenarios[] = {
	{ "hostile.nonsense_answers", nonsense_answers, (void *)200, SC_LONG },
	{ "hostile.run_page", run_page, (void *)10, SC_LONG },
};

GROUP(hostile_vmm_group, scenarios);
