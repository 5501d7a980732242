// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a record goes, and what the report adds to what judging found out.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <asm/pgtable_types.h>

#include <string.h>

#include <unit/alloc.h>
#include <unit/rcu.h>

#include "fake_host.h"
#include "one_site.h"
#include "vm.h"

#define GFN		0x105
#define MS		BIT_ULL(20)	/* what times are kept to in maps, in ns */
#define INTERVAL	(5 * HZ)
#define BURST		10		/* of a VM, in an interval; of either kind */
#define HOST_BURST	200

struct fixture {
	struct rmpe_vm vm;
	struct kvm kvm;
	struct kvm_vcpu vcpu;
	struct kvm_memory_slot slot;
};

/*
 * In place of site_taker.c.  @meanwhile is what other vCPUs do while this one waits for
 * the firmware.
 */
static struct {
	struct rmpe_site *answer;
	unsigned int asked;
	void (*meanwhile)(struct fixture *f);
} firmware;

struct rmpe_site *rmpe_site_take(struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	struct fixture *f = container_of(vm, struct fixture, vm);

	assert_ptr_equal(vcpu, &f->vcpu);
	/* What it may take minutes to get must not be waited for with any of these. */
	unit_may_sleep();
	assert_false(vm->lock.held);
	assert_false(srcu_read_lock_held(&f->kvm.srcu));
	firmware.asked++;
	if (firmware.meanwhile)
		firmware.meanwhile(f);
	return rmpe_site_get(firmware.answer);
}

static void begin_interval(void)
{
	jiffies += INTERVAL + 1;
}

static int set_up(void **state)
{
	static struct fixture f;
	int r;

	unit_reset();
	begin_interval();
	f = (struct fixture){
		.vm = {
			.id = 4,
			.pid = 99,
			.comm = "vmm",
			.in_sysfs = true,
			.log_limit = { .interval = INTERVAL, .burst = BURST },
			.act_limit = { .interval = INTERVAL, .burst = BURST },
		},
		.slot = {
			.base_gfn = 0x100,
			.npages = 0x100,
			.flags = KVM_MEM_GUEST_MEMFD,
			.gmem = { .file = &fake_gmem, .pgoff = 0x20 },
		},
		.kvm.memslots = { .slot = &f.slot, .nr = 1 },
		.vcpu.kvm = &f.kvm,
		.vm.kvm = &f.kvm,
	};
	firmware = (typeof(firmware)){ };
	host = (struct fake_host){
		.now_ns = 1000 * MS,
		.has_folio = true,
		.rmp_assigned = true,
		.rmp_level = PG_LEVEL_4K,
	};
	*state = &f;
	rmpe_map_init(&f.vm.holes, &f.vm.lock);
	rmpe_site_map_init(&f.vm.request_sites, &f.vm.lock);
	r = rmpe_history_init(&f.vm.history, &f.vm.lock);
	f.vm.lock.held = true;
	kvm_vcpu_srcu_read_lock(&f.vcpu);
	return r;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unit_fail_alloc(UNIT_NEVER);
	rmpe_site_put(firmware.answer);
	rmpe_site_map_free(&f->vm.request_sites);
	rmpe_history_free(&f->vm.history);
	rmpe_map_free(&f->vm.holes);
	rmpe_records_free(&f->vm.records);
	rmpe_tracker_free(&f->vm.used);
	/* What the vCPU came with it leaves with. */
	kvm_vcpu_srcu_read_unlock(&f->vcpu);
	return unit_live_objects() || host.file_refs || host.folio_refs ||
	       srcu_read_lock_held(&f->kvm.srcu);
}

#define RIP		0xffffffff81234568ULL
#define RIP_TEXT	" rip=0xffffffff81234568 "

/* From now on the firmware says this. */
static void answer(u64 rip, u8 cpl)
{
	firmware.answer = new_site(rip, cpl);
}

static struct rmpe_record new_record(enum rmpe_class class, enum rmpe_outcome outcome)
{
	return (struct rmpe_record){
		.vcpu = 2,
		.gpa = 0x105678,
		.error_code = PFERR_GUEST_FINAL_MASK,
		.verdict = { .class = class },
		.mode = RMPE_MODE_STRICT,
		.outcome = outcome,
	};
}

/* As enforce.c does it; @rec becomes what was told. */
static struct rmpe_told tell_of(struct fixture *f, struct kvm_vcpu *vcpu,
				struct rmpe_record *rec)
{
	struct rmpe_report report;

	rmpe_report_begin(&f->vm, rec, &report);
	assert_true(report.is_due);
	f->vm.lock.held = false;
	rmpe_report_end(&f->vm, vcpu, &report);
	f->vm.lock.held = true;
	*rec = report.rec;
	return report.told;
}

static struct rmpe_told tell(struct fixture *f, struct rmpe_record *rec)
{
	/* Counted before it is told. */
	if (rec->outcome != RMPE_OUTCOME_NONE)
		f->vm.counters.enforced++;
	return tell_of(f, &f->vcpu, rec);
}

static struct rmpe_record report(struct fixture *f, enum rmpe_class class,
				 enum rmpe_outcome outcome)
{
	struct rmpe_record rec = new_record(class, outcome);

	tell(f, &rec);
	return rec;
}

static struct rmpe_record report_noise(struct fixture *f)
{
	return report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_NONE);
}

static struct rmpe_record report_act(struct fixture *f)
{
	return report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_VC);
}

/* The last line of the log has it. */
static void assert_logged(const char *part)
{
	if (!strstr(host.log, part))
		fail_msg("no \"%s\" in: %s", part, host.log);
}

/* How many of @n are printed. */
static unsigned int printed_of(unsigned int n, struct fixture *f,
			       struct rmpe_record (*tell_one)(struct fixture *f))
{
	unsigned int before = host.printed;

	while (n--)
		tell_one(f);
	assert_int_equal(host.events, host.printed);
	return host.printed - before;
}

/* One more VM, as far as limits go. */
static void other_vm(struct fixture *f)
{
	f->vm.log_limit.printed = 0;
	f->vm.act_limit.printed = 0;
	f->vm.counters.enforced = 0;
}

static void who_and_where(void **state)
{
	struct rmpe_record rec = report_noise(*state);

	assert_int_equal(rec.seq, 1);
	assert_int_equal(rec.when_ns, 1000 * MS);
	assert_int_equal(rec.vm_id, 4);
	assert_int_equal(rec.pid, 99);
	assert_string_equal(rec.comm, "vmm");
	assert_int_equal(rec.vcpu, 2);
	assert_int_equal(host.traced, 1);
	assert_int_equal(host.printed, 1);
	assert_int_equal(host.events, 1);
}

static void uevent_names_all(void **state)
{
	report_noise(*state);
	assert_string_equal(host.event,
			    "RMP_ENFORCE=violation\nVM=4\nPID=99\nGFN=0x105\n"
			    "CLASS=implicit_shared\nOUTCOME=none\n");
}

/* The record comes first; the directory in sysfs a moment later. */
static void no_uevent_without_directory(void **state)
{
	struct fixture *f = *state;

	f->vm.in_sysfs = false;
	report_noise(f);
	assert_int_equal(host.printed, 1);
	assert_int_equal(host.events, 0);
}

static void page_of_the_gfn(void **state)
{
	struct rmpe_record rec = report_noise(*state);

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
	rec = report_noise(*state);
	assert_false(rec.has_pfn);
	assert_logged(" pfn=none rmp=n/a ");
}

static void guest_memfd_closed(void **state)
{
	struct rmpe_record rec;

	host.file_gone = true;
	rec = report_noise(*state);
	assert_false(rec.has_pfn);
	assert_int_equal(host.printed, 1);
}

/* Devices, and memory without guest_memfd: there is no file to look at. */
static void slot_without_guest_memfd(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec = new_record(RMPE_CLASS_UNBACKED, RMPE_OUTCOME_NONE);

	f->slot.flags = 0;
	f->slot.gmem.file = NULL;
	tell(f, &rec);
	assert_false(rec.has_pfn);
	assert_logged(" class=unbacked ");
	assert_logged(" pfn=none rmp=n/a ");
}

static void no_slot(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec = new_record(RMPE_CLASS_UNBACKED, RMPE_OUTCOME_NONE);

	f->kvm.memslots.nr = 0;
	tell(f, &rec);
	assert_false(rec.has_pfn);
	assert_int_equal(host.printed, 1);
	assert_int_equal(host.events, 1);
}

static void rmp_entry_unreadable(void **state)
{
	struct rmpe_record rec;

	host.rmp_error = -ENODEV;
	rec = report_noise(*state);
	assert_true(rec.has_pfn);
	assert_false(rec.rmp_valid);
	assert_logged(" rmp=unreadable ");
}

static void add_psc(struct fixture *f, gfn_t gfn, bool completed)
{
	struct rmpe_psc_kept *ev = rmpe_history_add(&f->vm.history);

	ev->when_ns = host.now_ns;
	ev->gfn = gfn;
	ev->npages = 1;
	ev->vcpu = 3;
	ev->ret = completed ? 0 : 22;
	ev->completed = completed;
}

static void add_pscs_elsewhere(struct fixture *f, unsigned int n)
{
	while (n--)
		add_psc(f, GFN + 1, true);
}

static void last_psc_is_told(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec;

	add_psc(f, GFN, true);
	add_psc(f, GFN + 1, true);
	host.now_ns += 5000;
	rec = report_noise(f);
	assert_true(rec.has_psc);
	assert_int_equal(rec.psc.seq, 1);
	assert_int_equal(rec.psc.gfn, GFN);
	assert_int_equal(rec.psc_seq, 2);
	assert_false(rec.psc_lost);
	assert_int_equal(host.traced_psc_seq, 1);
	assert_logged(" psc=shared psc_age_us=5 psc_vcpu=3 psc_gfn=0x105 psc_pages=1 ");
}

static void last_psc_of_long_ago_is_told(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec;

	add_psc(f, GFN, true);
	add_pscs_elsewhere(f, 10000);
	host.now_ns += 7000000;
	rec = report_noise(f);
	assert_true(rec.has_psc);
	assert_int_equal(rec.psc.seq, 0);
	assert_int_equal(rec.psc_seq, 10001);
	assert_false(rec.psc_lost);
	/* Which one it was can't be told in the ring's numbers. */
	assert_int_equal(host.traced_psc_seq, 0);
	assert_logged(" psc=shared psc_age_us=7000 psc_vcpu=3 psc_gfn=0x105 psc_pages=1 ");
}

static void no_psc_is_told_apart_from_a_lost_one(void **state)
{
	struct fixture *f = *state;

	add_pscs_elsewhere(f, 10000);
	assert_false(report_noise(f).psc_lost);
	assert_logged(" psc=none ");
	/* Really lost: no memory for what drops out of the ring. */
	unit_fail_alloc(1);
	add_pscs_elsewhere(f, 1);
	assert_true(unit_alloc_failed());
	assert_true(report_noise(f).psc_lost);
	assert_logged(" psc=unknown ");
	/* What is there is told all the same. */
	add_psc(f, GFN, true);
	report_noise(f);
	assert_logged(" psc=shared ");
}

static void no_psc_of_a_vm_older_than_the_module(void **state)
{
	struct fixture *f = *state;

	f->vm.history_state = RMPE_HISTORY_PARTIAL;
	assert_true(report_noise(f).psc_lost);
	f->vm.history_state = RMPE_HISTORY_LOST;
	assert_true(report_noise(f).psc_lost);
	assert_logged(" psc=unknown ");
	add_psc(f, GFN, true);
	report_noise(f);
	assert_logged(" psc=shared ");
}

static void refused_psc_is_told(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec;

	add_psc(f, GFN, false);
	host.now_ns += 9000;
	rec = report_noise(f);
	assert_true(rec.has_refused);
	assert_false(rec.has_psc);
	assert_int_equal(rec.refused.seq, 1);
	assert_logged(" psc=none ");
	assert_logged(" refused=shared refused_age_us=9 refused_ret=22 ");

	add_pscs_elsewhere(f, 10000);
	rec = report_noise(f);
	assert_true(rec.has_refused);
	assert_int_equal(rec.refused.seq, 0);
	assert_logged(" refused=shared refused_age_us=9 refused_ret=22 ");

	add_psc(f, GFN, true);
	assert_false(report_noise(f).has_refused);
	assert_logged(" refused=none refused_age_us=n/a refused_ret=n/a ");
}

static void earlier_use_is_told(void **state)
{
	struct fixture *f = *state;

	rmpe_tracker_set(&f->vm.used, GFN, 1, RMPE_PAGE_SHARED);
	rmpe_tracker_set(&f->vm.used, GFN + 1, 1, RMPE_PAGE_PRIVATE);
	assert_int_equal(report_noise(f).used, RMPE_PAGE_SHARED);
	assert_logged(" used=shared ");
	rmpe_tracker_set(&f->vm.used, GFN, 1, RMPE_PAGE_NONE);
	assert_int_equal(report_noise(f).used, RMPE_PAGE_NONE);
	assert_logged(" used=no ");
}

static void hole_is_told(void **state)
{
	struct fixture *f = *state;
	const struct rmpe_map_event hole = {
		.when_ns = 900 * MS, .gfn = GFN - 3, .npages = 4,
	};

	rmpe_map_add(&f->vm.holes, &hole);
	host.now_ns = 900 * MS + 77000;
	assert_int_equal(report_noise(f).discarded_ns, 900 * MS);
	assert_logged(" hole_age_us=77 ");
	rmpe_map_forget(&f->vm.holes, GFN, 1);
	assert_int_equal(report_noise(f).discarded_ns, 0);
	assert_logged(" hole_age_us=n/a ");
}

static void log_line(void **state)
{
	report(*state, RMPE_CLASS_FIRST_TOUCH, RMPE_OUTCOME_VC);
	assert_string_equal(host.log, "4 rmp_enforce: violation vm=4 pid=99 comm=vmm vcpu=2 gfn=0x105 gpa=0x105678 access=shared op=read expected=initial source=none class=first_touch attr=shared err=0x100000000(FINAL) psc=none psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a launch=no pfn=0x100025 rmp=assigned:1,level:4K rip=n/a n=0 suppressed=0 mode=strict action=vc escalated=no repeats=0 used=no refused=none refused_age_us=n/a refused_ret=n/a hole_age_us=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a\n");
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
		{ RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_VC, '4' },
		{ RMPE_CLASS_VMPL, RMPE_OUTCOME_NONE, '6' },
		{ RMPE_CLASS_VMPL, RMPE_OUTCOME_TERMINATE, '4' },
		{ RMPE_CLASS_HOST, RMPE_OUTCOME_NONE, '6' },
		{ RMPE_CLASS_UNBACKED, RMPE_OUTCOME_NONE, '6' },
		{ RMPE_CLASS_NO_PROGRESS, RMPE_OUTCOME_NONE, '6' },
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

	assert_int_equal(printed_of(BURST + 5, f, report_noise), BURST);
	assert_int_equal(host.traced, BURST + 5);
	assert_int_equal(f->vm.suppressed, 5);
	assert_int_equal(f->vm.counters.log_suppressed, 5);
	assert_int_equal(f->vm.records.nr, BURST + 5);

	/* The next line says how many are missing, the one after it none. */
	begin_interval();
	assert_int_equal(report_noise(f).suppressed, 5);
	assert_logged(" suppressed=5 ");
	assert_int_equal(report_noise(f).suppressed, 0);
	assert_logged(" suppressed=0 ");
	assert_int_equal(f->vm.counters.log_suppressed, 5);
}

/* Those that are kept say how many were missing then. */
static void suppressed_records_say_so_too(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	printed_of(BURST, f, report_noise);
	for (i = 0; i < 5; i++)
		assert_int_equal(report_noise(f).suppressed, i);
}

/* Of either kind, and whichever kind is printed next. */
static void missing_ones_are_counted_together(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(printed_of(BURST + 3, f, report_noise), BURST);
	assert_int_equal(report_act(f).suppressed, 3);
	assert_int_equal(f->vm.suppressed, 0);
	assert_int_equal(printed_of(BURST + 4, f, report_act), BURST);
	begin_interval();
	assert_int_equal(report_noise(f).suppressed, 4);
	assert_int_equal(f->vm.counters.log_suppressed, 7);
}

static void noise_takes_nothing_of_the_acts(void **state)
{
	struct fixture *f = *state;
	unsigned int vm, noise = 0;

	/* All that this VM may print, and all VMs together. */
	for (vm = 0; vm < 40; vm++) {
		noise += printed_of(BURST + 1, f, report_noise);
		other_vm(f);
	}
	assert_int_equal(noise, HOST_BURST);
	printed_of(BURST, f, report_noise);
	/* The first, and then as many as a VM may have. */
	assert_int_equal(printed_of(BURST + 20, f, report_act), 1 + BURST);
	begin_interval();
	assert_int_equal(printed_of(BURST + 20, f, report_act), BURST);
}

static void acts_take_nothing_of_the_noise(void **state)
{
	struct fixture *f = *state;
	unsigned int vm;

	for (vm = 0; vm < 40; vm++) {
		printed_of(BURST + 5, f, report_act);
		other_vm(f);
	}
	assert_int_equal(printed_of(BURST + 20, f, report_noise), BURST);
}

static void limits_last_5_seconds(void **state)
{
	struct fixture *f = *state;

	report_act(f);
	assert_int_equal(printed_of(BURST + 1, f, report_noise), BURST);
	assert_int_equal(printed_of(BURST + 1, f, report_act), BURST);
	jiffies += INTERVAL;
	assert_int_equal(printed_of(5, f, report_noise), 0);
	assert_int_equal(printed_of(5, f, report_act), 0);
	jiffies++;
	assert_int_equal(printed_of(BURST + 1, f, report_noise), BURST);
	assert_int_equal(printed_of(BURST + 1, f, report_act), BURST);
}

/* Acts of all VMs together, but for the first of each. */
static void all_acts_together_are_limited(void **state)
{
	struct fixture *f = *state;
	unsigned int vm, printed = 0;

	for (vm = 0; vm < 40; vm++) {
		assert_int_equal(printed_of(1, f, report_act), 1);
		printed += printed_of(BURST + 3, f, report_act);
		other_vm(f);
	}
	assert_int_equal(printed, HOST_BURST);
	begin_interval();
	report_act(f);
	assert_int_equal(printed_of(BURST + 3, f, report_act), BURST);
}

/* VMs without end, each below its own limit, while no time passes. */
static void all_vms_together_are_limited(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		report_noise(f);
		other_vm(f);
	}
	assert_int_equal(host.printed, HOST_BURST);
	assert_int_equal(host.events, host.printed);
	assert_int_equal(host.traced, 300);
	assert_int_equal(f->vm.counters.log_suppressed, 300 - HOST_BURST);
}

/* Nothing is left of any limit. */
static void use_up_all_limits(struct fixture *f)
{
	unsigned int vm;

	for (vm = 0; vm < 40; vm++) {
		printed_of(BURST + 1, f, report_noise);
		printed_of(BURST + 2, f, report_act);
		other_vm(f);
	}
	f->vm.suppressed = 0;
}

static void first_act_is_always_printed(void **state)
{
	struct fixture *f = *state;

	use_up_all_limits(f);
	assert_int_equal(printed_of(5, f, report_noise), 0);
	assert_int_equal(printed_of(1, f, report_act), 1);
	assert_logged(" suppressed=5 ");
	assert_int_equal(printed_of(5, f, report_act), 0);
	assert_int_equal(f->vm.suppressed, 5);
}

/* Whether it is the first thing that happens, or comes after many acts. */
static void termination_is_always_printed(void **state)
{
	struct fixture *f = *state;

	use_up_all_limits(f);
	report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
	assert_logged(" action=terminate ");
	assert_logged(" suppressed=0 ");
	printed_of(BURST + 2, f, report_act);
	assert_null(strstr(host.log, " action=vc "));
	report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
	assert_logged(" action=terminate ");
	assert_logged(" suppressed=12 ");
	assert_int_equal(host.events, host.printed);
	assert_int_equal(f->vm.suppressed, 0);
}

/* Of a VM whose first act was its termination, the second act is no first. */
static void termination_is_an_act(void **state)
{
	struct fixture *f = *state;

	report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
	assert_int_equal(printed_of(BURST + 3, f, report_act), BURST);
}

static const struct rmpe_record *kept(struct fixture *f, u64 seq)
{
	const struct rmpe_record *rec = rmpe_records_next(&f->vm.records, seq - 1);

	return rec && rec->seq == seq ? rec : NULL;
}

static void last_records_are_kept(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 1; i <= RMPE_NR_RECORDS + 3; i++) {
		host.now_ns = i;
		report_noise(f);
	}
	assert_int_equal(f->vm.records.nr, RMPE_NR_RECORDS + 3);
	assert_null(kept(f, 3));
	for (i = 4; i <= RMPE_NR_RECORDS + 3; i++)
		assert_int_equal(kept(f, i)->when_ns, i);
	assert_int_equal(unit_uncharged_bytes(), 0);
}

/* Whole as it was told, suppressed or not. */
static void record_is_kept_whole(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec;

	add_psc(f, GFN, true);
	add_psc(f, GFN, false);
	rec = report_act(f);
	assert_memory_equal(kept(f, 1), &rec, sizeof(rec));
	printed_of(BURST + 2, f, report_noise);
	rec = report_noise(f);
	assert_int_equal(rec.suppressed, 2);
	assert_memory_equal(kept(f, BURST + 4), &rec, sizeof(rec));
}

static void acts_are_kept_in_spite_of_noise(void **state)
{
	struct fixture *f = *state;

	report_act(f);
	printed_of(1000, f, report_noise);
	report_act(f);
	assert_int_equal(kept(f, 1)->outcome, RMPE_OUTCOME_VC);
	assert_int_equal(kept(f, 1002)->outcome, RMPE_OUTCOME_VC);
	assert_null(kept(f, 2));
	assert_non_null(kept(f, 1001));
}

static void repeats_are_no_records(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record noise = new_record(RMPE_CLASS_VMPL, RMPE_OUTCOME_NONE);
	struct rmpe_record act = new_record(RMPE_CLASS_VMPL, RMPE_OUTCOME_VC);
	struct rmpe_told told_noise = tell(f, &noise), told_act = tell(f, &act);
	unsigned int i;

	assert_int_equal(told_noise.seq, 1);
	assert_int_equal(told_act.seq, 2);
	for (i = 0; i < 15; i++)
		rmpe_report_repeat(&f->vm, &told_act);
	rmpe_report_repeat(&f->vm, &told_noise);
	assert_int_equal(kept(f, 1)->repeats, 1);
	assert_int_equal(kept(f, 2)->repeats, 15);
	assert_int_equal(f->vm.counters.repeated, 16);
	assert_int_equal(f->vm.records.nr, 2);
	assert_int_equal(host.traced, 2);
	assert_int_equal(host.printed, 2);
	assert_int_equal(host.events, 2);
	assert_logged(" repeats=0 ");
	assert_int_equal(f->vm.suppressed, 0);
}

/* They count as such, even if nothing is left of their record. */
static void repeat_of_what_was_pushed_out(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec = new_record(RMPE_CLASS_VMPL, RMPE_OUTCOME_NONE);
	struct rmpe_told told = tell(f, &rec);
	unsigned int i;

	printed_of(RMPE_NR_RECORDS, f, report_noise);
	rmpe_report_repeat(&f->vm, &told);
	assert_int_equal(f->vm.counters.repeated, 1);
	for (i = 2; i <= RMPE_NR_RECORDS + 1; i++)
		assert_int_equal(kept(f, i)->repeats, 0);
}

/* Without memory the line is cut short, but the violation is told. */
static void no_memory_for_the_text(void **state)
{
	struct fixture *f = *state;
	char whole[sizeof(host.log)];
	size_t n;

	report_noise(f);
	memcpy(whole, host.log, sizeof(whole));
	unit_fail_alloc(1);
	report_noise(f);
	assert_true(unit_alloc_failed());
	assert_int_equal(host.printed, 2);
	assert_int_equal(host.events, 2);

	n = strlen(host.log) - 1;
	assert_int_equal(host.log[n], '\n');
	assert_true(n < strlen(whole) - 1);
	assert_memory_equal(host.log, whole, n);
	assert_logged(" gpa=0x105678 ");
}

/* Neither for the records nor for their sites. */
static void no_memory_for(struct fixture *f, unsigned int nth)
{
	struct rmpe_record rec = new_record(RMPE_CLASS_VMPL, RMPE_OUTCOME_NONE);
	struct rmpe_told told;

	answer(RIP, 0);
	unit_fail_alloc(nth);
	told = tell(f, &rec);
	assert_true(unit_alloc_failed());
	assert_int_equal(told.seq, 0);
	assert_logged(RIP_TEXT);
	assert_int_equal(f->vm.records.nr, 0);
	assert_int_equal(host.printed, 1);
	assert_int_equal(host.events, 1);
	rmpe_report_repeat(&f->vm, &told);
	report_act(f);
	assert_int_equal(f->vm.records.nr, 1);
	rmpe_report_repeat(&f->vm, &told);
	report_noise(f);
	assert_int_equal(kept(f, 1)->repeats, 0);
	assert_int_equal(kept(f, 2)->repeats, 0);
	assert_int_equal(f->vm.counters.repeated, 2);
}

static void no_memory_for_the_list(void **state)
{
	no_memory_for(*state, 1);
}

static void no_memory_for_the_rest_of_the_list(void **state)
{
	no_memory_for(*state, 2);
}

static void sites_off(struct fixture *f, u8 global, u8 own)
{
	rmpe_global.sites = global;
	f->vm.settings.sites = own;
	report_act(f);
	rmpe_global.sites = RMPE_SWITCH_ON;
	assert_int_equal(firmware.asked, 0);
	assert_logged(" rip=n/a ");
	assert_int_equal(host.traced_sites, 0);
}

static struct rmpe_sites kept_sites(struct fixture *f, u64 seq)
{
	struct rmpe_sites sites = rmpe_records_sites(&f->vm.records, seq);

	/* The list still has them. */
	rmpe_site_put(sites.access);
	rmpe_site_put(sites.request);
	return sites;
}

static void access_has_a_site(void **state)
{
	struct fixture *f = *state;

	answer(RIP, 3);
	report_noise(f);
	assert_int_equal(firmware.asked, 1);
	assert_logged(RIP_TEXT);
	assert_logged(" cpl=3 psc_rip=n/a psc_cpl=n/a\n");
	assert_int_equal(host.traced_sites, 1);
	assert_int_equal(host.traced_rip, RIP);
	assert_true(kept(f, 1)->has_site);
	assert_int_equal(kept(f, 1)->rip, RIP);
	assert_int_equal(kept(f, 1)->cpl, 3);
	assert_ptr_equal(kept_sites(f, 1).access, firmware.answer);
	assert_null(kept_sites(f, 1).request);
}

/* A policy that forbids it, or a firmware that does not answer. */
static void access_without_a_site(void **state)
{
	struct fixture *f = *state;

	report_noise(f);
	assert_int_equal(firmware.asked, 1);
	assert_logged(" rip=n/a ");
	assert_logged(" cpl=n/a psc_rip=n/a psc_cpl=n/a\n");
	assert_int_equal(host.traced, 1);
	assert_int_equal(host.traced_sites, 0);
	assert_false(kept(f, 1)->has_site);
	assert_null(kept_sites(f, 1).access);
}

/* It costs milliseconds of what the whole host shares. */
static void only_what_is_printed_is_asked_for(void **state)
{
	struct fixture *f = *state;

	answer(RIP, 0);
	printed_of(BURST + 7, f, report_noise);
	assert_int_equal(firmware.asked, BURST);
	assert_false(kept(f, BURST + 1)->has_site);
	assert_int_equal(host.traced_sites, BURST);
	printed_of(BURST + 7, f, report_act);
	assert_int_equal(firmware.asked, BURST + 1 + BURST);
	report(f, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
	assert_int_equal(firmware.asked, BURST + 1 + BURST + 1);
}

static void nobody_is_asked_with_sites_off(void **state)
{
	struct fixture *f = *state;

	answer(RIP, 0);
	sites_off(f, RMPE_SWITCH_OFF, RMPE_SWITCH_INHERIT);
	sites_off(f, RMPE_SWITCH_OFF, RMPE_SWITCH_ON);
	sites_off(f, RMPE_SWITCH_ON, RMPE_SWITCH_OFF);
	f->vm.settings.sites = RMPE_SWITCH_INHERIT;
	report_act(f);
	assert_int_equal(firmware.asked, 1);
}

/* It is somewhere else by now; and the VM's lock is held. */
static void past_access_has_no_site(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec = new_record(RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE);

	answer(RIP, 0);
	rmpe_report_now(&f->vm, &rec);
	assert_int_equal(firmware.asked, 0);
	assert_int_equal(host.printed, 1);
	assert_int_equal(host.events, 1);
	assert_int_equal(host.traced, 1);
	assert_logged(" class=in_flight ");
	assert_logged(" rip=n/a ");
	assert_int_equal(kept(f, 1)->verdict.class, RMPE_CLASS_IN_FLIGHT);
}

static void nothing_is_due(void **state)
{
	struct fixture *f = *state;
	struct rmpe_report report;

	memset(&report, 0x5a, sizeof(report));
	report.is_due = false;
	f->vm.lock.held = false;
	rmpe_report_end(&f->vm, &f->vcpu, &report);
	f->vm.lock.held = true;
	assert_int_equal(firmware.asked, 0);
	assert_int_equal(host.traced, 0);
	assert_int_equal(host.printed, 0);
	assert_int_equal(host.events, 0);
	assert_int_equal(f->vm.records.nr, 0);
}

/* Who watches events or reads the list needs not wait; the log's line is to be whole. */
static void record_is_kept_first(struct fixture *f)
{
	assert_int_equal(kept(f, 1)->seq, 1);
	assert_false(kept(f, 1)->has_site);
	assert_true(kept(f, 1)->has_psc_site);
	assert_int_equal(host.traced, 1);
	assert_int_equal(host.traced_sites, 0);
	assert_int_equal(host.printed, 0);
	assert_int_equal(host.events, 0);
}

static void told_when_the_firmware_has_answered(void **state)
{
	struct fixture *f = *state;

	answer(RIP, 0);
	add_psc(f, GFN, true);
	rmpe_site_map_set(&f->vm.request_sites, GFN, 1, new_site(RIP, 0));
	firmware.meanwhile = record_is_kept_first;
	report_noise(f);
	assert_int_equal(firmware.asked, 1);
	assert_true(kept(f, 1)->has_site);
	assert_int_equal(host.traced, 1);
	assert_int_equal(host.traced_sites, 1);
	assert_int_equal(host.printed, 1);
}

/* Other vCPUs go on meanwhile, without the firmware: they are not printed. */
static void others_push_it_out(struct fixture *f)
{
	int i, idx = srcu_read_lock(&f->kvm.srcu);

	firmware.meanwhile = NULL;
	f->vm.lock.held = true;
	f->vm.log_limit.printed = BURST;
	for (i = 0; i < RMPE_NR_RECORDS; i++) {
		struct rmpe_record rec = new_record(RMPE_CLASS_VMPL, RMPE_OUTCOME_NONE);

		rmpe_report_now(&f->vm, &rec);
	}
	f->vm.lock.held = false;
	srcu_read_unlock(&f->kvm.srcu, idx);
}

static void pushed_out_while_the_firmware_was_asked(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	answer(RIP, 0);
	firmware.meanwhile = others_push_it_out;
	report_noise(f);
	/* It is told, and no other is said to have been there. */
	assert_logged(RIP_TEXT);
	assert_logged(" class=implicit_shared ");
	assert_null(kept(f, 1));
	for (i = 2; i <= RMPE_NR_RECORDS + 1; i++) {
		assert_false(kept(f, i)->has_site);
		assert_null(kept_sites(f, i).access);
	}
}

static void last_psc_has_a_site(void **state)
{
	struct fixture *f = *state;
	struct rmpe_site *site = new_site(RIP + 8, 0);

	answer(RIP, 1);
	add_psc(f, GFN, true);
	rmpe_site_map_set(&f->vm.request_sites, GFN, 1, site);
	report_noise(f);
	assert_logged(RIP_TEXT);
	assert_logged(" cpl=1 psc_rip=0xffffffff81234570 psc_cpl=0\n");
	assert_int_equal(kept(f, 1)->psc_rip, RIP + 8);
	assert_ptr_equal(kept_sites(f, 1).access, firmware.answer);
	assert_ptr_equal(kept_sites(f, 1).request, site);

	/* The next one has none: the record keeps what it was told with. */
	add_psc(f, GFN, true);
	rmpe_site_map_set(&f->vm.request_sites, GFN, 1, NULL);
	report_noise(f);
	assert_logged(" psc_rip=n/a psc_cpl=n/a\n");
	assert_true(kept(f, 1)->has_psc_site);
	assert_false(kept(f, 2)->has_psc_site);
	assert_null(kept_sites(f, 2).request);
	assert_ptr_equal(kept_sites(f, 1).request, site);
	assert_int_equal(site->reg[RMPE_REG_RIP], RIP + 8);
}

/* It costs nothing, so every record has it, printed or not, whatever the firmware says. */
static void site_of_a_psc_is_always_told(void **state)
{
	struct fixture *f = *state;
	struct rmpe_record rec = new_record(RMPE_CLASS_IN_FLIGHT, RMPE_OUTCOME_NONE);

	add_psc(f, GFN, true);
	rmpe_site_map_set(&f->vm.request_sites, GFN, 1, new_site(RIP, 0));
	report_noise(f);
	assert_logged(" cpl=n/a psc_rip=0xffffffff81234568 psc_cpl=0\n");
	rmpe_report_now(&f->vm, &rec);
	assert_logged(" cpl=n/a psc_rip=0xffffffff81234568 psc_cpl=0\n");
	f->vm.log_limit.printed = BURST;
	report_noise(f);
	assert_true(kept(f, 3)->has_psc_site);
	assert_int_equal(host.traced_sites, 3);
	assert_int_equal(host.traced_rip, 0);
	assert_non_null(kept_sites(f, 3).request);
}

/* A site without the PSC that it belongs to would be nobody's. */
static void site_of_a_psc_that_is_not_known(void **state)
{
	struct fixture *f = *state;

	rmpe_site_map_set(&f->vm.request_sites, GFN, 1, new_site(RIP, 0));
	report_noise(f);
	assert_logged(" psc=none ");
	assert_logged(" psc_rip=n/a psc_cpl=n/a\n");
	assert_null(kept_sites(f, 1).request);
}

#define report_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		report_test(who_and_where),
		report_test(uevent_names_all),
		report_test(no_uevent_without_directory),
		report_test(page_of_the_gfn),
		report_test(page_not_allocated_yet),
		report_test(guest_memfd_closed),
		report_test(slot_without_guest_memfd),
		report_test(no_slot),
		report_test(rmp_entry_unreadable),
		report_test(last_psc_is_told),
		report_test(last_psc_of_long_ago_is_told),
		report_test(no_psc_is_told_apart_from_a_lost_one),
		report_test(no_psc_of_a_vm_older_than_the_module),
		report_test(refused_psc_is_told),
		report_test(earlier_use_is_told),
		report_test(hole_is_told),
		report_test(log_line),
		report_test(log_level),
		report_test(limited_records_are_counted),
		report_test(suppressed_records_say_so_too),
		report_test(missing_ones_are_counted_together),
		report_test(noise_takes_nothing_of_the_acts),
		report_test(acts_take_nothing_of_the_noise),
		report_test(limits_last_5_seconds),
		report_test(all_acts_together_are_limited),
		report_test(all_vms_together_are_limited),
		report_test(first_act_is_always_printed),
		report_test(termination_is_always_printed),
		report_test(termination_is_an_act),
		report_test(last_records_are_kept),
		report_test(record_is_kept_whole),
		report_test(acts_are_kept_in_spite_of_noise),
		report_test(repeats_are_no_records),
		report_test(repeat_of_what_was_pushed_out),
		report_test(no_memory_for_the_text),
		report_test(no_memory_for_the_list),
		report_test(no_memory_for_the_rest_of_the_list),
		report_test(access_has_a_site),
		report_test(access_without_a_site),
		report_test(only_what_is_printed_is_asked_for),
		report_test(nobody_is_asked_with_sites_off),
		report_test(past_access_has_no_site),
		report_test(nothing_is_due),
		report_test(told_when_the_firmware_has_answered),
		report_test(pushed_out_while_the_firmware_was_asked),
		report_test(last_psc_has_a_site),
		report_test(site_of_a_psc_is_always_told),
		report_test(site_of_a_psc_that_is_not_known),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
