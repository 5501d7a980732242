// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of a VM, from the first moment to the last.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include <string.h>

#include <unit/alloc.h>
#include <unit/cpu.h>
#include <unit/rcu.h>
#include <unit/wait.h>

#include "fake_host.h"
#include "one_site.h"
#include "vm.h"

#define GFN	0x1234567890ULL

static struct kvm kvm;
static struct kvm_vcpu vcpu[5];
static struct task_struct leader = { .group_leader = &leader, .tgid = 410 };
static struct task_struct thread = {
	.group_leader = &leader, .pid = 411, .tgid = 410, .comm = "CPU 0/KVM",
};

static struct rmpe_vm *vm;

static void set_leader(const char *comm)
{
	memset(leader.comm, 0, sizeof(leader.comm));
	memcpy(leader.comm, comm, strnlen(comm, sizeof(leader.comm)));
}

static int set_up(void **state)
{
	unsigned int i;

	unit_reset();
	jiffies += 6 * HZ;
	host = (struct fake_host){ };
	unit_current = &thread;
	set_leader("qemu-system-x86");
	for (i = 0; i < ARRAY_SIZE(vcpu); i++)
		vcpu[i] = (struct kvm_vcpu){ .kvm = &kvm, .vcpu_id = 40 + i, .vcpu_idx = i };
	vm = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
	if (!vm)
		return -1;
	vm->id = 7;
	mutex_lock(&vm->lock);
	return 0;
}

static void must_not_wait(void)
{
	fail_msg("somebody waits");
}

static int tear_down(void **state)
{
	unit_fail_alloc(UNIT_NEVER);
	mutex_unlock(&vm->lock);
	rmpe_vm_release(vm);
	unit_somebody_waits = must_not_wait;
	rmpe_vm_wait_all_freed();
	unit_somebody_waits = NULL;
	return unit_live_objects() != 0;
}

/* --- the struct --- */

static void new_one(void **state)
{
	assert_ptr_equal(vm->kvm, &kvm);
	assert_int_equal(vm->history_state, RMPE_HISTORY_COMPLETE);
	assert_int_equal(vm->pid, 410);
	assert_string_equal(vm->comm, "qemu-system-x86");
	assert_int_equal(vm->nr_vcpus, 0);
	assert_int_equal(vm->watch, 0);
	assert_false(rmpe_terminated(vm));
	assert_int_equal(rmpe_vm_npf_judged(vm), 0);
	/* Of the VMM's cgroup, all of it. */
	assert_int_equal(unit_uncharged_bytes(), 0);
}

static void limits_of_the_log(void **state)
{
	assert_int_equal(vm->log_limit.interval, 5 * HZ);
	assert_int_equal(vm->log_limit.burst, 10);
	assert_int_equal(vm->log_limit.flags, RATELIMIT_MSG_ON_RELEASE);
	assert_int_equal(vm->act_limit.interval, 5 * HZ);
	assert_int_equal(vm->act_limit.burst, 10);
	assert_int_equal(vm->act_limit.flags, RATELIMIT_MSG_ON_RELEASE);
}

static void older_one(void **state)
{
	struct rmpe_vm *old = rmpe_vm_alloc(&kvm, RMPE_HISTORY_PARTIAL);

	assert_non_null(old);
	assert_int_equal(old->history_state, RMPE_HISTORY_PARTIAL);
	rmpe_vm_release(old);
}

/* It becomes a word in records, and the last part of a line. */
static void name_is_one_word(void **state)
{
	static const struct {
		const char *is, *should;
	} names[] = {
		{ "qemu", "qemu" },
		{ "", "_" },
		{ "a b", "a_b" },
		{ "k=v", "k_v" },
		{ "two\nlines", "two_lines" },
		{ " ", "_" },
		{ "\x7f\x1f\x80\xff", "____" },
		{ "~!<>\"", "~!<>\"" },
		{ "fifteen.letters", "fifteen.letters" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct rmpe_vm *named;

		set_leader(names[i].is);
		named = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
		assert_non_null(named);
		assert_string_equal(named->comm, names[i].should);
		rmpe_vm_release(named);
	}
}

static void no_memory_for_it(void **state)
{
	const size_t before = unit_live_objects();
	unsigned int nth;

	for (nth = 1;; nth++) {
		struct rmpe_vm *new;

		unit_fail_alloc(nth);
		new = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
		if (!unit_alloc_failed()) {
			assert_non_null(new);
			rmpe_vm_release(new);
			break;
		}
		assert_null(new);
		assert_int_equal(unit_live_objects(), before);
	}
	/* The struct, the counter of faults, the vCPUs, and the history. */
	assert_true(nth > 4);
}

static unsigned int waits;
static struct rmpe_vm *others[3];

static void release_one(void)
{
	rmpe_vm_release(others[waits++]);
}

/* The module's code must stay until then. */
static void last_one_is_waited_for(void **state)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
		assert_non_null(others[i]);
	}
	mutex_unlock(&vm->lock);
	rmpe_vm_release(vm);
	waits = 0;
	unit_somebody_waits = release_one;
	/* None but the last wakes. */
	rmpe_vm_release(others[waits++]);
	rmpe_vm_release(others[waits++]);
	rmpe_vm_wait_all_freed();
	assert_int_equal(waits, 3);
	assert_int_equal(unit_live_objects(), 0);
	assert_int_equal(set_up(state), 0);
}

/* All that a VM may have. */
static void everything_is_freed(void **state)
{
	const struct rmpe_map_event hole = { .when_ns = 1, .gfn = GFN, .npages = 3 };
	struct rmpe_record rec = { .verdict.class = RMPE_CLASS_VMPL };
	const struct rmpe_backing backing = { .first = 1, .end = 2 };
	unsigned int i;

	for (i = 0; i < 1000; i++)
		rmpe_history_add(&vm->history)->gfn = 2 * i;
	rmpe_map_add(&vm->holes, &hole);
	rmpe_site_map_set(&vm->request_sites, GFN, 1, new_site(1, 0));
	rmpe_vm_set_asked(vm, GFN, 5, RMPE_PAGE_SHARED);
	rmpe_vm_set_used(vm, GFN + 9, RMPE_PAGE_PRIVATE);
	assert_int_equal(rmpe_backing_add(&vm->backings, &backing), 0);
	rmpe_vcpu_get(vm, &vcpu[4])->psc.site = new_site(2, 0);
	assert_non_null(rmpe_vcpu_get(vm, &vcpu[1]));
	rmpe_vm_count_violation(vm, GFN, &rec);
	assert_int_equal(rmpe_records_prepare(&vm->records), 0);
	rmpe_records_add(&vm->records, &rec);
	/* tear_down() counts. */
	assert_int_equal(unit_uncharged_bytes(), 0);
}

/* --- vCPUs --- */

static void vcpus_are_made_once(void **state)
{
	struct rmpe_vcpu *v = rmpe_vcpu_get(vm, &vcpu[3]);

	assert_non_null(v);
	assert_ptr_equal(vm->vcpus[3], v);
	assert_int_equal(vm->nr_vcpus, 4);
	assert_ptr_equal(rmpe_vcpu_get(vm, &vcpu[3]), v);
	assert_non_null(rmpe_vcpu_get(vm, &vcpu[0]));
	assert_int_equal(vm->nr_vcpus, 4);
	assert_ptr_not_equal(vm->vcpus[0], v);
	assert_null(vm->vcpus[1]);
	assert_non_null(rmpe_vcpu_get(vm, &vcpu[4]));
	assert_int_equal(vm->nr_vcpus, 5);
	assert_int_equal(vm->history_state, RMPE_HISTORY_COMPLETE);
}

static void last_vcpu_that_there_can_be(void **state)
{
	vcpu[0].vcpu_idx = KVM_MAX_VCPUS - 1;
	assert_non_null(rmpe_vcpu_get(vm, &vcpu[0]));
	assert_int_equal(vm->nr_vcpus, KVM_MAX_VCPUS);
}

static void vcpu_is_met(void **state)
{
	struct rmpe_vcpu *v;

	mutex_unlock(&vm->lock);
	v = rmpe_vcpu_meet(vm, &vcpu[2]);
	assert_false(vm->lock.held);
	mutex_lock(&vm->lock);
	assert_non_null(v);
	assert_ptr_equal(v, rmpe_vcpu_get(vm, &vcpu[2]));
}

/* What it asks for would pass unseen. */
static void no_memory_for_a_vcpu(void **state)
{
	unit_fail_alloc(1);
	mutex_unlock(&vm->lock);
	assert_null(rmpe_vcpu_meet(vm, &vcpu[2]));
	mutex_lock(&vm->lock);
	assert_true(unit_alloc_failed());
	assert_int_equal(vm->history_state, RMPE_HISTORY_LOST);
	assert_int_equal(vm->nr_vcpus, 0);
	assert_non_null(rmpe_vcpu_get(vm, &vcpu[2]));
	assert_int_equal(vm->nr_vcpus, 3);
}

/* --- violations --- */

static u32 count(gfn_t gfn, enum rmpe_class class)
{
	struct rmpe_record rec = { .verdict.class = class };

	rmpe_vm_count_violation(vm, gfn, &rec);
	return rec.violations;
}

static void violations_are_counted(void **state)
{
	const s64 before = atomic64_read(&rmpe_totals.class[RMPE_CLASS_HOST]);

	assert_int_equal(count(GFN, RMPE_CLASS_HOST), 1);
	assert_int_equal(count(GFN, RMPE_CLASS_VMPL), 2);
	assert_int_equal(count(GFN + 1, RMPE_CLASS_HOST), 1);
	assert_int_equal(count(0, RMPE_CLASS_HOST), 1);
	assert_int_equal(count(GFN, RMPE_CLASS_HOST), 3);
	assert_int_equal(vm->counters.class[RMPE_CLASS_HOST], 4);
	assert_int_equal(vm->counters.class[RMPE_CLASS_VMPL], 1);
	assert_int_equal(vm->counters.class[RMPE_CLASS_UNBACKED], 0);
	assert_int_equal(atomic64_read(&rmpe_totals.class[RMPE_CLASS_HOST]), before + 4);
}

/* As many as there is room for, each in a place of its own. */
static void gfns_that_are_remembered(void **state)
{
	gfn_t at[RMPE_NR_NOTES] = { }, gfn;
	unsigned int i, n = 0;

	for (gfn = GFN; n < RMPE_NR_NOTES; gfn++) {
		i = hash_64(gfn, 9);
		n += !at[i];
		at[i] = at[i] ?: gfn;
	}
	for (i = 0; i < RMPE_NR_NOTES; i++)
		assert_int_equal(count(at[i], RMPE_CLASS_VMPL), 1);
	for (i = 0; i < RMPE_NR_NOTES; i++)
		assert_int_equal(count(at[i], RMPE_CLASS_VMPL), 2);
	/* Another one is in the place of one of these. */
	while (hash_64(gfn, 9) != 5)
		gfn++;
	assert_int_equal(count(gfn, RMPE_CLASS_VMPL), 1);
	assert_int_equal(count(at[6], RMPE_CLASS_VMPL), 3);
	assert_int_equal(count(gfn, RMPE_CLASS_VMPL), 2);
	assert_int_equal(count(at[5], RMPE_CLASS_VMPL), 1);
}

static void no_memory_to_remember_gfns(void **state)
{
	unit_fail_alloc(1);
	assert_int_equal(count(GFN, RMPE_CLASS_VMPL), 0);
	assert_true(unit_alloc_failed());
	assert_int_equal(vm->counters.class[RMPE_CLASS_VMPL], 1);
	assert_int_equal(count(GFN, RMPE_CLASS_VMPL), 1);
	assert_int_equal(vm->counters.class[RMPE_CLASS_VMPL], 2);
}

static void add_records(unsigned int n)
{
	struct rmpe_record rec = { .verdict.class = RMPE_CLASS_VMPL };

	assert_int_equal(rmpe_records_prepare(&vm->records), 0);
	while (n--) {
		rec.gpa = 0x1000 * (vm->records.nr + 1);
		rmpe_records_add(&vm->records, &rec);
	}
}

static void last_records(void **state)
{
	struct rmpe_record rec = { .gpa = 77 };
	u64 after;

	assert_false(rmpe_vm_record(vm, 0, &rec));
	assert_false(rmpe_vm_record(vm, RMPE_LAST_RECORD, &rec));
	assert_int_equal(rec.gpa, 77);
	add_records(1);
	assert_true(rmpe_vm_record(vm, 0, &rec));
	assert_int_equal(rec.seq, 1);
	rec.seq = 0;
	assert_true(rmpe_vm_record(vm, RMPE_LAST_RECORD, &rec));
	assert_int_equal(rec.seq, 1);
	add_records(2);
	for (after = 0; after < 3; after++) {
		assert_true(rmpe_vm_record(vm, after, &rec));
		assert_int_equal(rec.seq, after + 1);
		assert_int_equal(rec.gpa, 0x1000 * (after + 1));
	}
	assert_false(rmpe_vm_record(vm, 3, &rec));
	assert_int_equal(rec.seq, 3);
	rec.seq = 0;
	assert_true(rmpe_vm_record(vm, RMPE_LAST_RECORD, &rec));
	assert_int_equal(rec.seq, 3);
	add_records(2 * RMPE_NR_RECORDS);
	assert_true(rmpe_vm_record(vm, RMPE_LAST_RECORD, &rec));
	assert_int_equal(rec.seq, 2 * RMPE_NR_RECORDS + 3);
	assert_true(rmpe_vm_record(vm, 0, &rec));
	assert_int_equal(rec.seq, RMPE_NR_RECORDS + 4);
	assert_false(unit_spinning());
}

static void sites_of_a_record(void **state)
{
	struct rmpe_sites sites = { .access = new_site(1, 0), .request = new_site(2, 0) };
	struct rmpe_told told = { .place = 0, .seq = 2 };
	struct rmpe_sites kept;

	add_records(1);
	add_records(1);
	told.place = vm->records.record[0].seq == 2 ? 0 : 1;
	while (vm->records.record[told.place].seq != 2)
		told.place++;
	rmpe_records_set_sites(&vm->records, &told, &sites);
	kept = rmpe_vm_sites(vm, 1);
	assert_null(kept.access);
	kept = rmpe_vm_sites(vm, 2);
	assert_false(unit_spinning());
	assert_ptr_equal(kept.access, sites.access);
	assert_ptr_equal(kept.request, sites.request);
	rmpe_site_put(kept.access);
	rmpe_site_put(kept.request);
	rmpe_site_put(sites.access);
	rmpe_site_put(sites.request);
}

/* Each CPU counts what it sees. */
static void faults_of_all_cpus(void **state)
{
	for (unit_cpu = 0; unit_cpu < UNIT_NR_CPUS; unit_cpu++)
		this_cpu_inc(*vm->npf_judged);
	assert_int_equal(rmpe_vm_npf_judged(vm), UNIT_NR_CPUS);
	*per_cpu_ptr(vm->npf_judged, UNIT_NR_CPUS - 1) += 0x500000000;
	assert_int_equal(rmpe_vm_npf_judged(vm), 0x500000000 + UNIT_NR_CPUS);
	unit_cpu = 0;
}

static void mode_that_holds(void **state)
{
	static const enum rmpe_mode should[4][2] = {
		/* With the history, and without it. */
		[RMPE_MODE_INHERIT] = { RMPE_MODE_STRICT, RMPE_MODE_LENIENT },
		[RMPE_MODE_OFF] = { RMPE_MODE_OFF, RMPE_MODE_OFF },
		[RMPE_MODE_LENIENT] = { RMPE_MODE_LENIENT, RMPE_MODE_LENIENT },
		[RMPE_MODE_STRICT] = { RMPE_MODE_STRICT, RMPE_MODE_LENIENT },
	};
	const struct rmpe_settings kept = rmpe_global;
	unsigned int own;

	rmpe_global.mode = RMPE_MODE_STRICT;
	for (own = 0; own < ARRAY_SIZE(should); own++) {
		vm->settings.mode = own;
		vm->history_state = RMPE_HISTORY_COMPLETE;
		assert_int_equal(rmpe_vm_mode(vm), should[own][0]);
		vm->history_state = RMPE_HISTORY_PARTIAL;
		assert_int_equal(rmpe_vm_mode(vm), should[own][0]);
		vm->history_state = RMPE_HISTORY_LOST;
		assert_int_equal(rmpe_vm_mode(vm), should[own][1]);
	}
	rmpe_global = kept;
}

static void names_of_the_history(void **state)
{
	assert_string_equal(rmpe_history_names[RMPE_HISTORY_COMPLETE], "complete");
	assert_string_equal(rmpe_history_names[RMPE_HISTORY_PARTIAL], "partial");
	assert_string_equal(rmpe_history_names[RMPE_HISTORY_LOST], "lost");
}

#define vm_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		vm_test(new_one),
		vm_test(limits_of_the_log),
		vm_test(older_one),
		vm_test(name_is_one_word),
		vm_test(no_memory_for_it),
		vm_test(last_one_is_waited_for),
		vm_test(everything_is_freed),
		vm_test(vcpus_are_made_once),
		vm_test(last_vcpu_that_there_can_be),
		vm_test(vcpu_is_met),
		vm_test(no_memory_for_a_vcpu),
		vm_test(violations_are_counted),
		vm_test(gfns_that_are_remembered),
		vm_test(no_memory_to_remember_gfns),
		vm_test(last_records),
		vm_test(sites_of_a_record),
		vm_test(faults_of_all_cpus),
		vm_test(mode_that_holds),
		vm_test(names_of_the_history),
	};

	return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
