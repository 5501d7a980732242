// SPDX-License-Identifier: GPL-2.0-only
/* What is known of guests that have ended: the host's counters, and the last of them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "guard.h"
#include "module.h"

#define NR_ENDED	64

static const char *const totals[] = {
	"vms", "vms_ended", "vms_terminated", "implicit_private", "implicit_shared",
	"first_touch", "initial_shared", "in_flight", "vmpl", "host", "unbacked",
	"no_progress", "enforced", "repeated", "vc_injected",
};

#define NR_TOTALS	(sizeof(totals) / sizeof(*totals))
enum { VMS, VMS_ENDED, VMS_TERMINATED, FIRST_CLASS };

static uint64_t total(const char *name)
{
	char path[64], buf[32] = "";

	snprintf(path, sizeof(path), "totals/%s", name);
	check(knob_read(path, buf, sizeof(buf)), "no %s", path);
	return strtoull(buf, NULL, 10);
}

static void read_totals(uint64_t *value)
{
	for (unsigned int i = 0; i < NR_TOTALS; i++)
		value[i] = total(totals[i]);
}

/* What the VM has counted is to be added to the totals. */
static void add_counters(struct vm *vm, uint64_t *value)
{
	char name[64];

	for (unsigned int i = FIRST_CLASS; i < NR_TOTALS; i++) {
		snprintf(name, sizeof(name), "%s%s",
			 strcmp(totals[i], "vc_injected") ? "violations/" : "", totals[i]);
		value[i] += guard_counter(vm, name);
	}
}

static void expect_totals(const uint64_t *wanted, const char *when)
{
	for (unsigned int i = 0; i < NR_TOTALS; i++) {
		const uint64_t is = total(totals[i]);

		check(is == wanted[i], "%s: %s is %lu, not %lu", when, totals[i], is, wanted[i]);
	}
}

/* The lines of the list, and the last of them. */
static unsigned int read_ended(char *line, size_t size)
{
	FILE *f = fopen(DEBUGFS "/ended", "r");
	unsigned long age, last = -1;
	unsigned int n = 0;
	char value[32];

	*line = 0;
	if (!check(f, "no " DEBUGFS "/ended"))
		return 0;
	while (fgets(line, size, f)) {
		check(field_read(line, "age_us", value, sizeof(value)), "a line is '%s'", line);
		age = strtoul(value, NULL, 10);
		check(age <= last, "one that ended %lu us ago comes after one of %lu us", age,
		      last);
		last = age;
		n++;
	}
	fclose(f);
	return n;
}

/* Everything that was in the VM's folder is in its line. */
static void counters_as_text(struct vm *vm, char *text, size_t size)
{
	static const char *const counters[] = {
		"pid", "comm", "history", "launch_pages", "psc_requests", "psc_completed",
		"psc_refused", "psc_pages", "psc_redundant", "pages_discarded",
		"prefaults_skipped", "npf_judged", "vc_injected", "log_suppressed",
	};
	char value[64], name[64];
	size_t n = snprintf(text, size, "vm=%u", guard_id(vm));

	for (unsigned int i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		check(guard_read(vm, counters[i], value, sizeof(value)), "no %s", counters[i]);
		n += snprintf(text + n, size - n, " %s=%s", counters[i], value);
	}
	for (unsigned int i = FIRST_CLASS; i < NR_TOTALS - 1; i++) {
		snprintf(name, sizeof(name), "violations/%s", totals[i]);
		check(guard_read(vm, name, value, sizeof(value)), "no %s", name);
		n += snprintf(text + n, size - n, " %s=%s", totals[i], value);
	}
}

static void expect_last_ended(const char *state, const char *counters)
{
	char line[2048];

	read_ended(line, sizeof(line));
	check(record_matches(line, counters), "the line of '%s' is '%s'", counters, line);
	check(record_matches(line, state), "%s is not in '%s'", state, line);
}

/* Counters outlive their VM: of a guest that got #VC, of one that was only told of. */
static void outlive(const void *arg)
{
	uint64_t wanted[NR_TOTALS];
	char text[1024];
	struct vm *vm;

	(void)arg;
	read_totals(wanted);
	vm = strict_vm(NULL, "vc");
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);
	op_write(vm, 0, VIEW_SHARED, GPA(2), 1);
	op_psc(vm, 0, GPA(3), PSC_SHARED);
	guard_launch(vm);
	run(vm);
	expect_counter(vm, "violations/first_touch", 2);
	expect_counter(vm, "violations/initial_shared", 1);
	expect_counter(vm, "violations/enforced", 2);
	expect_injected(vm, 2);
	wanted[VMS]++;
	add_counters(vm, wanted);
	expect_totals(wanted, "while it runs");
	counters_as_text(vm, text, sizeof(text));
	vm_destroy(vm);
	expect_last_ended("state=ended", text);
	wanted[VMS_ENDED]++;
	expect_totals(wanted, "after it has ended");

	knob_write("mode", "lenient");
	vm = vm_create(NULL);
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	wanted[VMS]++;
	wanted[VMS_ENDED]++;
	add_counters(vm, wanted);
	counters_as_text(vm, text, sizeof(text));
	vm_destroy(vm);
	expect_last_ended("state=ended implicit_shared=1 enforced=0", text);
	expect_totals(wanted, "after another");
}

static void terminated(const void *arg)
{
	uint64_t wanted[NR_TOTALS];
	char text[1024];
	struct vm *vm;
	unsigned int w;

	(void)arg;
	read_totals(wanted);
	vm = strict_vm(NULL, "terminate");
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	guard_launch(vm);
	run(vm);
	expect_never_finished(vm, 0, w);
	expect_file(vm, "state", "terminated");
	wanted[VMS]++;
	wanted[VMS_ENDED]++;
	wanted[VMS_TERMINATED]++;
	add_counters(vm, wanted);
	counters_as_text(vm, text, sizeof(text));
	vm_destroy(vm);
	expect_last_ended("state=terminated first_touch=1 enforced=1 vc_injected=0", text);
	expect_totals(wanted, "after its end");
}

/* One that has come and gone, without a guest: there are many. */
static void pass_by(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, KVM_X86_SNP_VM);

	check(vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	close(vm);
	close(kvm);
}

/* As many as it has room for are kept, the last ones. */
static void the_last_ones(const void *arg)
{
	const uint64_t vms = total("vms"), ended = total("vms_ended");
	const unsigned int more = NR_ENDED + 3;
	char line[2048], id[32];

	(void)arg;
	for (unsigned int i = 1; i <= more; i++) {
		const uint64_t wanted = ended + i < NR_ENDED ? ended + i : NR_ENDED;
		unsigned int n;

		pass_by();
		n = read_ended(line, sizeof(line));
		check(n == wanted, "%u lines after %lu VMs have ended", n, ended + i);
		check(field_read(line, "vm", id, sizeof(id)) && strtoul(id, NULL, 10) == vms + i,
		      "VM %lu has ended, and the last is %s", vms + i, line);
	}
	check(total("vms") == vms + more && total("vms_ended") == ended + more,
	      "%lu VMs met, %lu ended", total("vms"), total("vms_ended"));
	/* The log has no more than 100 beginnings and ends in 5 s: leave it to others. */
	sleep(5);
}

static const struct scenario scenarios[] = {
	{ "totals.outlive", outlive, NULL, 0 },
	{ "totals.terminated", terminated, NULL, 0 },
	{ "totals.the_last_ones", the_last_ones, NULL, SC_SLOW },
};

GROUP(totals_group, scenarios);
