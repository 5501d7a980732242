// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records are read while they come, get their sites, and are repeated.
 */
#include "test.h"

#include <linux/jiffies.h>
#include <linux/kvm_host.h>

#include <pthread.h>

#include <unit/alloc.h>

#include "fake_host.h"
#include "one_site.h"
#include "vm.h"

#define ROUNDS	2000

static struct kvm kvm;
static struct kvm_vcpu vcpu = { .kvm = &kvm };
static struct rmpe_vm *vm;
static bool stop;

/* In place of site_taker.c: each record has one of its own. */
struct rmpe_site *rmpe_site_take(struct rmpe_vm *of, struct kvm_vcpu *v)
{
	static u64 nr;

	return new_site(++nr, 0);
}

static void *read_records(void *arg)
{
	struct rmpe_record rec = { };

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		struct rmpe_sites sites;

		if (!rmpe_vm_record(vm, RMPE_LAST_RECORD, &rec))
			continue;
		assert(rec.gpa == 0x1000 * rec.seq);
		assert(!rec.has_site || rec.rip == rec.seq);
		assert(rec.repeats <= 1);
		sites = rmpe_vm_sites(vm, rec.seq);
		assert(!sites.access || sites.access->reg[RMPE_REG_RIP] == rec.seq);
		rmpe_site_put(sites.access);
	}
	return NULL;
}

static void readers(void **state)
{
	pthread_t thread[2];
	unsigned int i;

	unit_reset();
	vm = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
	assert_non_null(vm);
	stop = false;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, read_records, NULL), 0);
	kvm_vcpu_srcu_read_lock(&vcpu);
	for (i = 1; i <= ROUNDS; i++) {
		const struct rmpe_record rec = {
			.gpa = 0x1000 * i, .verdict.class = RMPE_CLASS_VMPL,
			.outcome = RMPE_OUTCOME_TERMINATE,
		};
		struct rmpe_report report;

		mutex_lock(&vm->lock);
		rmpe_report_begin(vm, &rec, &report);
		mutex_unlock(&vm->lock);
		rmpe_report_end(vm, &vcpu, &report);
		mutex_lock(&vm->lock);
		rmpe_report_repeat(vm, &report.told);
		mutex_unlock(&vm->lock);
	}
	kvm_vcpu_srcu_read_unlock(&vcpu);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(vm->counters.repeated, ROUNDS);
	rmpe_vm_release(vm);
	assert_int_equal(unit_live_objects(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers),
	};

	return cmocka_run_group_tests_name("report_readers", tests, NULL, NULL);
}
