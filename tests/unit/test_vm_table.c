// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VMs there are: numbers, places, and those who look meanwhile.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/hash.h>
#include <linux/kvm_host.h>
#include <linux/spinlock.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <unit/alloc.h>
#include <unit/observer.h>
#include <unit/rcu.h>

#include "vm_table.h"

#define NR_KVMS		1024

static struct kvm kvms[NR_KVMS];
static unsigned int stores;

/* Others write, too: never without the lock. */
static void table_changes(void)
{
	assert_true(unit_spinning());
	stores++;
}

static int set_up(void **state)
{
	unit_reset();
	stores = 0;
	return 0;
}

static int tear_down(void **state)
{
	unit_observer = NULL;
	return unit_spinning() || unit_live_objects();
}

static struct rmpe_vm *add(struct kvm *kvm)
{
	struct rmpe_vm *vm = rmpe_vm_alloc(kvm, RMPE_HISTORY_COMPLETE), *added;

	assert_non_null(vm);
	unit_observer = table_changes;
	added = rmpe_vm_add(vm);
	unit_observer = NULL;
	assert_false(unit_spinning());
	return added;
}

static struct rmpe_vm *del(struct kvm *kvm)
{
	struct rmpe_vm *vm;

	unit_observer = table_changes;
	vm = rmpe_vm_del(kvm);
	unit_observer = NULL;
	assert_false(unit_spinning());
	return vm;
}

static void remove_vm(struct kvm *kvm)
{
	struct rmpe_vm *vm = del(kvm);

	assert_non_null(vm);
	rmpe_vm_release(vm);
}

static void found_until_it_is_taken_out(void **state)
{
	struct rmpe_vm *vm;

	assert_null(rmpe_vm_find(&kvms[0]));
	assert_null(del(&kvms[0]));
	vm = add(&kvms[0]);
	/* The first one that there is. */
	assert_int_equal(vm->id, 1);
	assert_int_equal(stores, 1);
	assert_ptr_equal(vm->kvm, &kvms[0]);
	assert_ptr_equal(rmpe_vm_find(&kvms[0]), vm);
	assert_null(rmpe_vm_find(&kvms[1]));
	assert_null(del(&kvms[1]));
	assert_ptr_equal(del(&kvms[0]), vm);
	assert_int_equal(stores, 2);
	assert_null(rmpe_vm_find(&kvms[0]));
	assert_null(del(&kvms[0]));
	rmpe_vm_release(vm);
}

/* One that is made anew at the same address is another VM. */
static void numbers_are_never_used_again(void **state)
{
	const u64 id = add(&kvms[0])->id;

	assert_int_equal(add(&kvms[1])->id, id + 1);
	remove_vm(&kvms[1]);
	assert_int_equal(add(&kvms[1])->id, id + 2);
	remove_vm(&kvms[0]);
	remove_vm(&kvms[1]);
	assert_int_equal(add(&kvms[0])->id, id + 3);
	remove_vm(&kvms[0]);
}

/* Two vCPUs meet an old VM: the first one's counts, and no number is lost. */
static void added_twice(void **state)
{
	struct rmpe_vm *vm = add(&kvms[0]), *late;
	const size_t objects = unit_live_objects();

	late = rmpe_vm_alloc(&kvms[0], RMPE_HISTORY_COMPLETE);
	assert_non_null(late);
	assert_ptr_equal(rmpe_vm_add(late), vm);
	assert_int_equal(unit_live_objects(), objects);
	assert_ptr_equal(rmpe_vm_find(&kvms[0]), vm);
	assert_int_equal(add(&kvms[1])->id, vm->id + 1);
	remove_vm(&kvms[0]);
	remove_vm(&kvms[1]);
}

/* Three that share a place, in any order. */
static void neighbours(void **state)
{
	struct kvm *same[3] = { &kvms[0] };
	unsigned int i, n = 1, out;

	for (i = 1; i < NR_KVMS && n < 3; i++)
		if (hash_64((unsigned long)&kvms[i], RMPE_VM_TABLE_BITS) ==
		    hash_64((unsigned long)&kvms[0], RMPE_VM_TABLE_BITS))
			same[n++] = &kvms[i];
	assert_int_equal(n, 3);
	for (out = 0; out < 3; out++) {
		for (i = 0; i < 3; i++)
			add(same[i]);
		for (i = 0; i < 3; i++)
			assert_ptr_equal(rmpe_vm_find(same[i])->kvm, same[i]);
		remove_vm(same[out]);
		for (i = 0; i < 3; i++)
			assert_int_equal(!!rmpe_vm_find(same[i]), i != out);
		for (i = 0; i < 3; i++)
			if (i != out)
				remove_vm(same[i]);
		assert_null(rmpe_vm_find(same[0]));
	}
}

/* All places there are, not a few of them: every KVM_RUN looks here. */
static void spread_over_the_table(void **state)
{
	unsigned int i, used = 0;

	for (i = 0; i < NR_KVMS; i++)
		add(&kvms[i]);
	for (i = 0; i < ARRAY_SIZE(rmpe_vm_table); i++)
		used += !!rmpe_vm_table[i].first;
	assert_int_equal(ARRAY_SIZE(rmpe_vm_table), 256);
	assert_true(used > 200 && used <= 256);
	for (i = 0; i < NR_KVMS; i++)
		remove_vm(&kvms[i]);
}

/* A hook of another VM goes past it: it has it in its hands when it is released. */
static bool found, released;

static void *look(void *arg)
{
	const struct rmpe_vm *vm;

	rcu_read_lock_sched();
	vm = rmpe_vm_find(&kvms[0]);
	__atomic_store_n(&found, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&released, __ATOMIC_ACQUIRE))
		sched_yield();
	usleep(20000);
	assert(vm->kvm == &kvms[0]);
	rcu_read_unlock_sched();
	return NULL;
}

static void freed_after_readers(void **state)
{
	pthread_t thread;
	struct rmpe_vm *vm;

	add(&kvms[0]);
	found = released = false;
	assert_int_equal(pthread_create(&thread, NULL, look, NULL), 0);
	while (!__atomic_load_n(&found, __ATOMIC_ACQUIRE))
		sched_yield();
	vm = del(&kvms[0]);
	__atomic_store_n(&released, true, __ATOMIC_RELEASE);
	rmpe_vm_release(vm);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Records are read while they come. */
#define ROUNDS	2000

static bool stop;

static void *read_records(void *arg)
{
	struct rmpe_vm *vm = arg;
	struct rmpe_record rec;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		struct rmpe_sites sites = { };

		if (rmpe_vm_record(vm, RMPE_LAST_RECORD, &rec)) {
			assert(rec.gpa == 0x1000 * rec.seq);
			sites = rmpe_vm_sites(vm, rec.seq);
		}
		assert(!sites.access && !sites.request);
	}
	return NULL;
}

static void records_are_read_meanwhile(void **state)
{
	struct rmpe_record rec = { .verdict.class = RMPE_CLASS_VMPL };
	struct rmpe_vm *vm = add(&kvms[0]);
	pthread_t thread;
	unsigned int i;

	stop = false;
	assert_int_equal(rmpe_records_prepare(&vm->records), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_records, vm), 0);
	for (i = 1; i <= ROUNDS; i++) {
		rec.gpa = 0x1000 * i;
		spin_lock(&vm->records_lock);
		rmpe_records_add(&vm->records, &rec);
		spin_unlock(&vm->records_lock);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	remove_vm(&kvms[0]);
}

#define table_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		table_test(found_until_it_is_taken_out),
		table_test(numbers_are_never_used_again),
		table_test(added_twice),
		table_test(neighbours),
		table_test(spread_over_the_table),
		table_test(freed_after_readers),
		table_test(records_are_read_meanwhile),
	};

	return cmocka_run_group_tests_name("vm_table", tests, NULL, NULL);
}
