// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: the fields that perf and others find in an event's format, and the text of
 * the trace buffer.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/kvm_host.h>

#include <string.h>

#include "rmpe_trace.h"

static char text[512];

static const struct rmpe_psc psc = { .gfn = 0x300000100, .npages = 0x100000000 };
static const struct rmpe_psc to_private = { .gfn = 1, .npages = 2, .to_private = true };

/* There is no answer yet, so none is printed. */
static void requests(void **state)
{
	unit_trace_psc_request(text, sizeof(text), 0x100000007, 410, 3, &psc, 99);
	assert_string_equal(text, "vm=4294967303 pid=410 vcpu=3 gfn=0x300000100 pages=4294967296 to=shared");
	unit_trace_psc_request(text, sizeof(text), 1, 2, 4095, &to_private, 0);
	assert_string_equal(text, "vm=1 pid=2 vcpu=4095 gfn=0x1 pages=2 to=private");
}

/* An error is a negative number. */
static void answers(void **state)
{
	unit_trace_psc_complete(text, sizeof(text), 7, 410, 3, &psc, -22ULL);
	assert_string_equal(text, "vm=7 pid=410 vcpu=3 gfn=0x300000100 pages=4294967296 to=shared ret=-22");
	unit_trace_psc_complete(text, sizeof(text), 7, 410, 3, &to_private, 0);
	assert_string_equal(text, "vm=7 pid=410 vcpu=3 gfn=0x1 pages=2 to=private ret=0");
}

static struct rmpe_record record(void)
{
	return (struct rmpe_record){
		.vm_id = 0x100000007,
		.pid = 410,
		.vcpu = 3,
		.gpa = 0x300000000123,
		.error_code = 0x500000006,
		.verdict = { RMPE_CLASS_IMPLICIT_SHARED, RMPE_EXPECT_PRIVATE },
		.psc = { .seq = 0x100000009 },
		.outcome = RMPE_OUTCOME_VC,
	};
}

static void violations(void **state)
{
	struct rmpe_record rec = record();

	unit_trace_violation(text, sizeof(text), &rec);
	assert_string_equal(text,
			    "vm=4294967303 pid=410 vcpu=3 gfn=0x300000000 gpa=0x300000000123 class=implicit_shared expected=private err=0x500000006 psc_seq=4294967305 action=vc");
}

/* Not printed; all ones if guest_memfd had none. */
static void pfn_of_a_violation(void **state)
{
	struct rmpe_record rec = record();
	struct {
		u64 vm;
		pid_t pid;
		int vcpu;
		u64 gpa, error_code, pfn;
	} entry;

	rec.pfn = 0x100006eb44;
	unit_trace_violation(text, sizeof(text), &rec);
	memcpy(&entry, unit_trace_entry, sizeof(entry));
	assert_true(entry.pfn == ~0ULL);
	rec.has_pfn = true;
	unit_trace_violation(text, sizeof(text), &rec);
	memcpy(&entry, unit_trace_entry, sizeof(entry));
	assert_true(entry.pfn == 0x100006eb44);
	assert_true(entry.gpa == rec.gpa && entry.error_code == rec.error_code);
}

/* The trace says the same words as a record does. */
static void words(void **state)
{
	static const char *const expected[] = { "initial", "private", "shared" };
	struct rmpe_record rec = record();
	char end[64];
	int i;

	for (i = RMPE_CLASS_NONE + 1; i < RMPE_NR_CLASSES; i++) {
		rec.verdict.class = i;
		unit_trace_violation(text, sizeof(text), &rec);
		snprintf(end, sizeof(end), " class=%s ", rmpe_class_names[i]);
		assert_non_null(strstr(text, end));
	}
	for (i = RMPE_EXPECT_INITIAL; i <= RMPE_EXPECT_SHARED; i++) {
		rec.verdict.expected = i;
		unit_trace_violation(text, sizeof(text), &rec);
		snprintf(end, sizeof(end), " expected=%s ", expected[i]);
		assert_non_null(strstr(text, end));
	}
	for (i = RMPE_OUTCOME_NONE; i <= RMPE_OUTCOME_TERMINATE; i++) {
		rec.outcome = i;
		unit_trace_violation(text, sizeof(text), &rec);
		snprintf(end, sizeof(end), " action=%s", rmpe_outcome_names[i]);
		assert_string_equal(text + strlen(text) - strlen(end), end);
	}
}

static void sites(void **state)
{
	struct rmpe_record rec = record();
	struct rmpe_site at = { .cpl = 3 };
	struct rmpe_sites s = { .access = &at };

	at.reg[RMPE_REG_RIP] = 0xffffffff8123abcd;
	at.reg[RMPE_REG_RSP] = 0xffffc90000013d80;
	at.reg[RMPE_REG_CR3] = 0x800000001234000;
	at.reg[RMPE_REG_LSTAR] = 0xffffffff82000080;
#define WHO "vm=4294967303 pid=410 vcpu=3 gfn=0x300000000 gpa=0x300000000123"
#define AT " rip=0xffffffff8123abcd cpl=3 rsp=0xffffc90000013d80 cr3=0x800000001234000 lstar=0xffffffff82000080"
	unit_trace_violation_site(text, sizeof(text), &rec, &s);
	assert_string_equal(text, WHO AT " psc_rip=0x0 psc_cpl=-1");
	rec.psc_rip = 0x401000;
	rec.psc_cpl = 2;
	rec.has_psc_site = true;
	unit_trace_violation_site(text, sizeof(text), &rec, &s);
	assert_string_equal(text, WHO AT " psc_rip=0x401000 psc_cpl=2");
	s.access = NULL;
	unit_trace_violation_site(text, sizeof(text), &rec, &s);
	assert_string_equal(text,
			    WHO " rip=0x0 cpl=-1 rsp=0x0 cr3=0x0 lstar=0x0 psc_rip=0x401000 psc_cpl=2");
}

/* Scripts know these. */
static void fields(void **state)
{
	const char *of_psc =
		"u64 vm; pid_t pid; int vcpu; u64 gfn; u64 pages; _Bool to_private; u64 ret;";

	assert_string_equal(unit_trace_system, "rmp_enforce");
	assert_string_equal(unit_trace_fields_psc_request(), of_psc);
	assert_string_equal(unit_trace_fields_psc_complete(), of_psc);
	assert_string_equal(unit_trace_fields_violation(),
			    "u64 vm; pid_t pid; int vcpu; u64 gpa; u64 error_code; u64 pfn; u64 psc_seq; u8 class; u8 expected; u8 outcome;");
	assert_string_equal(unit_trace_fields_violation_site(),
			    "u64 vm; pid_t pid; int vcpu; u64 gpa; u64 rip; u64 rsp; u64 cr3; u64 lstar; u64 psc_rip; s8 cpl; s8 psc_cpl;");
}

/* Each number that is printed as a word is one that perf is told; else it is missing here. */
#define ENUM(a) \
	extern const int unit_trace_enum_##a __attribute__((weak)); \
	assert_non_null(&unit_trace_enum_##a)

static void numbers_of_words(void **state)
{
	ENUM(RMPE_CLASS_IMPLICIT_PRIVATE);
	ENUM(RMPE_CLASS_IMPLICIT_SHARED);
	ENUM(RMPE_CLASS_FIRST_TOUCH);
	ENUM(RMPE_CLASS_INITIAL_SHARED);
	ENUM(RMPE_CLASS_IN_FLIGHT);
	ENUM(RMPE_CLASS_VMPL);
	ENUM(RMPE_CLASS_HOST);
	ENUM(RMPE_CLASS_UNBACKED);
	ENUM(RMPE_CLASS_NO_PROGRESS);
	ENUM(RMPE_EXPECT_INITIAL);
	ENUM(RMPE_EXPECT_PRIVATE);
	ENUM(RMPE_EXPECT_SHARED);
	ENUM(RMPE_OUTCOME_NONE);
	ENUM(RMPE_OUTCOME_VC);
	ENUM(RMPE_OUTCOME_TERMINATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(violations),
		cmocka_unit_test(pfn_of_a_violation),
		cmocka_unit_test(words),
		cmocka_unit_test(sites),
		cmocka_unit_test(fields),
		cmocka_unit_test(numbers_of_words),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
