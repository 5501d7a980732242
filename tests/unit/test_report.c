// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a record goes, and what the report adds to what judging found out.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <asm/pgtable_types.h>

#include <string.h>

#include <unit/alloc.h>

#include "fake_host.h"
#include "vm.h"

struct fixture {
	struct rmpe_vm vm;
	struct kvm_vcpu vcpu;
	struct kvm_memory_slot slot;
};

static int set_up(void **state)
{
	static struct fixture f;

	unit_reset();
	unit_interval++;
	f = (struct fixture){
		.vm = {
			.id = 4,
			.pid = 99,
			.comm = "vmm",
			.lock = { .held = true },
			.log_limit = { .allowed = 1000 },
		},
		.vcpu = { .vcpu_id = 2 },
		.slot = {
			.base_gfn = 0x100,
			.gmem = { .file = &fake_gmem, .pgoff = 0x20 },
		},
	};
	host = (struct fake_host){
		.now_ns = 1000000,
		.has_folio = true,
		.rmp_assigned = true,
		.rmp_level = PG_LEVEL_4K,
	};
	*state = &f;
	return rmpe_history_init(&f.vm.history);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unit_fail_alloc(UNIT_NEVER);
	rmpe_history_free(&f->vm.history);
	kvfree(f->vm.records);
	return unit_live_objects() || host.file_refs || host.folio_refs;
}

static struct rmpe_record report(struct fixture *f, enum rmpe_class class,
				 enum rmpe_outcome outcome)
{
	struct rmpe_record rec = {
		.gpa = 0x105678,
		.error_code = PFERR_GUEST_FINAL_MASK,
		.verdict = { .class = class },
		.mode = RMPE_MODE_STRICT,
		.outcome = outcome,
	};

	rmpe_report(&f->vm, &f->vcpu, &f->slot, &rec);
	return rec;
}

static struct rmpe_record report_shared(struct fixture *f)
{
	return report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_NONE);
}

static void who_and_where(void **state)
{
	struct rmpe_record rec = report_shared(*state);

	assert_int_equal(rec.when_ns, 1000000);
	assert_int_equal(rec.vm_id, 4);
	assert_int_equal(rec.pid, 99);
	assert_string_equal(rec.comm, "vmm");
	assert_int_equal(rec.vcpu, 2);
	assert_int_equal(host.traced, 1);
	assert_int_equal(host.printed, 1);
	assert_int_equal(host.events, 1);
}

static void page_behind_the_gfn(void **state)
{
	struct rmpe_record rec = report_shared(*state);

	/* gfn 0x105 is 5 pages into a slot that begins 0x20 pages into the file. */
	assert_int_equal(host.index, 0x25);
	assert_true(rec.has_pfn);
	assert_int_equal(rec.pfn, FAKE_PFN(0x25));
	assert_true(rec.rmp_valid);
	assert_true(rec.rmp_assigned);
	assert_int_equal(rec.rmp_level, PG_LEVEL_4K);
}

static void page_not_allocated_yet(void **state)
{
	struct rmpe_record rec;

	host.has_folio = false;
	rec = report_shared(*state);
	assert_false(rec.has_pfn);
	assert_non_null(strstr(host.log, " pfn=none rmp=n/a "));
}

static void guest_memfd_closed(void **state)
{
	struct rmpe_record rec;

	host.file_gone = true;
	rec = report_shared(*state);
	assert_false(rec.has_pfn);
	assert_int_equal(host.printed, 1);
}

static void rmp_entry_unreadable(void **state)
{
	struct rmpe_record rec;

	host.rmp_error = -ENODEV;
	rec = report_shared(*state);
	assert_true(rec.has_pfn);
	assert_false(rec.rmp_valid);
	assert_non_null(strstr(host.log, " rmp=unreadable "));
}

static void add_psc(struct fixture *f, gfn_t gfn)
{
	struct rmpe_psc_event ev = {
		.gfn = gfn,
		.npages = 1,
		.completed = true,
	};

	rmpe_history_add(&f->vm.history, &ev);
}

static void last_psc_is_told(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec;

	add_psc(f, 0x105);
	add_psc(f, 0x106);
	rec = report_shared(f);
	assert_int_equal(rec.psc.seq, 1);
	assert_int_equal(rec.psc.gfn, 0x105);
	assert_false(rec.psc_lost);
}

static void no_psc_is_told_apart_from_a_lost_one(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < RMPE_PSC_HISTORY_LEN; i++)
		add_psc(f, 0x106);
	assert_false(report_shared(f).psc_lost);
	assert_non_null(strstr(host.log, " psc=none "));
	add_psc(f, 0x106);
	assert_true(report_shared(f).psc_lost);
	assert_non_null(strstr(host.log, " psc=unknown "));
}

static void no_psc_of_a_vm_older_than_the_module(void **state)
{
	struct fixture *f = *state;

	f->vm.history_state = RMPE_HISTORY_PARTIAL;
	assert_true(report_shared(f).psc_lost);
	f->vm.history_state = RMPE_HISTORY_LOST;
	assert_true(report_shared(f).psc_lost);
}

static void log_line(void **state)
{
	report(*state, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_VC);
	assert_string_equal(host.log, "4 rmp_enforce: violation vm=4 pid=99 comm=vmm vcpu=2 gfn=0x105 gpa=0x105678 access=shared op=read expected=initial source=none class=first_touch attr=shared err=0x100000000(FINAL) psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=0x100025 rmp=assigned:1,level:4K rip=n/a n=0 suppressed=0 mode=strict action=vc escalated=no\n");
}

/* What is no guest error is information; what was acted upon is a warning. */
static void log_level(void **state)
{
	static const struct {
		enum rmpe_class class;
		enum rmpe_outcome outcome;
		char level;
	} should[] = {
		{ RMPE_CLASS_IMPLICIT_PRIVATE, RMPE_OUTCOME_NONE, '4' },
		{ RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_NONE, '4' },
		{ RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_NONE, '4' },
		{ RMPE_CLASS_INITIAL_SHARED, RMPE_OUTCOME_NONE, '6' },
		{ RMPE_CLASS_INITIAL_SHARED, RMPE_OUTCOME_VC, '4' },
		{ RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE, '6' },
		{ RMPE_CLASS_VMPL, RMPE_OUTCOME_NONE, '6' },
		{ RMPE_CLASS_VMPL, RMPE_OUTCOME_TERMINATE, '4' },
		{ RMPE_CLASS_HOST, RMPE_OUTCOME_NONE, '6' },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(should); i++) {
		report(*state, should[i].class, should[i].outcome);
		assert_int_equal(host.log[0], should[i].level);
	}
}

static void limited_records_are_counted(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	f->vm.log_limit.allowed = 2;
	for (i = 0; i < 7; i++)
		report_shared(f);
	assert_int_equal(host.printed, 2);
	assert_int_equal(host.events, 2);
	assert_int_equal(host.traced, 7);
	assert_int_equal(f->vm.suppressed, 5);
	assert_int_equal(f->vm.counters.log_suppressed, 5);
	assert_int_equal(f->vm.nr_records, 7);

	/* The next line says how many are missing, the one after it none. */
	f->vm.log_limit.allowed = 2;
	assert_int_equal(report_shared(f).suppressed, 5);
	assert_non_null(strstr(host.log, " suppressed=5 "));
	assert_int_equal(report_shared(f).suppressed, 0);
	assert_int_equal(f->vm.counters.log_suppressed, 5);
}

static void termination_is_always_printed(void **state)
{
	struct fixture *f = *state;

	f->vm.log_limit.allowed = 0;
	report_shared(f);
	report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_VC);
	assert_int_equal(host.printed, 0);
	report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
	assert_int_equal(host.printed, 1);
	assert_int_equal(host.events, 1);
	assert_non_null(strstr(host.log, " suppressed=2 "));
	assert_int_equal(f->vm.suppressed, 0);
}

/*
 * VMs without end, each below its own limit, while no time passes.  What they fill
 * the log with does not keep a guest's end out of it.
 */
static void all_vms_together_are_limited(void **state)
{
	struct fixture *f = *state;
	unsigned int violations, i;

	for (i = 0; i < 300; i++) {
		f->vm.log_limit.allowed = 1;
		report_shared(f);
	}
	violations = host.printed;
	assert_in_range(violations, 1, 200);
	for (i = 0; i < 200; i++)
		report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
	assert_in_range(host.printed, violations + 1, violations + 50);
	assert_int_equal(host.events, host.printed);
	assert_int_equal(host.traced, 500);
	assert_int_equal(f->vm.counters.log_suppressed, 500 - host.printed);
}

static void last_records_are_kept(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < RMPE_NR_RECORDS + 3; i++) {
		host.now_ns = i;
		report_shared(f);
	}
	assert_int_equal(f->vm.nr_records, RMPE_NR_RECORDS + 3);
	for (i = 3; i < RMPE_NR_RECORDS + 3; i++)
		assert_int_equal(f->vm.records[i % RMPE_NR_RECORDS].when_ns, i);
	assert_int_equal(unit_uncharged_bytes(), 0);
}

/* Without memory the line is cut short, but the violation is told. */
static void no_memory_for_the_text(void **state)
{
	struct fixture *f = *state;
	char whole[sizeof(host.log)];
	size_t n;

	report_shared(f);
	memcpy(whole, host.log, sizeof(whole));
	unit_fail_alloc(1);
	report_shared(f);
	assert_true(unit_alloc_failed());
	assert_int_equal(host.printed, 2);
	assert_int_equal(host.events, 2);

	n = strlen(host.log) - 1;
	assert_int_equal(host.log[n], '\n');
	assert_true(n < strlen(whole) - 1);
	assert_memory_equal(host.log, whole, n);
	assert_non_null(strstr(host.log, " gpa=0x105678 "));
}

static void no_memory_for_the_list(void **state)
{
	struct fixture *f = *state;

	unit_fail_alloc(1);
	report_shared(f);
	assert_true(unit_alloc_failed());
	assert_null(f->vm.records);
	assert_int_equal(f->vm.nr_records, 0);
	assert_int_equal(host.printed, 1);
	report_shared(f);
	assert_int_equal(f->vm.nr_records, 1);
}

#define report_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		report_test(who_and_where),
		report_test(page_behind_the_gfn),
		report_test(page_not_allocated_yet),
		report_test(guest_memfd_closed),
		report_test(rmp_entry_unreadable),
		report_test(last_psc_is_told),
		report_test(no_psc_is_told_apart_from_a_lost_one),
		report_test(no_psc_of_a_vm_older_than_the_module),
		report_test(log_line),
		report_test(log_level),
		report_test(limited_records_are_counted),
		report_test(termination_is_always_printed),
		report_test(last_records_are_kept),
		report_test(no_memory_for_the_text),
		report_test(no_memory_for_the_list),
		report_test(all_vms_together_are_limited),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
