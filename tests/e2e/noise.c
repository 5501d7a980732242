// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was acted upon is told, whatever else the VM does meanwhile: in the log, in the list
 * of the last records, and each once. What comes again is a count.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ap.h"
#include "guard.h"
#include "meeting.h"
#include "module.h"
#include "vmm/clock.h"

#define PAGE(n)	(VM_SLOT1_GPA + (n) * GUEST_PAGE)

#define LOG_ACTS	(LOG_BURST + 1)	/* the first is free */

enum { FLAG_DONE = FLAG_GO + 1, FLAG_GRANT };

/* --- a vCPU that faults without end --- */

static uint64_t repeats_of_vmpl(struct vm *vm)
{
	char *buf = malloc(65536), *save = NULL;
	uint64_t n = ~0ull;

	if (guard_debug(vm, "violations", buf, 65536)) {
		for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			if (record_matches(l, "class=vmpl"))
				n = record_number(l, "repeats");
		}
	}
	free(buf);
	return n;
}

/*
 * openvmm 4205: vCPU 1 loops at a page that lacks its VMPL's rights, and vCPU 0 does what
 * is stopped.
 */
static void vmpl_loop(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2, .parked = 1 << 1 }, "vc");
	uint64_t repeats, repeated;
	char last[1024] = "";
	unsigned int p, r;

	(void)arg;
	vm_add_launched(vm, GPA(1), 1, 0x77);
	op_psc(vm, 0, GPA(2), PSC_SHARED);
	add_ap(vm, 1, GPA(0), 1);
	op_wait_flag(vm, 0, FLAG_GO, 1);
	p = op_read(vm, 0, VIEW_PRIVATE, GPA(2));
	op_set_flag(vm, 0, FLAG_DONE, 1);
	op_wait_flag(vm, 0, FLAG_GRANT, 1);
	grant_vmpl1(vm, GPA(1), 1);
	op_set_flag(vm, 1, FLAG_READY, 1);
	r = op_read(vm, 1, VIEW_PRIVATE, GPA(1));
	guard_launch(vm);
	vm_start(vm);
	check(vm_wait_flag(vm, FLAG_READY, 1, PATIENCE_MS / 2), "vCPU 1 did not start at VMPL 1");
	wait_for_counter(vm, "violations/repeated", 500);
	vm_set_flag(vm, FLAG_GO, 1);
	check(vm_wait_flag(vm, FLAG_DONE, 1, PATIENCE_MS / 2), "vCPU 0 did not go on");
	repeated = guard_counter(vm, "violations/repeated");
	repeats = repeats_of_vmpl(vm);
	wait_for_counter(vm, "violations/repeated", repeated + 500);
	check(repeats != ~0ull && repeats_of_vmpl(vm) > repeats,
	      "the record of vmpl counts %lu and then %lu repeats", repeats, repeats_of_vmpl(vm));
	check(guard_read(vm, "last_violation", last, sizeof(last)) &&
	      record_matches(last, "vcpu=0 class=implicit_private action=vc"),
	      "last_violation is %s", last);
	check(debug_has(vm, "violations", "vcpu=0 class=implicit_private gfn=0x%lx action=vc",
			GFN(2)), "debugfs has no record of what was acted upon");
	vm_set_flag(vm, FLAG_GRANT, 1);
	vm_wait(vm, PATIENCE_MS);
	expect_halted(vm, 0);
	expect_halted(vm, 1);
	expect_fault(vm, 0, p, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_value(vm, 1, r, 0x7777777777777777ull);
	expect_record(vm, "class=vmpl vcpu=1 gfn=0x%lx n=1 action=none repeats=0", GFN(1));
	expect_record(vm, "class=implicit_private vcpu=0 gfn=0x%lx action=vc", GFN(2));
	expect_quiet(vm);
	expect_counter(vm, "violations/vmpl", 1);
	expect_counter(vm, "violations/no_progress", 0);
	expect_counter(vm, "log_suppressed", 0);
	vm_destroy(vm);
}

/* --- thousands of reports --- */

#define NOISE	1000u
#define ACTS	6u

static void add_noise(struct vm *vm, unsigned int first)
{
	op_write(vm, 0, VIEW_SHARED, PAGE(first), 1);
	op_each_page(vm, 0, NOISE);
}

/* The records of the list, one after the other by their number. */
static void expect_in_order(struct vm *vm)
{
	char *buf = malloc(65536), *save = NULL;
	uint64_t last = 0, seq;

	if (!check(guard_debug(vm, "violations", buf, 65536), "no violations file"))
		return;
	for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		seq = record_number(l, "seq");
		check(seq > last, "seq=%lu comes after %lu", seq, last);
		last = seq;
	}
	free(buf);
}

/* Pages that are used as shared and never asked for: each is reported, in strict mode, too. */
static void reports(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w[ACTS], kept, logged, intervals;
	double begun = now_s();

	(void)arg;
	vm_slot_add(vm, 1, VM_SLOT1_GPA, (2 * NOISE + 1) * GUEST_PAGE);
	add_noise(vm, 0);
	for (unsigned int i = 0; i < ACTS; i++)
		w[i] = op_write(vm, 0, VIEW_PRIVATE, GPA(i), 1);
	add_noise(vm, NOISE);
	clean_run(vm);
	intervals = (now_s() - begun) / 5 + 2;
	for (unsigned int i = 0; i < ACTS; i++) {
		expect_fault(vm, 0, w[i], VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
		expect_record(vm, "class=first_touch gfn=0x%lx action=vc", GFN(i));
		check(debug_has(vm, "violations", "class=first_touch gfn=0x%lx action=vc", GFN(i)),
		      "debugfs has no record of gfn %#lx", GFN(i));
	}
	expect_counter(vm, "violations/initial_shared", 2 * NOISE);
	expect_counter(vm, "violations/enforced", ACTS);
	logged = count_records(vm, "class=initial_shared");
	check(logged <= intervals * LOG_BURST, "the log has %u other records of %u intervals",
	      logged, intervals);
	kept = debug_count(vm, "violations", "class=initial_shared");
	check(kept == KEPT_RECORDS, "debugfs has %u other records", kept);
	check(debug_has(vm, "violations", "seq=%u class=initial_shared", 2 * NOISE + ACTS),
	      "the last record is missing");
	expect_in_order(vm);
	vm_destroy(vm);
}

/* Acts have a limit, too, and leave the others theirs. */
static void acts(const void *arg)
{
	const unsigned int n = KEPT_RECORDS + 8;
	struct vm *vm = strict_vm(NULL, "vc");

	(void)arg;
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_each_page(vm, 0, n);
	op_write(vm, 0, VIEW_SHARED, GPA(64), 1);
	op_each_page(vm, 0, n);
	clean_run(vm);
	expect_counter(vm, "violations/first_touch", n);
	expect_counter(vm, "violations/initial_shared", n);
	expect_counter(vm, "log_suppressed", 2 * (n - LOG_BURST) - 1);
	check(count_records(vm, "class=first_touch action=vc") == LOG_ACTS, "%u acts in the log",
	      count_records(vm, "class=first_touch action=vc"));
	check(count_records(vm, "class=initial_shared") == LOG_BURST, "%u others in the log",
	      count_records(vm, "class=initial_shared"));
	check(debug_count(vm, "violations", "action=vc") == KEPT_RECORDS, "debugfs has %u acts",
	      debug_count(vm, "violations", "action=vc"));
	check(debug_count(vm, "violations", "action=none") == KEPT_RECORDS, "debugfs has %u others",
	      debug_count(vm, "violations", "action=none"));
	check(!debug_has(vm, "violations", "seq=8") && debug_has(vm, "violations", "seq=9"),
	      "the first of the acts are not those that were dropped");
	check(!debug_has(vm, "violations", "seq=%u", n + 8) &&
	      debug_has(vm, "violations", "seq=%u", n + 9),
	      "the first of the others are not those that were dropped");
	expect_in_order(vm);
	vm_destroy(vm);
}

/* The end of a guest is told even when its acts have used up their share. */
static void acts_then_end(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w;

	(void)arg;
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_each_page(vm, 0, LOG_BURST + 5);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(64), 1);
	run_until_meeting(vm);
	guard_write(vm, "action", "terminate");
	go_on(vm);
	expect_never_finished(vm, 0, w);
	check(count_records(vm, "action=vc") == LOG_ACTS, "the limit does not hold");
	expect_record(vm, "class=first_touch gfn=0x%lx action=terminate suppressed=4", GFN(64));
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "noise.vmpl_loop", vmpl_loop, NULL, 0 },
	{ "noise.reports", reports, NULL, 0 },
	{ "noise.acts", acts, NULL, 0 },
	{ "noise.acts_then_end", acts_then_end, NULL, 0 },
};

GROUP(noise_group, scenarios);
