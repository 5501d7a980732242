// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/rmp_enforce as users see it: which files there are, what they say, and what
 * may be written to them.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include <string.h>

#include <unit/alloc.h>
#include <unit/sysfs.h>

#include "fake_host.h"
#include "fake_psp.h"
#include "firmware.h"
#include "sysfs.h"
#include "vm_table.h"

#define TOP	"rmp_enforce"

static struct kvm kvm;
static struct task_struct vmm = { .group_leader = &vmm, .tgid = 410, .comm = "vmm" };
static struct rmpe_vm *vm;
static struct rmpe_settings defaults;
static const struct rmpe_settings inherited;

static int make_top(void **state)
{
	unit_reset();
	host = (struct fake_host){ };
	unit_current = &vmm;
	kvm = (struct kvm){ };
	fake_has_psp = false;
	defaults = rmpe_global;
	memset(&rmpe_totals, 0, sizeof(rmpe_totals));
	return rmpe_sysfs_init();
}

static int remove_top(void **state)
{
	unit_fail_alloc(UNIT_NEVER);
	rmpe_sysfs_exit();
	rmpe_global = defaults;
	return unit_sysfs_dirs() || unit_live_objects();
}

static void add_vm(void)
{
	vm = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
	assert_non_null(vm);
	rmpe_vm_add(vm);
	rmpe_sysfs_add_vm(vm);
}

static void remove_vm(void)
{
	rmpe_vm_del(&kvm);
	rmpe_sysfs_remove_vm(vm);
	kobject_put(&vm->kobj);
}

static int set_up(void **state)
{
	int r = make_top(state);

	if (!r)
		add_vm();
	return r;
}

static int tear_down(void **state)
{
	remove_vm();
	return remove_top(state);
}

/* A file of the VM. */
static const char *of_vm(const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), TOP "/vms/%llu/%s", vm->id, file);
	return path;
}

static void assert_says(const char *path, const char *text)
{
	char buf[PAGE_SIZE];
	ssize_t n = unit_sysfs_read(path, buf);

	if (n < 0)
		fail_msg("%s: error %zd", path, n);
	assert_int_equal(n, strlen(buf));
	if (strcmp(buf, text))
		fail_msg("%s: \"%s\", should be \"%s\"", path, buf, text);
}

/* --- which files --- */

#define POLICIES							\
	"0644 policy/implicit_private\n0644 policy/implicit_shared\n"	\
	"0644 policy/first_touch\n0644 policy/initial_shared\n"		\
	"0644 policy/in_flight\n0644 policy/vmpl\n"

#define CLASSES(dir)							\
	"0444 " dir "/implicit_private\n0444 " dir "/implicit_shared\n"	\
	"0444 " dir "/first_touch\n0444 " dir "/initial_shared\n"		\
	"0444 " dir "/in_flight\n0444 " dir "/vmpl\n0444 " dir "/host\n"	\
	"0444 " dir "/unbacked\n0444 " dir "/no_progress\n"

static void files_of_the_module(void **state)
{
	char list[4096];

	unit_sysfs_list(unit_sysfs_dir(TOP), list, sizeof(list));
	assert_string_equal(list,
			    "0444 version\n0644 mode\n0444 available_modes\n"
			    "0644 action\n0444 available_actions\n"
			    "0644 sites\n0644 request_sites\n"
			    POLICIES
			    "0444 totals/vms\n0444 totals/vms_ended\n"
			    "0444 totals/vms_terminated\n"
			    CLASSES("totals")
			    "0444 totals/enforced\n0444 totals/repeated\n"
			    "0444 totals/vc_injected\n");
}

/* Only root may read what has a host address in it. */
static void files_of_a_vm(void **state)
{
	char list[4096];

	unit_sysfs_list(&vm->kobj, list, sizeof(list));
	assert_string_equal(list,
			    "0444 pid\n0444 comm\n0444 vcpus\n0644 mode\n0644 action\n"
			    "0644 sites\n0644 request_sites\n0444 debuggable\n"
			    "0444 effective_mode\n0444 state\n0444 history\n"
			    "0444 launch_pages\n0444 psc_requests\n"
			    "0444 psc_completed\n0444 psc_refused\n"
			    "0444 psc_pages\n0444 psc_redundant\n"
			    "0444 pages_discarded\n0444 prefaults_skipped\n"
			    "0444 npf_judged\n0444 vc_injected\n"
			    "0444 log_suppressed\n0444 tracker_bytes\n"
			    "0400 last_violation\n"
			    POLICIES
			    CLASSES("violations")
			    "0444 violations/enforced\n0444 violations/repeated\n");
}

static void directories(void **state)
{
	char path[64];

	assert_int_equal(unit_sysfs_dirs(), 3);
	assert_non_null(unit_sysfs_dir(TOP "/vms"));
	snprintf(path, sizeof(path), TOP "/vms/%llu", vm->id);
	assert_ptr_equal(unit_sysfs_dir(path), &vm->kobj);
	assert_true(vm->in_sysfs);
	rmpe_sysfs_remove_vm(vm);
	assert_null(unit_sysfs_dir(path));
	assert_int_equal(unit_sysfs_dirs(), 2);
	/* What is gone already does not go again. */
	vm->in_sysfs = false;
}

/* udev's rules know them by it: SUBSYSTEM=="rmp_enforce". */
static void subsystem_of_uevents(void **state)
{
	const struct kset_uevent_ops *ops = vm->kobj.kset->uevent_ops;

	assert_ptr_equal(vm->kobj.parent, unit_sysfs_dir(TOP "/vms"));
	assert_string_equal(ops->name(&vm->kobj), "rmp_enforce");
	assert_null(ops->filter);
}

/* --- what they say --- */

static void what_the_module_says(void **state)
{
	assert_says(TOP "/version", "9.8.7\n");
	assert_says(TOP "/available_modes", "off lenient strict\n");
	assert_says(TOP "/available_actions", "vc terminate\n");
}

static void totals(void **state)
{
	static const struct {
		const char *path;
		atomic64_t *counter;
	} all[] = {
		{ TOP "/totals/vms", &rmpe_totals.vms },
		{ TOP "/totals/vms_ended", &rmpe_totals.vms_ended },
		{ TOP "/totals/vms_terminated", &rmpe_totals.vms_terminated },
		{ TOP "/totals/vc_injected", &rmpe_totals.vc_injected },
		{ TOP "/totals/enforced", &rmpe_totals.enforced },
		{ TOP "/totals/repeated", &rmpe_totals.repeated },
	};
	char path[64], text[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		all[i].counter->counter = 0x100000000ull * (i + 1) + 11 * i;
	for (i = 1; i < RMPE_NR_CLASSES; i++)
		rmpe_totals.class[i].counter = 0x4000000000ull * i + i;
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		snprintf(text, sizeof(text), "%llu\n", 0x100000000ull * (i + 1) + 11 * i);
		assert_says(all[i].path, text);
	}
	for (i = 1; i < RMPE_NR_CLASSES; i++) {
		snprintf(path, sizeof(path), TOP "/totals/%s", rmpe_class_names[i]);
		snprintf(text, sizeof(text), "%llu\n", 0x4000000000ull * i + i);
		assert_says(path, text);
	}
}

static void who_a_vm_is(void **state)
{
	assert_says(of_vm("pid"), "410\n");
	assert_says(of_vm("comm"), "vmm\n");
	assert_says(of_vm("vcpus"), "0\n");
	kvm.online_vcpus.counter = 300;
	assert_says(of_vm("vcpus"), "300\n");
	assert_says(of_vm("state"), "running\n");
	vm->terminated = true;
	assert_says(of_vm("state"), "terminated\n");
}

static void how_far_it_is_known(void **state)
{
	assert_says(of_vm("history"), "complete\n");
	vm->history_state = RMPE_HISTORY_PARTIAL;
	assert_says(of_vm("history"), "partial\n");
	vm->history_state = RMPE_HISTORY_LOST;
	assert_says(of_vm("history"), "lost\n");
}

static void mode_in_force(void **state)
{
	rmpe_global.mode = RMPE_MODE_STRICT;
	assert_says(of_vm("effective_mode"), "strict\n");
	assert_says(of_vm("mode"), "inherit\n");
	vm->settings.mode = RMPE_MODE_LENIENT;
	assert_says(of_vm("effective_mode"), "lenient\n");
	rmpe_global.mode = RMPE_MODE_OFF;
	assert_says(of_vm("effective_mode"), "off\n");
	rmpe_global.mode = RMPE_MODE_LENIENT;
	vm->settings.mode = RMPE_MODE_STRICT;
	assert_says(of_vm("effective_mode"), "strict\n");
	vm->history_state = RMPE_HISTORY_LOST;
	assert_says(of_vm("effective_mode"), "lenient\n");
	assert_says(of_vm("mode"), "strict\n");
}

static void may_it_be_debugged(void **state)
{
	const struct rmpe_firmware_shape shape = rmpe_firmware_shape;

	assert_says(of_vm("debuggable"), "n/a\n");
	fake_has_psp = true;
	rmpe_firmware_shape.known = true;
	assert_null(rmpe_firmware_init());
	assert_says(of_vm("debuggable"), "unknown\n");
	vm->taker.debuggable = RMPE_DEBUGGABLE_NO;
	assert_says(of_vm("debuggable"), "no\n");
	vm->taker.debuggable = RMPE_DEBUGGABLE_YES;
	assert_says(of_vm("debuggable"), "yes\n");
	rmpe_firmware_exit();
	rmpe_firmware_shape = shape;
}

/* Each its own, and all of it. */
static void counters(void **state)
{
	static const struct {
		const char *file;
		size_t offset;
	} all[] = {
		{ "launch_pages", offsetof(struct rmpe_counters, launch_pages) },
		{ "psc_completed", offsetof(struct rmpe_counters, psc_completed) },
		{ "psc_refused", offsetof(struct rmpe_counters, psc_refused) },
		{ "psc_pages", offsetof(struct rmpe_counters, psc_pages) },
		{ "psc_redundant", offsetof(struct rmpe_counters, psc_redundant) },
		{ "pages_discarded", offsetof(struct rmpe_counters, pages_discarded) },
		{ "prefaults_skipped", offsetof(struct rmpe_counters, prefaults_skipped) },
		{ "vc_injected", offsetof(struct rmpe_counters, vc_injected) },
		{ "log_suppressed", offsetof(struct rmpe_counters, log_suppressed) },
		{ "violations/enforced", offsetof(struct rmpe_counters, enforced) },
		{ "violations/repeated", offsetof(struct rmpe_counters, repeated) },
	};
	char file[64], text[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		assert_says(of_vm(all[i].file), "0\n");
		*(u64 *)((char *)&vm->counters + all[i].offset) =
			0xf000000000000000ull + 77 * i;
	}
	for (i = 0; i < RMPE_NR_CLASSES; i++)
		vm->counters.class[i] = 0x4000000000ull * i + i;
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		snprintf(text, sizeof(text), "%llu\n", 0xf000000000000000ull + 77 * i);
		assert_says(of_vm(all[i].file), text);
	}
	for (i = 1; i < RMPE_NR_CLASSES; i++) {
		snprintf(file, sizeof(file), "violations/%s", rmpe_class_names[i]);
		snprintf(text, sizeof(text), "%llu\n", 0x4000000000ull * i + i);
		assert_says(of_vm(file), text);
	}
}

static void other_numbers(void **state)
{
	char text[32];

	vm->psc_requests.counter = 0x500000007;
	assert_says(of_vm("psc_requests"), "21474836487\n");
	*per_cpu_ptr(vm->npf_judged, 1) = 0x300000000;
	*per_cpu_ptr(vm->npf_judged, 3) = 4;
	assert_says(of_vm("npf_judged"), "12884901892\n");
	assert_says(of_vm("tracker_bytes"), "0\n");
	mutex_lock(&vm->lock);
	rmpe_vm_set_asked(vm, 5, 1, RMPE_PAGE_SHARED);
	mutex_unlock(&vm->lock);
	snprintf(text, sizeof(text), "%zu\n", rmpe_vm_tracker_bytes(vm));
	assert_string_not_equal(text, "0\n");
	assert_says(of_vm("tracker_bytes"), text);
}

static void last_violation(void **state)
{
	struct rmpe_record rec = {
		.vm_id = 5, .comm = "vmm", .gpa = 0x105678,
		.verdict = { .class = RMPE_CLASS_VMPL }, .mode = RMPE_MODE_LENIENT,
	};
	char text[RMPE_RECORD_LEN + 1];

	assert_says(of_vm("last_violation"), "none\n");
	assert_int_equal(rmpe_records_prepare(&vm->records), 0);
	rmpe_records_add(&vm->records, &rec);
	rec.gpa = 0x999999678;
	rmpe_records_add(&vm->records, &rec);
	rmpe_record_format(text, RMPE_RECORD_LEN, &rec);
	assert_non_null(strstr(text, " gfn=0x999999 "));
	strcat(text, "\n");
	assert_says(of_vm("last_violation"), text);
}

/* --- what may be written --- */

struct setting {
	const char *file;
	size_t offset;
	const char *const *words;	/* by value, from 1 on */
	unsigned int nr;		/* the first that is none */
};

#define SETTING(member, names, nr_values) \
	{ #member, offsetof(struct rmpe_settings, member), names, nr_values }
#define CLASS_POLICY(name, class) \
	{ "policy/" #name, offsetof(struct rmpe_settings, policy[class]), policies, 3 }

static const char *const modes[] = { "inherit", "off", "lenient", "strict" };
static const char *const actions[] = { "inherit", "vc", "terminate" };
static const char *const switches[] = { "inherit", "off", "on" };
static const char *const policies[] = { "inherit", "enforce", "report" };

static const struct setting settings[] = {
	SETTING(mode, modes, 4),
	SETTING(action, actions, 3),
	SETTING(sites, switches, 3),
	SETTING(request_sites, switches, 3),
	CLASS_POLICY(implicit_private, RMPE_CLASS_IMPLICIT_PRIVATE),
	CLASS_POLICY(implicit_shared, RMPE_CLASS_IMPLICIT_SHARED),
	CLASS_POLICY(first_touch, RMPE_CLASS_FIRST_TOUCH),
	CLASS_POLICY(initial_shared, RMPE_CLASS_INITIAL_SHARED),
	CLASS_POLICY(in_flight, RMPE_CLASS_IN_FLIGHT),
	CLASS_POLICY(vmpl, RMPE_CLASS_VMPL),
};

static const char *top_file(const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), TOP "/%s", file);
	return path;
}

/* One word, with a newline or without: that setting has changed, and no other. */
static void assert_taken(const char *path, const struct setting *s,
			 struct rmpe_settings *at, unsigned int value)
{
	static const char *const ends[] = { "", "\n" };
	char text[32], line[32];
	unsigned int i;

	snprintf(line, sizeof(line), "%s\n", s->words[value]);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		struct rmpe_settings should = *at;

		*((u8 *)at + s->offset) = 0x7f;
		*((u8 *)&should + s->offset) = value;
		snprintf(text, sizeof(text), "%s%s", s->words[value], ends[i]);
		assert_int_equal(unit_sysfs_write(path, text), strlen(text));
		assert_memory_equal(at, &should, sizeof(should));
		assert_says(path, line);
	}
}

static void assert_not_taken(const char *path, struct rmpe_settings *at, const char *text)
{
	const struct rmpe_settings before = *at;

	assert_int_equal(unit_sysfs_write(path, text), -EINVAL);
	assert_memory_equal(at, &before, sizeof(before));
}

static void settings_of_the_module(void **state)
{
	unsigned int i, value;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *path = top_file(settings[i].file);

		for (value = 1; value < settings[i].nr; value++)
			assert_taken(path, &settings[i], &rmpe_global, value);
		/* From what? */
		assert_not_taken(path, &rmpe_global, "inherit");
		assert_not_taken(path, &rmpe_global, "inherit\n");
	}
	assert_memory_equal(&vm->settings, &inherited, sizeof(inherited));
}

static void settings_of_a_vm(void **state)
{
	unsigned int i, value;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *path = of_vm(settings[i].file);

		assert_says(path, "inherit\n");
		for (value = 0; value < settings[i].nr; value++)
			assert_taken(path, &settings[i], &vm->settings, value);
	}
	assert_memory_equal(&rmpe_global, &defaults, sizeof(defaults));
}

static void words_that_are_none(void **state)
{
	static const char *const words[] = {
		"", "\n", " ", "0", "1", "yes", "strict ", " strict", "Strict", "STRICT",
		"stric", "strictly", "strict\n\n", "off\nlenient", "on\n\n", "offon",
		"enforce,report", "vc terminate", "none", "(null)", "inherit ",
		"a word that is much longer than any that there is, and longer than a buffer",
	};
	unsigned int i, w;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		for (w = 0; w < ARRAY_SIZE(words); w++) {
			assert_not_taken(top_file(settings[i].file), &rmpe_global, words[w]);
			assert_not_taken(of_vm(settings[i].file), &vm->settings, words[w]);
		}
}

/* A word of another setting is none of this one. */
static void words_of_others(void **state)
{
	unsigned int i, j, w, n;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		for (j = 0; j < ARRAY_SIZE(settings); j++)
			for (w = 0; w < settings[j].nr; w++) {
				const char *word = settings[j].words[w];

				for (n = 0; n < settings[i].nr; n++)
					if (!strcmp(settings[i].words[n], word))
						break;
				if (n < settings[i].nr)
					continue;
				assert_not_taken(top_file(settings[i].file), &rmpe_global,
						 word);
				assert_not_taken(of_vm(settings[i].file), &vm->settings,
						 word);
			}
}

/* --- when it can't be done --- */

static void no_memory_for_the_top(void **state)
{
	unsigned int nth;

	for (nth = 1;; nth++) {
		int r;

		unit_fail_alloc(nth);
		r = rmpe_sysfs_init();
		if (!unit_alloc_failed())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(unit_sysfs_dirs(), 0);
		assert_int_equal(unit_live_objects(), 0);
	}
	assert_true(nth > 3);
	rmpe_sysfs_exit();
	assert_int_equal(unit_sysfs_dirs(), 0);
	assert_int_equal(unit_live_objects(), 0);
}

/* Whoever still holds the object: the module's code goes next. */
static void top_is_gone_at_once(void **state)
{
	struct kobject *top;

	unit_reset();
	assert_int_equal(rmpe_sysfs_init(), 0);
	top = kobject_get(unit_sysfs_dir(TOP));
	rmpe_sysfs_exit();
	assert_int_equal(unit_sysfs_dirs(), 0);
	kobject_put(top);
	assert_int_equal(unit_live_objects(), 0);
}

static void vm_without_a_directory(void **state)
{
	char line[128];

	vm = rmpe_vm_alloc(&kvm, RMPE_HISTORY_COMPLETE);
	assert_non_null(vm);
	vm->id = 3;
	unit_fail_alloc(1);
	rmpe_sysfs_add_vm(vm);
	assert_true(unit_alloc_failed());
	assert_false(vm->in_sysfs);
	assert_int_equal(unit_sysfs_dirs(), 2);
	snprintf(line, sizeof(line), "4 rmp_enforce: vm=3 pid=410: no sysfs directory (error -12)\n");
	assert_string_equal(host.log, line);
	/* Which would end in an oops. */
	rmpe_sysfs_remove_vm(vm);
	kobject_put(&vm->kobj);
}

/* Who still has a file open keeps the VM's struct. */
static void vm_lives_as_long_as_its_kobject(void **state)
{
	size_t objects;

	add_vm();
	kobject_get(&vm->kobj);
	remove_vm();
	objects = unit_live_objects();
	assert_int_equal(vm->pid, 410);
	kobject_put(&vm->kobj);
	assert_true(unit_live_objects() < objects - 3);
}

#define sysfs_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define top_test(f) cmocka_unit_test_setup_teardown(f, make_top, remove_top)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		/* First, without a top. */
		cmocka_unit_test(no_memory_for_the_top),
		cmocka_unit_test(top_is_gone_at_once),
		sysfs_test(files_of_the_module),
		sysfs_test(files_of_a_vm),
		sysfs_test(directories),
		sysfs_test(subsystem_of_uevents),
		sysfs_test(what_the_module_says),
		sysfs_test(totals),
		sysfs_test(who_a_vm_is),
		sysfs_test(how_far_it_is_known),
		sysfs_test(mode_in_force),
		sysfs_test(may_it_be_debugged),
		sysfs_test(counters),
		sysfs_test(other_numbers),
		sysfs_test(last_violation),
		sysfs_test(settings_of_the_module),
		sysfs_test(settings_of_a_vm),
		sysfs_test(words_that_are_none),
		sysfs_test(words_of_others),
		top_test(vm_without_a_directory),
		top_test(vm_lives_as_long_as_its_kobject),
	};

	return cmocka_run_group_tests_name("sysfs", tests, NULL, NULL);
}
