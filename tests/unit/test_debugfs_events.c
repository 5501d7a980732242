// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/rmp_enforce: what happened to a VM, and which VMs there were
 * (docs/ABI/debugfs-rmp_enforce).
 */
#include "debugfs_reader.h"

#include <linux/sched.h>

#include "ended.h"
#include "one_site.h"
#include "vm.h"

static struct task_struct vmm = { .group_leader = &vmm, .pid = 411, .tgid = 410, .comm = "vmm" };

static int set_up(void **state)
{
	begin_kvm();
	unit_current = &vmm;
	begin_debugfs();
	return 0;
}

static int tear_down(void **state)
{
	end_debugfs();
	return end_kvm() || unit_mutexes();
}

/* --- psc_history --- */

static void event(const struct rmpe_psc_kept *ev)
{
	mutex_lock(&vm->lock);
	*rmpe_history_add(&vm->history) = *ev;
	mutex_unlock(&vm->lock);
}

static void history(void **state)
{
	assert_reads("7/psc_history", "");
	event(&(struct rmpe_psc_kept){
		.when_ns = NOW - 123999, .gfn = 0x100, .npages = 16, .completed = true,
	});
	event(&(struct rmpe_psc_kept){
		.when_ns = NOW - 5000000, .gfn = 0x300000000, .npages = 0x100000000,
		.vcpu = 4095, .to_private = true, .completed = true, .redundant = true,
	});
	event(&(struct rmpe_psc_kept){
		.when_ns = NOW, .gfn = 0, .npages = 1, .vcpu = 3, .ret = ~0u,
	});
	assert_reads("7/psc_history",
		     "seq=1 age_us=123 vcpu=0 gfn=0x100 pages=16 to=shared result=completed ret=0 redundant=no\n"
		     "seq=2 age_us=5000 vcpu=4095 gfn=0x300000000 pages=4294967296 to=private result=completed ret=0 redundant=yes\n"
		     "seq=3 age_us=0 vcpu=3 gfn=0x0 pages=1 to=shared result=refused ret=4294967295 redundant=no\n");
}

static size_t history_line(char *text, u64 seq)
{
	return sprintf(text, "seq=%llu age_us=0 vcpu=0 gfn=0x%llx pages=1 to=private result=completed ret=0 redundant=no\n",
		       seq, 0x1000 + seq);
}

static void add_events(unsigned int n)
{
	while (n--)
		event(&(struct rmpe_psc_kept){
			.when_ns = NOW, .gfn = 0x1001 + vm->history.seq, .npages = 1,
			.to_private = true, .completed = true,
		});
}

/* The last 2048, the oldest first; what is older is not told. */
static void full_history(void **state)
{
	static char text[0x40000];
	size_t n = 0;
	u64 seq;

	add_events(2048 + 5);
	for (seq = 6; seq <= 2048 + 5; seq++)
		n += history_line(text + n, seq);
	read_in_pieces("rmp_enforce/7/psc_history", text, 0x4000);
	read_in_pieces("rmp_enforce/7/psc_history", text, 1000);
}

/* Those that a slow reader was to see next have been pushed out. */
static void a_slow_reader(void **state)
{
	struct unit_debugfs_file *f = unit_debugfs_open("rmp_enforce/7/psc_history");
	char text[128], buf[128];
	size_t n = history_line(text, 1);

	assert_non_null(f);
	add_events(3);
	assert_int_equal(unit_debugfs_read(f, buf, n), n);
	assert_memory_equal(buf, text, n);
	add_events(2048 + 10);
	n = history_line(text, 3 + 10 + 1);
	assert_int_equal(unit_debugfs_read(f, buf, n), n);
	assert_memory_equal(buf, text, n);
	unit_debugfs_close(f);
}

/* --- violations, and where they were --- */

static struct rmpe_told record(enum rmpe_outcome outcome, u64 psc_seq, u64 when_ns)
{
	struct rmpe_record rec = {
		.when_ns = when_ns, .vm_id = 7, .pid = 410, .comm = "vmm", .vcpu = 2,
		.gpa = 0x300000000123, .error_code = 0x100000006, .psc_seq = psc_seq,
		.verdict = {
			.class = RMPE_CLASS_IMPLICIT_SHARED,
			.expected = RMPE_EXPECT_PRIVATE,
		},
		.psc = { .gfn = 0x100, .npages = 0x100000000 },
		.violations = 1,
		.mode = RMPE_MODE_STRICT,
		.outcome = outcome,
	};
	struct rmpe_told told;

	assert_int_equal(rmpe_records_prepare(&vm->records), 0);
	told.place = rmpe_records_add(&vm->records, &rec);
	told.seq = rec.seq;
	return told;
}

static size_t violation_line(char *text, const char *head, u64 seq)
{
	struct rmpe_record rec;
	size_t n = sprintf(text, "%s ", head);

	assert_true(rmpe_vm_record(vm, seq - 1, &rec));
	assert_int_equal(rec.seq, seq);
	n += rmpe_record_format(text + n, RMPE_RECORD_LEN, &rec);
	return n + sprintf(text + n, "\n");
}

static void violations(void **state)
{
	static char text[4 * RMPE_RECORD_LEN];
	size_t n = 0;

	assert_reads("7/violations", "");
	record(RMPE_OUTCOME_VC, 0, NOW - 4711999);
	record(RMPE_OUTCOME_NONE, 0x100000001, NOW);
	n += violation_line(text, "seq=1 psc_seq=0 age_us=4711", 1);
	n += violation_line(text + n, "seq=2 psc_seq=4294967297 age_us=0", 2);
	assert_memory_equal(text + 28, "vm=7 pid=410 comm=vmm vcpu=2 gfn=0x300000000 ", 45);
	assert_reads("7/violations", text);
}

/* 32 of either kind: noise pushes out noise only, and the numbers have a gap. */
static void many_violations(void **state)
{
	static char text[64 * RMPE_RECORD_LEN];
	char head[64];
	size_t n = 0;
	u64 seq;

	for (seq = 1; seq <= 3; seq++)
		record(RMPE_OUTCOME_VC, 0, NOW);
	for (; seq <= 3 + 40; seq++)
		record(RMPE_OUTCOME_NONE, 0, NOW);
	for (seq = 1; seq <= 3 + 40; seq++) {
		if (seq > 3 && seq <= 3 + 8)
			continue;
		sprintf(head, "seq=%llu psc_seq=0 age_us=0", seq);
		n += violation_line(text + n, head, seq);
	}
	assert_true(n > 2 * PAGE_SIZE);
	assert_reads("7/violations", text);
}

/* Neither the text nor half of it. */
static void no_memory_for_violations(void **state)
{
	struct unit_debugfs_file *f = unit_debugfs_open("rmp_enforce/7/violations");
	char buf[64];

	assert_non_null(f);
	record(RMPE_OUTCOME_VC, 0, NOW);
	/* After the reader's buffer. */
	unit_fail_alloc(2);
	assert_int_equal(unit_debugfs_read(f, buf, sizeof(buf)), -ENOMEM);
	assert_true(unit_alloc_failed());
	assert_int_equal(unit_debugfs_read(f, buf, 6), 6);
	assert_memory_equal(buf, "seq=1 ", 6);
	unit_debugfs_close(f);
}

#define USER_REGS								\
	" rflags=n/a rsp=n/a rbp=n/a rax=n/a rbx=n/a rcx=n/a rdx=n/a rsi=n/a"	\
	" rdi=n/a r8=n/a r9=n/a r10=n/a r11=n/a r12=n/a r13=n/a r14=n/a r15=n/a" \
	" cr0=0x0 cr3=0x0 cr4=0x0 efer=0x0 cs_base=0x0 gs_base=n/a lstar=0x0"	\
	" insn=n/a stack=n/a\n"

static struct rmpe_site *site(u64 rip, int vcpu, u64 when_ns)
{
	struct rmpe_site *s = new_site(rip, 3);

	s->vcpu = vcpu;
	s->when_ns = when_ns;
	return s;
}

/* Of a record that has none, nothing; the access first; the range of the request only. */
static void sites(void **state)
{
	struct rmpe_sites both = {
		.access = site(0xffffffff8123abcd, 2, NOW - 1234999),
		.request = site(0x401000, 4095, NOW),
	};
	struct rmpe_sites one = { .request = both.request };
	struct rmpe_told told;

	assert_reads("7/sites", "");
	record(RMPE_OUTCOME_NONE, 0, NOW);
	told = record(RMPE_OUTCOME_VC, 0, NOW);
	rmpe_records_set_sites(&vm->records, &told, &both);
	told = record(RMPE_OUTCOME_NONE, 0, NOW);
	rmpe_records_set_sites(&vm->records, &told, &one);
	assert_reads("7/sites",
		     "seq=2 at=access vcpu=2 age_us=1234 rip=0xffffffff8123abcd cpl=3" USER_REGS
		     "seq=2 at=request vcpu=4095 age_us=0 psc_gfn=0x100 psc_pages=4294967296 rip=0x401000 cpl=3"
		     USER_REGS
		     "seq=3 at=request vcpu=4095 age_us=0 psc_gfn=0x100 psc_pages=4294967296 rip=0x401000 cpl=3"
		     USER_REGS);
	/* Who has read gives back what he held: else memory is left, or none for long enough. */
	rmpe_site_put(both.access);
	rmpe_site_put(both.request);
}

/* --- ended --- */

static void ended(void **state)
{
	struct rmpe_vm *old = rmpe_vm_alloc(&kvm, RMPE_HISTORY_LOST);
	int i;

	assert_non_null(old);
	assert_reads("ended", "");
	old->id = 0x100000003;
	old->psc_requests.counter = 102;
	*old->npf_judged = 108;
	old->counters = (struct rmpe_counters){
		.launch_pages = 101, .psc_completed = 103, .psc_refused = 104,
		.psc_pages = 105, .psc_redundant = 106, .pages_discarded = 107,
		.prefaults_skipped = 109, .vc_injected = 110, .log_suppressed = 111,
		.enforced = 112, .repeated = 113,
	};
	for (i = 0; i < RMPE_NR_CLASSES; i++)
		old->counters.class[i] = 200 + i;
	rmpe_ended_add(old);
	old->id = 8;
	old->terminated = true;
	old->history_state = RMPE_HISTORY_COMPLETE;
	host.now_ns = NOW + 4711999;
	rmpe_ended_add(old);
	rmpe_vm_release(old);
#define COUNTS									\
	" launch_pages=101 psc_requests=102 psc_completed=103 psc_refused=104"	\
	" psc_pages=105 psc_redundant=106 pages_discarded=107"			\
	" prefaults_skipped=109 npf_judged=108 vc_injected=110"			\
	" log_suppressed=111 enforced=112 repeated=113 implicit_private=201"	\
	" implicit_shared=202 first_touch=203 initial_shared=204 in_flight=205"	\
	" vmpl=206 host=207 unbacked=208 no_progress=209\n"
	assert_reads("ended",
		     "vm=4294967299 pid=410 comm=vmm state=ended history=lost age_us=4711" COUNTS
		     "vm=8 pid=410 comm=vmm state=terminated history=complete age_us=0" COUNTS);
}

#define DEBUGFS_TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEBUGFS_TEST(history),
		DEBUGFS_TEST(full_history),
		DEBUGFS_TEST(a_slow_reader),
		DEBUGFS_TEST(violations),
		DEBUGFS_TEST(many_violations),
		DEBUGFS_TEST(no_memory_for_violations),
		DEBUGFS_TEST(sites),
		DEBUGFS_TEST(ended),
	};

	return cmocka_run_group_tests_name("debugfs_events", tests, NULL, NULL);
}
