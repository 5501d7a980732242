// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of a record, character by character: scripts of other people read
 * it.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/kvm_host.h>
#include <asm/pgtable_types.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* #NPF error codes: a data access to a page that is mapped by its own tables. */
#define FINAL	PFERR_GUEST_FINAL_MASK
#define ENC	PFERR_GUEST_ENC_MASK
#define WRITE	PFERR_WRITE_MASK
#define USER	PFERR_USER_MASK

static void check(const struct rmpe_record *rec, const char *should)
{
	char buf[RMPE_RECORD_LEN];
	int n = rmpe_record_format(buf, sizeof(buf), rec);

	assert_string_equal(buf, should);
	assert_int_equal(n, strlen(should));
}

static void shared_write_to_launched_page(void **state)
{
	const struct rmpe_record rec = {
		.vm_id = 1,
		.pid = 123,
		.comm = "vmm",
		.vcpu = 0,
		.gpa = 0x30000,
		.error_code = FINAL | USER | WRITE,
		.verdict = {
			.class = RMPE_CLASS_IMPLICIT_SHARED,
			.expected = RMPE_EXPECT_PRIVATE,
			.source = RMPE_SOURCE_LAUNCH,
			.enforceable = true,
		},
		.attr_private = true,
		.launched = true,
		.has_psc = false,
		.psc = { .when_ns = 7, .gfn = 8, .npages = 9, .vcpu = 10 },
		.has_pfn = true,
		.pfn = 0x1234,
		.rmp_valid = true,
		.rmp_assigned = true,
		.rmp_level = PG_LEVEL_4K,
		.violations = 1,
		.mode = RMPE_MODE_STRICT,
		.outcome = RMPE_OUTCOME_VC,
	};

	check(&rec, "vm=1 pid=123 comm=vmm vcpu=0 gfn=0x30 gpa=0x30000 access=shared op=write expected=private source=launch class=implicit_shared attr=private err=0x100000006(WRITE,USER,FINAL) psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=yes pfn=0x1234 rmp=assigned:1,level:4K rip=n/a n=1 suppressed=0 mode=strict action=vc escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void private_read_after_psc_to_shared(void **state)
{
	const struct rmpe_record rec = {
		.when_ns = 5000001999,
		.vm_id = 17,
		.pid = 4711,
		.comm = "qemu-system-x86",
		.vcpu = 3,
		.gpa = 0x80912f,
		.error_code = ENC | FINAL | PFERR_GUEST_RMP_MASK |
			      PFERR_PRESENT_MASK | USER | BIT_ULL(49),
		.verdict = {
			.class = RMPE_CLASS_IMPLICIT_PRIVATE,
			.expected = RMPE_EXPECT_SHARED,
			.source = RMPE_SOURCE_PSC,
			.enforceable = true,
		},
		.has_psc = true,
		.psc = {
			.seq = 9,
			.when_ns = 5000000000,
			.gfn = 0x800,
			.npages = 512,
			.vcpu = 1,
			.to_private = false,
			.completed = true,
		},
		.has_pfn = true,
		.pfn = 0xabcdef,
		.rmp_valid = true,
		.rmp_assigned = false,
		.rmp_level = PG_LEVEL_2M,
		.violations = 3,
		.suppressed = 12,
		.mode = RMPE_MODE_STRICT,
		.outcome = RMPE_OUTCOME_TERMINATE,
		.escalated = RMPE_ESCALATED_NO_PROGRESS,
	};

	check(&rec, "vm=17 pid=4711 comm=qemu-system-x86 vcpu=3 gfn=0x809 gpa=0x80912f access=private op=read expected=shared source=psc class=implicit_private attr=shared err=0x580000005(PRESENT,USER,RMP,FINAL,ENC) psc=shared psc_age_us=1 psc_vcpu=1 psc_gfn=0x800 psc_pages=512 launch=no pfn=0xabcdef rmp=assigned:0,level:2M rip=n/a n=3 suppressed=12 mode=strict action=terminate escalated=no_progress repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void first_touch_in_lenient_mode(void **state)
{
	const struct rmpe_record rec = {
		.vm_id = 2,
		.pid = 1,
		.comm = "x",
		.gpa = 0xffffffff000,
		.error_code = ENC | FINAL | PFERR_FETCH_MASK,
		.verdict = {
			.class = RMPE_CLASS_FIRST_TOUCH,
			.expected = RMPE_EXPECT_INITIAL,
			.source = RMPE_SOURCE_NONE,
			.enforceable = true,
		},
		.psc_lost = true,
		.attr_private = true,
		.violations = 1,
		.mode = RMPE_MODE_LENIENT,
	};

	check(&rec, "vm=2 pid=1 comm=x vcpu=0 gfn=0xffffffff gpa=0xffffffff000 access=private op=fetch expected=initial source=none class=first_touch attr=private err=0x500000010(FETCH,FINAL,ENC) psc=unknown psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=none rmp=n/a rip=n/a n=1 suppressed=0 mode=lenient action=none escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void page_that_was_used_otherwise(void **state)
{
	const struct rmpe_record rec = {
		.vm_id = 1,
		.pid = 5,
		.comm = "vmm",
		.gpa = 0,
		.error_code = PFERR_GUEST_PAGE_MASK | ENC | WRITE | PFERR_FETCH_MASK,
		.verdict = {
			.class = RMPE_CLASS_IMPLICIT_PRIVATE,
			.expected = RMPE_EXPECT_SHARED,
			.source = RMPE_SOURCE_PSC,
		},
		.used = RMPE_PAGE_PRIVATE,
		.has_psc = true,
		.psc = { .seq = 3, .gfn = 0, .npages = 1 },
		.has_pfn = true,
		.rmp_valid = false,
		.violations = 2,
		.repeats = 15,
		.mode = RMPE_MODE_STRICT,
		.outcome = RMPE_OUTCOME_TERMINATE,
		.escalated = RMPE_ESCALATED_PROTECTED_MODE_OFF,
	};

	check(&rec, "vm=1 pid=5 comm=vmm vcpu=0 gfn=0x0 gpa=0x0 access=private op=walk expected=shared source=psc class=implicit_private attr=shared err=0x600000012(WRITE,FETCH,PAGE,ENC) psc=shared psc_age_us=0 psc_vcpu=0 psc_gfn=0x0 psc_pages=1 launch=no pfn=0x0 rmp=unreadable rip=n/a n=2 suppressed=0 mode=strict action=terminate escalated=protected_mode_off repeats=15 used=private refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

/* Asked for, refused, and used all the same. */
static void private_write_after_a_refusal(void **state)
{
	const struct rmpe_record rec = {
		.when_ns = 9000000000,
		.vm_id = 1,
		.pid = 5,
		.comm = "vmm",
		.gpa = 0x123000,
		.error_code = ENC | FINAL | WRITE,
		.verdict = {
			.class = RMPE_CLASS_IMPLICIT_PRIVATE,
			.expected = RMPE_EXPECT_SHARED,
			.source = RMPE_SOURCE_PSC,
			.enforceable = true,
		},
		.has_psc = true,
		.psc = {	/* out of the ring */
			.when_ns = 1000000000,
			.gfn = 0x120,
			.npages = 7,
			.vcpu = 2,
			.completed = true,
		},
		.has_refused = true,
		.refused = {
			.seq = 2099,
			.when_ns = 8999000000,
			.gfn = 0x100,
			.npages = 512,
			.vcpu = 1,
			.ret = 22,
			.to_private = true,
		},
		.violations = 1,
		.mode = RMPE_MODE_STRICT,
		.outcome = RMPE_OUTCOME_VC,
	};

	check(&rec, "vm=1 pid=5 comm=vmm vcpu=0 gfn=0x123 gpa=0x123000 access=private op=write expected=shared source=psc class=implicit_private attr=shared err=0x500000002(WRITE,FINAL,ENC) psc=shared psc_age_us=8000000 psc_vcpu=2 psc_gfn=0x120 psc_pages=7 launch=no pfn=none rmp=n/a rip=n/a n=1 suppressed=0 mode=strict action=vc escalated=no repeats=0 used=no refused=private refused_age_us=1000 refused_ret=22 hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void page_that_was_taken_away(void **state)
{
	const struct rmpe_record rec = {
		.when_ns = 9000000000,
		.vm_id = 1,
		.pid = 5,
		.comm = "vmm",
		.gpa = 0x123000,
		.error_code = ENC | FINAL,
		.verdict = {
			.class = RMPE_CLASS_HOST,
			.expected = RMPE_EXPECT_PRIVATE,
			.source = RMPE_SOURCE_LAUNCH,
		},
		.used = RMPE_PAGE_SHARED,
		.attr_private = true,
		.discarded_ns = 8999998999,
		.has_refused = true,
		.refused = {
			.when_ns = 9000000000,
			.ret = ~0u,
		},
		.violations = 1,
		.mode = RMPE_MODE_LENIENT,
	};

	check(&rec, "vm=1 pid=5 comm=vmm vcpu=0 gfn=0x123 gpa=0x123000 access=private op=read expected=private source=launch class=host attr=private err=0x500000000(FINAL,ENC) psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=none rmp=n/a rip=n/a n=1 suppressed=0 mode=lenient action=none escalated=no repeats=0 used=shared refused=shared refused_age_us=0 refused_ret=4294967295 hole_age_us=1 cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void private_access_without_memory(void **state)
{
	const struct rmpe_record rec = {
		.vm_id = 1,
		.pid = 5,
		.comm = "vmm",
		.vcpu = 1,
		.gpa = 0xfed000f0,
		.error_code = ENC | FINAL,
		.verdict = {
			.class = RMPE_CLASS_UNBACKED,
			.expected = RMPE_EXPECT_INITIAL,
		},
		.violations = 1,
		.mode = RMPE_MODE_STRICT,
	};

	check(&rec, "vm=1 pid=5 comm=vmm vcpu=1 gfn=0xfed00 gpa=0xfed000f0 access=private op=read expected=initial source=none class=unbacked attr=shared err=0x500000000(FINAL,ENC) psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=none rmp=n/a rip=n/a n=1 suppressed=0 mode=strict action=none escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void vcpu_without_progress(void **state)
{
	const struct rmpe_record rec = {
		.vm_id = 1,
		.pid = 5,
		.comm = "vmm",
		.gpa = 0x7000,
		.error_code = ENC | FINAL | WRITE | PFERR_GUEST_RMP_MASK |
			      PFERR_PRESENT_MASK,
		.verdict = {
			.class = RMPE_CLASS_NO_PROGRESS,
			.expected = RMPE_EXPECT_PRIVATE,
			.source = RMPE_SOURCE_LAUNCH,
		},
		.launched = true,
		.attr_private = true,
		.has_pfn = true,
		.pfn = 0x99,
		.rmp_valid = true,
		.rmp_assigned = true,
		.rmp_level = PG_LEVEL_4K,
		.violations = 1,
		.mode = RMPE_MODE_STRICT,
	};

	check(&rec, "vm=1 pid=5 comm=vmm vcpu=0 gfn=0x7 gpa=0x7000 access=private op=write expected=private source=launch class=no_progress attr=private err=0x580000003(PRESENT,WRITE,RMP,FINAL,ENC) psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=yes pfn=0x99 rmp=assigned:1,level:4K rip=n/a n=1 suppressed=0 mode=strict action=none escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void every_error_bit(void **state)
{
	const struct rmpe_record rec = {
		.vm_id = 1,
		.comm = "vmm",
		.error_code = ~0ULL,
		.verdict = {
			.class = RMPE_CLASS_VMPL,
			.expected = RMPE_EXPECT_PRIVATE,
			.source = RMPE_SOURCE_ATTRIBUTE,
		},
		.has_psc = true,
		.psc_lost = true,
		.psc = { .to_private = true },
		.mode = RMPE_MODE_LENIENT,
		.outcome = RMPE_OUTCOME_TERMINATE,
		.escalated = RMPE_ESCALATED_EVENT_PENDING,
	};

	check(&rec, "vm=1 pid=0 comm=vmm vcpu=0 gfn=0x0 gpa=0x0 access=private op=walk expected=private source=attribute class=vmpl attr=shared err=0xffffffffffff(PRESENT,WRITE,USER,RSVD,FETCH,RMP,FINAL,PAGE,ENC,SIZEM,VMPL) psc=private psc_age_us=0 psc_vcpu=0 psc_gfn=0x0 psc_pages=0 launch=no pfn=none rmp=n/a rip=n/a n=0 suppressed=0 mode=lenient action=terminate escalated=event_pending repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

static void no_error_bit(void **state)
{
	const struct rmpe_record rec = {
		.vm_id = 1,
		.comm = "vmm",
		.verdict = { .class = RMPE_CLASS_HOST },
		.mode = RMPE_MODE_OFF,
	};

	check(&rec, "vm=1 pid=0 comm=vmm vcpu=0 gfn=0x0 gpa=0x0 access=shared op=read expected=initial source=none class=host attr=shared err=0x0() psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=none rmp=n/a rip=n/a n=0 suppressed=0 mode=off action=none escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a");
}

/* Where the guest was, when it accessed the page and when it asked for it. */
static void sites_are_known(void **state)
{
	struct rmpe_record rec = {
		.vm_id = 1,
		.comm = "vmm",
		.verdict = { .class = RMPE_CLASS_HOST },
		.mode = RMPE_MODE_OFF,
		.has_site = true,
		.rip = 0xffffffff8123abcd,
		.psc_rip = 0xbad,
		.psc_cpl = 2,
	};

	check(&rec, "vm=1 pid=0 comm=vmm vcpu=0 gfn=0x0 gpa=0x0 access=shared op=read expected=initial source=none class=host attr=shared err=0x0() psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=none rmp=n/a rip=0xffffffff8123abcd n=0 suppressed=0 mode=off action=none escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=0 psc_rip=n/a psc_cpl=n/a");
	rec.has_site = false;
	rec.cpl = 3;
	rec.has_psc_site = true;
	rec.psc_rip = 0;
	check(&rec, "vm=1 pid=0 comm=vmm vcpu=0 gfn=0x0 gpa=0x0 access=shared op=read expected=initial source=none class=host attr=shared err=0x0() psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=none rmp=n/a rip=n/a n=0 suppressed=0 mode=off action=none escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=0x0 psc_cpl=2");
}

/* The value of @key, in a record that is otherwise empty. */
static const char *value(const struct rmpe_record *rec, const char *key)
{
	static char buf[RMPE_RECORD_LEN];
	char *found, *end;

	rmpe_record_format(buf, sizeof(buf), rec);
	found = strstr(buf, key);
	assert_non_null(found);
	found += strlen(key);
	end = strchr(found, ' ');
	if (end)
		*end = '\0';
	return found;
}

static void each_word(void **state)
{
	static const char *const classes[] = {
		"none", "implicit_private", "implicit_shared", "first_touch",
		"initial_shared", "in_flight", "vmpl", "host", "unbacked",
		"no_progress",
	};
	static const char *const expected[] = { "initial", "private", "shared" };
	static const char *const sources[] = { "none", "psc", "launch", "attribute" };
	static const char *const used[] = { "no", "private", "private", "shared" };
	static const char *const modes[] = { "inherit", "off", "lenient", "strict" };
	static const char *const actions[] = { "none", "vc", "terminate" };
	static const char *const escalations[] = {
		"no", "protected_mode_off", "event_pending", "no_progress",
	};
	struct rmpe_record rec = { };
	unsigned int i;

#define each(member, words, key)						\
	for (i = 0; i < ARRAY_SIZE(words); i++) {				\
		rec.member = i;							\
		assert_string_equal(value(&rec, " " key "="), (words)[i]);	\
	}
	each(verdict.class, classes, "class");
	each(verdict.expected, expected, "expected");
	each(verdict.source, sources, "source");
	each(used, used, "used");
	each(mode, modes, "mode");
	each(outcome, actions, "action");
	each(escalated, escalations, "escalated");
	assert_int_equal(ARRAY_SIZE(classes), RMPE_NR_CLASSES);
	for (i = 0; i < 3; i++)
		assert_string_equal(rmpe_outcome_names[i], actions[i]);
}

/* Every number as long as it gets; the words are tried one by one below. */
static struct rmpe_record long_record(void)
{
	struct rmpe_record rec = {
		.when_ns = ~0ULL,
		.vm_id = ~0ULL,
		.pid = INT_MIN,
		.comm = "fifteen_letters",
		.vcpu = INT_MIN,
		.gpa = ~0ULL,
		.error_code = ~0ULL,
		.psc = {
			.seq = 1,
			.when_ns = 0,
			.gfn = ~0ULL,
			.npages = ~0ULL,
			.vcpu = INT_MIN,
			.to_private = true,
			.completed = true,
		},
		.has_psc = true,
		.has_refused = true,
		.refused = {
			.when_ns = 0,
			.ret = ~0u,
		},
		/* As long ago as can be: 1 is the first that counts. */
		.discarded_ns = 1,
		.has_pfn = true,
		.rmp_valid = true,
		.rmp_assigned = true,
		.rmp_level = PG_LEVEL_2M,
		.pfn = ~0ULL,
		.violations = ~0U,
		.repeats = ~0ULL,
		.suppressed = ~0ULL,
		.has_site = true,
		.rip = ~0ULL,
		.cpl = 3,
		.has_psc_site = true,
		.psc_rip = ~0ULL,
		.psc_cpl = 3,
	};

	return rec;
}

/* How long a record may get; truncation would hide it. */
static size_t length(const struct rmpe_record *rec)
{
	char buf[4 * RMPE_RECORD_LEN];

	return rmpe_record_format(buf, sizeof(buf), rec);
}

#define longest_of(rec, member, last) do {				\
	size_t best_len = 0;						\
	int best = 0, value;						\
									\
	for (value = 0; value <= (last); value++) {			\
		(rec).member = value;					\
		if (length(&(rec)) > best_len) {			\
			best_len = length(&(rec));			\
			best = value;					\
		}							\
	}								\
	(rec).member = best;						\
} while (0)

static void longest_record_fits(void **state)
{
	struct rmpe_record rec = long_record();
	char buf[RMPE_RECORD_LEN];
	size_t n;

	longest_of(rec, verdict.class, RMPE_NR_CLASSES - 1);
	longest_of(rec, verdict.expected, RMPE_EXPECT_SHARED);
	longest_of(rec, verdict.source, RMPE_SOURCE_ATTRIBUTE);
	longest_of(rec, used, RMPE_PAGE_SHARED);
	longest_of(rec, attr_private, 1);
	longest_of(rec, has_psc, 1);
	longest_of(rec, psc_lost, 1);
	longest_of(rec, psc.to_private, 1);
	longest_of(rec, has_refused, 1);
	longest_of(rec, refused.to_private, 1);
	longest_of(rec, launched, 1);
	longest_of(rec, has_pfn, 1);
	longest_of(rec, rmp_valid, 1);
	longest_of(rec, has_site, 1);
	longest_of(rec, has_psc_site, 1);
	longest_of(rec, mode, RMPE_MODE_STRICT);
	longest_of(rec, outcome, RMPE_OUTCOME_TERMINATE);
	longest_of(rec, escalated, RMPE_ESCALATED_NO_PROGRESS);

	n = rmpe_record_format(buf, sizeof(buf), &rec);
	assert_int_equal(n, length(&rec));
	assert_true(n < RMPE_RECORD_LEN - 1);
	/* printk() takes 1024, with a prefix of its own: level, time, task. */
	assert_true(strlen("rmp_enforce: violation ") + n + 1 < 1024 - 48);
	print_message("# longest record: %zu of %d\n", n, RMPE_RECORD_LEN);
}

/* A buffer of its own for each size: the sanitizer sees one byte too many. */
static void too_small_a_buffer(void **state)
{
	struct rmpe_record rec = long_record();
	char whole[4 * RMPE_RECORD_LEN];
	size_t size, len;

	len = rmpe_record_format(whole, sizeof(whole), &rec);
	for (size = 1; size <= len + 2; size++) {
		char *buf = malloc(size);
		size_t n, should = size <= len ? size - 1 : len;

		assert_non_null(buf);
		n = rmpe_record_format(buf, size, &rec);
		assert_int_equal(n, should);
		assert_int_equal(strlen(buf), should);
		assert_memory_equal(buf, whole, should);
		free(buf);
	}
}

/* One word, one "=": what people's scripts split at. */
static void record_is_key_value(void **state)
{
	static const char *const keys[] = {
		"vm", "pid", "comm", "vcpu", "gfn", "gpa", "access", "op",
		"expected", "source", "class", "attr", "err", "psc",
		"psc_age_us", "psc_vcpu", "psc_gfn", "psc_pages", "launch",
		"pfn", "rmp", "rip", "n", "suppressed", "mode", "action",
		"escalated", "repeats", "used", "refused", "refused_age_us",
		"refused_ret", "hole_age_us", "cpl", "psc_rip", "psc_cpl",
	};
	struct rmpe_record rec = long_record();
	char buf[RMPE_RECORD_LEN], *rest = buf, *part;
	unsigned int i, variant;

	for (variant = 0; variant < 256; variant++) {
		rec.has_psc = variant & 1;
		rec.has_pfn = variant & 2;
		rec.rmp_valid = variant & 4;
		rec.has_refused = variant & 8;
		rec.discarded_ns = variant & 16;
		rec.psc_lost = variant & 32;
		rec.has_site = variant & 64;
		rec.has_psc_site = variant & 128;
		rmpe_record_format(buf, sizeof(buf), &rec);
		rest = buf;
		for (i = 0; (part = strsep(&rest, " ")); i++) {
			char *value = strchr(part, '=');

			assert_true(i < ARRAY_SIZE(keys));
			assert_non_null(value);
			*value++ = '\0';
			assert_string_equal(part, keys[i]);
			assert_true(*value);
			assert_null(strchr(value, '='));
		}
		assert_int_equal(i, ARRAY_SIZE(keys));
	}
}

/* One bit says so, and no other. */
static void private_is_what_is_encrypted(void **state)
{
	struct rmpe_record rec = { .error_code = ~PFERR_GUEST_ENC_MASK };
	char buf[RMPE_RECORD_LEN];

	rmpe_record_format(buf, sizeof(buf), &rec);
	assert_non_null(strstr(buf, " access=shared "));
	rec.error_code = PFERR_GUEST_ENC_MASK;
	rmpe_record_format(buf, sizeof(buf), &rec);
	assert_non_null(strstr(buf, " access=private "));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_is_what_is_encrypted),
		cmocka_unit_test(shared_write_to_launched_page),
		cmocka_unit_test(private_read_after_psc_to_shared),
		cmocka_unit_test(first_touch_in_lenient_mode),
		cmocka_unit_test(page_that_was_used_otherwise),
		cmocka_unit_test(private_write_after_a_refusal),
		cmocka_unit_test(page_that_was_taken_away),
		cmocka_unit_test(private_access_without_memory),
		cmocka_unit_test(vcpu_without_progress),
		cmocka_unit_test(every_error_bit),
		cmocka_unit_test(no_error_bit),
		cmocka_unit_test(sites_are_known),
		cmocka_unit_test(each_word),
		cmocka_unit_test(longest_record_fits),
		cmocka_unit_test(too_small_a_buffer),
		cmocka_unit_test(record_is_key_value),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
