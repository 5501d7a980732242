// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a uevent says, and which limit keeps which record from the log: a VM's own comes
 * first, and what it stops costs nobody else.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/limits.h>
#include <linux/ratelimit.h>

#include <limits.h>
#include <string.h>

#include <unit/alloc.h>
#include <unit/rcu.h>

#include "fake_host.h"
#include "vm.h"

#define INTERVAL	(5 * HZ)
#define BURST		10		/* of a VM */
#define HOST_BURST	200		/* of all VMs */
#define NR_VMS		40

static struct kvm kvm;
static struct rmpe_vm *vms[NR_VMS];
static struct rmpe_vm *const *const vm = vms;

/* In place of site_taker.c. */
struct rmpe_site *rmpe_site_take(struct rmpe_vm *of, struct kvm_vcpu *vcpu)
{
	return NULL;
}

static int set_up(void **state)
{
	unsigned int i;

	unit_reset();
	jiffies += INTERVAL + 1;
	host = (struct fake_host){ .now_ns = 1000 };
	kvm = (struct kvm){ };
	srcu_read_lock(&kvm.srcu);
	for (i = 0; i < NR_VMS; i++) {
		vms[i] = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
		if (!vms[i])
			return -1;
		vms[i]->id = 100 + i;
		vms[i]->pid = 4000 + i;
		vms[i]->in_sysfs = true;
	}
	return 0;
}

static int tear_down(void **state)
{
	unsigned int i;

	unit_ratelimit_asked = NULL;
	for (i = 0; i < NR_VMS; i++)
		rmpe_vm_release(vms[i]);
	return unit_live_objects() || unit_spinning();
}

static bool tell(struct rmpe_vm *of, const struct rmpe_record *rec)
{
	const unsigned int before = host.printed;

	mutex_lock(&of->lock);
	/* Counted before it is told. */
	of->counters.enforced += rec->outcome != RMPE_OUTCOME_NONE;
	rmpe_report_now(of, rec);
	mutex_unlock(&of->lock);
	assert_int_equal(host.events, host.printed);
	return host.printed - before;
}

static bool tell_of(struct rmpe_vm *of, enum rmpe_class class, enum rmpe_outcome outcome)
{
	const struct rmpe_record rec = {
		.gpa = 0x105678, .verdict.class = class, .outcome = outcome,
	};

	return tell(of, &rec);
}

static bool noise(struct rmpe_vm *of)
{
	return tell_of(of, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_NONE);
}

static bool act(struct rmpe_vm *of)
{
	return tell_of(of, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_VC);
}

static bool termination(struct rmpe_vm *of)
{
	return tell_of(of, RMPE_CLASS_IMPLICIT_SHARED, RMPE_OUTCOME_TERMINATE);
}

/* How many of @n are printed. */
static unsigned int printed_of(unsigned int n, struct rmpe_vm *of,
			       bool (*tell_one)(struct rmpe_vm *of))
{
	unsigned int printed = 0;

	while (n--)
		printed += tell_one(of);
	return printed;
}

/* --- uevents --- */

static void assert_event(const char *should)
{
	if (strcmp(host.event, should))
		fail_msg("is\n%sshould be\n%s", host.event, should);
}

static void whose_event_it_is(void **state)
{
	noise(vm[3]);
	assert_ptr_equal(host.event_of, &vm[3]->kobj);
	assert_int_equal(host.event_action, KOBJ_CHANGE);
	assert_event("RMP_ENFORCE=violation\nVM=103\nPID=4003\nGFN=0x105\nCLASS=implicit_shared\nOUTCOME=none\n");
	noise(vm[7]);
	assert_ptr_equal(host.event_of, &vm[7]->kobj);
	assert_event("RMP_ENFORCE=violation\nVM=107\nPID=4007\nGFN=0x105\nCLASS=implicit_shared\nOUTCOME=none\n");
	vm[7]->in_sysfs = false;
	host.events = 0;
	host.printed = 0;
	mutex_lock(&vm[7]->lock);
	rmpe_report_now(vm[7], &(struct rmpe_record){ .gpa = 1 });
	mutex_unlock(&vm[7]->lock);
	assert_int_equal(host.events, 0);
	assert_int_equal(host.printed, 1);
}

/* Each class, with whatever was done about it. */
static void every_class_and_outcome(void **state)
{
	static const char *const classes[] = {
		"none", "implicit_private", "implicit_shared", "first_touch",
		"initial_shared", "in_flight", "vmpl", "host", "unbacked", "no_progress",
	};
	static const char *const outcomes[] = { "none", "vc", "terminate" };
	unsigned int class, outcome;
	char should[256];

	assert_int_equal(ARRAY_SIZE(classes), RMPE_NR_CLASSES);
	for (class = 1; class < ARRAY_SIZE(classes); class++)
		for (outcome = 0; outcome < ARRAY_SIZE(outcomes); outcome++) {
			vm[0]->counters.enforced = 0;
			assert_true(tell_of(vm[0], class, outcome));
			snprintf(should, sizeof(should),
				 "RMP_ENFORCE=violation\nVM=100\nPID=4000\nGFN=0x105\nCLASS=%s\nOUTCOME=%s\n",
				 classes[class], outcomes[outcome]);
			assert_event(should);
		}
}

/* None is cut. */
static void longest_event(void **state)
{
	const struct rmpe_record rec = {
		.gpa = (1ull << 52) - 1,
		.verdict.class = RMPE_CLASS_IMPLICIT_PRIVATE,
		.outcome = RMPE_OUTCOME_TERMINATE,
	};

	vm[0]->id = U64_MAX;
	vm[0]->pid = INT_MAX;
	assert_true(tell(vm[0], &rec));
	assert_event("RMP_ENFORCE=violation\nVM=18446744073709551615\nPID=2147483647\nGFN=0xffffffffff\nCLASS=implicit_private\nOUTCOME=terminate\n");
	vm[0]->pid = INT_MIN;
	assert_true(tell(vm[0], &rec));
	assert_event("RMP_ENFORCE=violation\nVM=18446744073709551615\nPID=-2147483648\nGFN=0xffffffffff\nCLASS=implicit_private\nOUTCOME=terminate\n");
}

static void first_gfn(void **state)
{
	const struct rmpe_record rec = { .gpa = 0xfff, .verdict.class = RMPE_CLASS_VMPL };

	assert_true(tell(vm[0], &rec));
	assert_event("RMP_ENFORCE=violation\nVM=100\nPID=4000\nGFN=0x0\nCLASS=vmpl\nOUTCOME=none\n");
}

/* What goes to the tracepoint is what is kept, printed or not. */
static void tracepoint_has_the_whole_record(void **state)
{
	struct rmpe_record kept;
	unsigned int i;

	for (i = 1; i <= BURST + 3; i++) {
		assert_int_equal(noise(vm[0]), i <= BURST);
		assert_true(rmpe_vm_record(vm[0], RMPE_LAST_RECORD, &kept));
		assert_int_equal(kept.seq, i);
		assert_int_equal(kept.vm_id, 100);
		/* Its number it gets when it is kept. */
		host.traced_rec.seq = i;
		assert_memory_equal(&kept, &host.traced_rec, sizeof(kept));
	}
	assert_int_equal(host.traced, BURST + 3);
}

/* --- whose limit, and in which order --- */

static struct ratelimit_state *asked[8];
static unsigned int nr_asked;

static void limit_is_asked(struct ratelimit_state *rs)
{
	assert_true(nr_asked < ARRAY_SIZE(asked));
	asked[nr_asked++] = rs;
}

static void own_limit_is_asked_first(void **state)
{
	const struct ratelimit_state *of_noise;

	unit_ratelimit_asked = limit_is_asked;
	nr_asked = 0;
	noise(vm[0]);
	assert_int_equal(nr_asked, 2);
	assert_ptr_equal(asked[0], &vm[0]->log_limit);
	of_noise = asked[1];
	assert_int_equal(of_noise->burst, HOST_BURST);
	assert_int_equal(of_noise->interval, INTERVAL);

	/* The first act of a VM asks nobody. */
	nr_asked = 0;
	act(vm[0]);
	assert_int_equal(nr_asked, 0);
	act(vm[0]);
	assert_int_equal(nr_asked, 2);
	assert_ptr_equal(asked[0], &vm[0]->act_limit);
	assert_ptr_not_equal(asked[1], of_noise);
	assert_int_equal(asked[1]->burst, HOST_BURST);
	assert_int_equal(asked[1]->interval, INTERVAL);

	nr_asked = 0;
	termination(vm[0]);
	assert_int_equal(nr_asked, 0);
}

/* One that says no is the last that is asked. */
static void host_is_not_asked_in_vain(void **state)
{
	assert_int_equal(printed_of(BURST, vm[0], noise), BURST);
	assert_int_equal(printed_of(1 + BURST, vm[0], act), 1 + BURST);
	unit_ratelimit_asked = limit_is_asked;
	nr_asked = 0;
	assert_false(noise(vm[0]));
	assert_false(act(vm[0]));
	assert_int_equal(nr_asked, 2);
	assert_ptr_equal(asked[0], &vm[0]->log_limit);
	assert_ptr_equal(asked[1], &vm[0]->act_limit);
}

/*
 * The kernel's says no if another CPU asks at the same time: that must not keep a record of
 * an act from the log.
 */
static void acts_ask_one_at_a_time(struct ratelimit_state *rs)
{
	assert_int_equal(unit_spinning(), rs != &vm[0]->act_limit);
	nr_asked++;
}

static void host_is_asked_under_a_lock(void **state)
{
	act(vm[0]);
	unit_ratelimit_asked = acts_ask_one_at_a_time;
	nr_asked = 0;
	act(vm[0]);
	assert_int_equal(nr_asked, 2);
}

/* What a noisy VM can't print costs the others nothing. */
static void one_noisy_vm(bool (*tell_one)(struct rmpe_vm *of))
{
	unsigned int i;

	assert_int_equal(printed_of(1000, vm[0], tell_one), BURST);
	for (i = 1; i < HOST_BURST / BURST; i++)
		assert_int_equal(printed_of(BURST + 5, vm[i], tell_one), BURST);
	/* And with that all is used up. */
	for (; i < NR_VMS; i++)
		assert_int_equal(printed_of(BURST, vm[i], tell_one), 0);
}

/* None of their acts is the first. */
static void all_have_acted(void)
{
	unsigned int i;

	for (i = 0; i < NR_VMS; i++)
		vms[i]->counters.enforced = 5;
}

static void noise_beyond_the_own_limit(void **state)
{
	one_noisy_vm(noise);
}

static void acts_beyond_the_own_limit(void **state)
{
	all_have_acted();
	one_noisy_vm(act);
	/* Of the other kind all are left. */
	one_noisy_vm(noise);
}

/*
 * What the host's limit keeps from the log costs the VM of its own: it has told what it
 * had to tell.
 */
static void beyond_the_limit_of_the_host(bool (*tell_one)(struct rmpe_vm *of))
{
	const unsigned int full = HOST_BURST / BURST;
	unsigned int i;

	for (i = 0; i < full; i++)
		assert_int_equal(printed_of(BURST, vm[i], tell_one), BURST);
	jiffies += INTERVAL / 2;
	assert_int_equal(printed_of(BURST, vm[full], tell_one), 0);
	assert_int_equal(printed_of(BURST - 3, vm[full + 1], tell_one), 0);
	/* The host may print again; those two have begun later. */
	jiffies += INTERVAL / 2 + 2;
	assert_int_equal(printed_of(BURST, vm[full], tell_one), 0);
	assert_int_equal(printed_of(BURST, vm[full + 1], tell_one), 3);
	assert_int_equal(printed_of(BURST, vm[full + 2], tell_one), BURST);
	jiffies += INTERVAL / 2;
	assert_int_equal(printed_of(BURST, vm[full], tell_one), BURST);
}

static void noise_beyond_the_limit_of_the_host(void **state)
{
	beyond_the_limit_of_the_host(noise);
}

static void acts_beyond_the_limit_of_the_host(void **state)
{
	all_have_acted();
	beyond_the_limit_of_the_host(act);
}

/* First acts and terminations are always told, and take nothing from those that are not. */
static void what_is_always_told_costs_nothing(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_VMS * 20; i++) {
		vms[i % NR_VMS]->counters.enforced = 0;
		assert_true(act(vm[i % NR_VMS]));
		assert_true(termination(vm[i % NR_VMS]));
	}
	one_noisy_vm(act);
	one_noisy_vm(noise);
	for (i = 0; i < NR_VMS; i++)
		assert_true(termination(vm[i]));
}

/* Those that were missing are a VM's own. */
static void missing_ones_are_counted_by_vm(void **state)
{
	assert_int_equal(printed_of(BURST + 7, vm[0], noise), BURST);
	assert_int_equal(printed_of(BURST + 2, vm[1], noise), BURST);
	assert_int_equal(vm[0]->counters.log_suppressed, 7);
	assert_int_equal(vm[1]->counters.log_suppressed, 2);
	assert_true(noise(vm[2]));
	assert_non_null(strstr(host.log, " suppressed=0 "));
	assert_true(act(vm[1]));
	assert_non_null(strstr(host.log, " suppressed=2 "));
	assert_true(termination(vm[0]));
	assert_non_null(strstr(host.log, " suppressed=7 "));
	assert_int_equal(vm[0]->suppressed, 0);
	assert_true(termination(vm[0]));
	assert_non_null(strstr(host.log, " suppressed=0 "));
}

static void repeats_are_counted_by_the_host_too(void **state)
{
	const s64 before = atomic64_read(&rmpe_totals.repeated);
	const struct rmpe_told told = { .place = 0, .seq = 1 };

	noise(vm[0]);
	mutex_lock(&vm[0]->lock);
	rmpe_report_repeat(vm[0], &told);
	rmpe_report_repeat(vm[0], &told);
	mutex_unlock(&vm[0]->lock);
	assert_int_equal(vm[0]->counters.repeated, 2);
	assert_int_equal(atomic64_read(&rmpe_totals.repeated), before + 2);
}

#define limits_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		limits_test(whose_event_it_is),
		limits_test(every_class_and_outcome),
		limits_test(longest_event),
		limits_test(first_gfn),
		limits_test(tracepoint_has_the_whole_record),
		limits_test(own_limit_is_asked_first),
		limits_test(host_is_not_asked_in_vain),
		limits_test(host_is_asked_under_a_lock),
		limits_test(noise_beyond_the_own_limit),
		limits_test(acts_beyond_the_own_limit),
		limits_test(noise_beyond_the_limit_of_the_host),
		limits_test(acts_beyond_the_limit_of_the_host),
		limits_test(what_is_always_told_costs_nothing),
		limits_test(missing_ones_are_counted_by_vm),
		limits_test(repeats_are_counted_by_the_host_too),
	};

	return cmocka_run_group_tests_name("report_limits", tests, NULL, NULL);
}
