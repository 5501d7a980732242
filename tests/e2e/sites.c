// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where in the guest: a guest whose policy allows debugging has registers, instruction and
 * stack in its reports; for any other the firmware is asked once, or not at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "guard.h"
#include "hardware.h"
#include "meeting.h"
#include "module.h"

static const uint8_t vmgexit[] = { 0xf3, 0x0f, 0x01, 0xd9 };	/* REP VMMCALL */

#define NEAR_CALL	0xe8
#define NEAR_CALL_LEN	5
#define IMAGE_END	(GUEST_IMAGE_GPA + (guest_image_end - guest_image))

static const struct vm_config debuggable = { .policy = VM_POLICY_DEBUG };

/* The line of debugfs' sites for the record of @gpa, and @at. */
static bool site_of(struct vm *vm, uint64_t gpa, const char *at, char *line, size_t size)
{
	static char records[65536], sites[262144];
	char want[64];
	char *p, *end;

	if (!guard_debug(vm, "violations", records, sizeof(records)) ||
	    !guard_debug(vm, "sites", sites, sizeof(sites)))
		return false;
	snprintf(want, sizeof(want), " gfn=0x%lx ", gpa / GUEST_PAGE);
	p = strstr(records, want);
	if (!p)
		return false;
	while (p > records && p[-1] != '\n')
		p--;
	snprintf(want, sizeof(want), "seq=%lu at=%s ", record_number(p, "seq"), at);
	p = strstr(sites, want);
	if (!p)
		return false;
	end = strchr(p, '\n');
	snprintf(line, size, "%.*s", end ? (int)(end - p) : (int)strlen(p), p);
	return true;
}

static bool in_image(uint64_t va)
{
	return va >= GUEST_IMAGE_GPA && va < IMAGE_END;
}

/* The instruction's bytes are those of the guest's image at rip. */
static void expect_insn(const char *line)
{
	uint64_t rip = record_number(line, "rip");
	const char *insn = record_value(line, "insn");
	char want[33] = "";

	if (!check(in_image(rip) && rip + 16 <= IMAGE_END, "rip is not in the guest's image: %s",
		   line))
		return;
	for (unsigned int i = 0; i < 16; i++)
		sprintf(want + 2 * i, "%02x", guest_image[rip - GUEST_IMAGE_GPA + i]);
	check(insn && !strcmp(insn, want), "insn=%s, and the guest has %s", insn, want);
}

/* Some words of the stack come after a call instruction. */
static void expect_calls(const char *line)
{
	const char *p = strstr(line, " stack=");
	unsigned int calls = 0, words = 0;

	if (!check(p, "no stack: %s", line))
		return;
	for (p += strlen(" stack="); p && *p; p = strchr(p, ',')) {
		uint64_t offset, word;

		p += *p == ',';
		if (!check(sscanf(p, "0x%lx:0x%lx", &offset, &word) == 2, "not a word: %s", p))
			return;
		words++;
		if (in_image(word - NEAR_CALL_LEN) &&
		    guest_image[word - NEAR_CALL_LEN - GUEST_IMAGE_GPA] == NEAR_CALL)
			calls++;
	}
	check(calls >= 2, "%u words, %u of them after a call", words, calls);
}

static void expect_rip(struct vm *vm, uint64_t gpa, uint64_t rip)
{
	const char *r = expect_record(vm, "gfn=0x%lx rip=0x%lx cpl=0", gpa / GUEST_PAGE, rip);
	char line[4096];

	if (!r || !check(site_of(vm, gpa, "access", line, sizeof(line)), "no site in debugfs"))
		return;
	check(record_number(line, "rip") == rip, "another rip in debugfs: %s", line);
	expect_insn(line);
	expect_calls(line);
	check(record_number(line, "cr3") % (1ul << 47) == GUEST_TABLES_GPA ||
	      (record_number(line, "cr3") & 0xffffff) == GUEST_TABLES_GPA,
	      "cr3 is not the guest's: %s", line);
	check(record_number(line, "cr0") & 1, "cr0 is not the guest's: %s", line);
}

/* What of the firmware's there was before; at the end no page of ours may be its. */
struct firmware {
	uint32_t pages, dbg, failed;
};

static struct firmware firmware_now(void)
{
	return (struct firmware){
		.pages = hardware_get(SNPSIM_RMP_FIRMWARE) + hardware_get(SNPSIM_RMP_RECLAIM),
		.dbg = hardware_get(SNPSIM_PSP_DBG),
		.failed = hardware_get(SNPSIM_PSP_DBG_FAILED),
	};
}

static void expect_no_page_left(const struct firmware *before)
{
	struct firmware now = firmware_now();

	check(now.pages == before->pages, "%u pages are the firmware's, and %u were before",
	      now.pages, before->pages);
}

/* What the record says is what the guest's own handler saw. */
static void violation(const void *arg)
{
	struct vm *vm = vm_create(&debuggable);
	unsigned int w, x;

	(void)arg;
	vm_add_launched(vm, GPA(0), 2, 0xaa);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	add_meeting(vm);
	x = op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	guard_launch(vm);
	guard_write(vm, "mode", "strict");
	expect_file(vm, "debuggable", "unknown");
	start_until_meeting(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_rip(vm, GPA(0), vm_result(vm, 0, w)->rip);
	expect_file(vm, "debuggable", "yes");
	guard_write(vm, "mode", "lenient");
	run_on(vm);
	/* The same instruction, and no exception. */
	expect_ok(vm, 0, x);
	expect_rip(vm, GPA(1), vm_result(vm, 0, w)->rip);
	vm_destroy(vm);
}

/* Nothing is known of a guest that may not be debugged; it is said once, and asked once. */
static void policy(const void *arg)
{
	struct firmware before = firmware_now(), now;
	struct vm *vm = vm_create(NULL);
	char line[4096];

	(void)arg;
	vm_add_launched(vm, GPA(0), 2, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	guard_launch(vm);
	run(vm);
	expect_record(vm, "gfn=0x%lx rip=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a", GFN(0));
	expect_record(vm, "gfn=0x%lx rip=n/a cpl=n/a psc_rip=n/a psc_cpl=n/a", GFN(1));
	expect_file(vm, "debuggable", "no");
	snprintf(line, sizeof(line), "rmp_enforce: vm=%u ", guard_id(vm));
	check(log_count(line, "the guest's policy does not allow debugging") == 1,
	      "why there is no rip is not said once");
	check(guard_debug(vm, "sites", line, sizeof(line)) && !*line, "a site: %s", line);
	now = firmware_now();
	check(now.dbg - before.dbg <= 1 && now.failed - before.failed == now.dbg - before.dbg,
	      "%u commands, %u refused", now.dbg - before.dbg, now.failed - before.failed);
	diag("  %u commands", now.dbg - before.dbg);
	vm_destroy(vm);
	expect_no_page_left(&before);
}

struct off {
	bool global;
};

static void off(const void *arg)
{
	const struct off *o = arg;
	struct firmware before = firmware_now(), now;
	struct vm *vm = vm_create(&debuggable);
	char line[4096];

	vm_add_launched(vm, GPA(0), 2, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	add_meeting(vm);
	op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	guard_launch(vm);
	if (o->global) {
		guard_write(vm, "sites", "on");
		knob_write("sites", "off");
	} else {
		guard_write(vm, "sites", "off");
	}
	guard_write(vm, "request_sites", "on");
	start_until_meeting(vm);
	expect_record(vm, "gfn=0x%lx rip=n/a cpl=n/a psc_rip=n/a", GFN(0));
	expect_file(vm, "debuggable", "unknown");
	check(guard_debug(vm, "sites", line, sizeof(line)) && !*line, "a site: %s", line);
	now = firmware_now();
	check(now.dbg == before.dbg, "%u commands for a module that is not to ask",
	      now.dbg - before.dbg);
	if (o->global)
		knob_write("sites", "on");
	else
		guard_write(vm, "sites", "on");
	run_on(vm);
	check(record_number(expect_record(vm, "gfn=0x%lx cpl=0", GFN(1)), "rip"),
	      "no rip after the switch was put back");
	vm_destroy(vm);
}

static const struct off off_global = { .global = true }, off_vm = { .global = false };

/* With mode=off, too, it does not ask. */
static void mode_off(const void *arg)
{
	struct firmware before = firmware_now();
	struct vm *vm = vm_create(&debuggable);

	(void)arg;
	knob_write("mode", "off");
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	guard_launch(vm);
	guard_write(vm, "mode", "strict");
	guard_write(vm, "request_sites", "on");
	run(vm);
	expect_pscs(vm, 1, 0, 1);
	check(firmware_now().dbg == before.dbg, "commands with mode=off");
	vm_destroy(vm);
}

/* Which request gave the page its state, and where the guest made it. */
static void request(const void *arg)
{
	struct vm *vm = vm_create(&debuggable);
	char line[4096];
	const char *r;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	add_meeting(vm);
	op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	op_psc(vm, 0, GPA(2), PSC_PRIVATE);
	op_wait_flag(vm, 0, FLAG_GO, 2);
	op_psc(vm, 0, GPA(2), PSC_PRIVATE);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_write(vm, 0, VIEW_SHARED, GPA(1), 1);
	op_write(vm, 0, VIEW_SHARED, GPA(2), 1);
	run_until_meeting(vm);
	guard_write(vm, "request_sites", "on");
	vm_set_flag(vm, FLAG_GO, 1);
	wait_for_counter(vm, "psc_completed", GUEST_BOOT_PSCS(0) + 3);
	guard_write(vm, "request_sites", "off");
	vm_set_flag(vm, FLAG_GO, 2);
	vm_wait(vm, PATIENCE_MS);
	expect_record(vm, "gfn=0x%lx psc=private cpl=0 psc_rip=n/a psc_cpl=n/a", GFN(0));
	/* The one before had a site, and is not the last. */
	expect_record(vm, "gfn=0x%lx psc=private cpl=0 psc_rip=n/a psc_cpl=n/a", GFN(2));
	r = expect_record(vm, "gfn=0x%lx psc=private cpl=0 psc_cpl=0", GFN(1));
	if (!r || !check(site_of(vm, GPA(1), "request", line, sizeof(line)),
			 "no site of the request"))
		return;
	diag("  report: %s", r);
	check(record_number(r, "psc_rip") == record_number(line, "rip"), "two rips: %s, and %s", r,
	      line);
	check(strstr(line, " psc_gfn=") && record_number(line, "psc_gfn") == GFN(1) &&
	      record_number(line, "psc_pages") == 1, "not this request: %s", line);
	expect_insn(line);
	check(!memcmp(guest_image + record_number(line, "rip") - sizeof(vmgexit) - GUEST_IMAGE_GPA,
		      vmgexit, sizeof(vmgexit)), "rip is not after a VMGEXIT: %s", line);
	expect_calls(line);
	vm_destroy(vm);
}

#define REFUSED_STATUS	0x16	/* INVALID_PARAM */
#define MAX_COMMANDS	40u

/* A VM of which each step violates at a page of its own. */
static struct vm *violating_vm(unsigned int pages)
{
	struct vm *vm = vm_create(&debuggable);

	vm_add_launched(vm, GPA(0), pages, 0xaa);
	for (unsigned int i = 0; i < pages; i++) {
		op_wait_flag(vm, 0, FLAG_GO, i + 1);
		op_write(vm, 0, VIEW_SHARED, GPA(i), 1);
		op_set_flag(vm, 0, FLAG_READY, i + 1);
	}
	guard_launch(vm);
	vm_start(vm);
	return vm;
}

static const char *step(struct vm *vm, unsigned int i)
{
	vm_set_flag(vm, FLAG_GO, i + 1);
	check(vm_wait_flag(vm, FLAG_READY, i + 1, PATIENCE_MS), "the guest does not go on");
	return expect_record(vm, "gfn=0x%lx", GFN(i));
}

/* Each command fails in turn: the record comes, with what is known by then. */
static void refused_commands(const void *arg)
{
	struct firmware before = firmware_now();
	struct vm *vm = violating_vm(MAX_COMMANDS);
	unsigned int n;

	(void)arg;
	for (n = 1; n <= MAX_COMMANDS; n++) {
		const char *r;

		hardware_set(SNPSIM_PSP_REFUSE, SNPSIM_REFUSE(n, SNPSIM_DBG, REFUSED_STATUS));
		r = step(vm, n - 1);
		if (hardware_get(SNPSIM_PSP_REFUSE))
			break;
		check(r && record_matches(r, n == 1 ? "rip=n/a cpl=n/a" : "cpl=0"),
		      "command %u is refused: %s", n, r);
	}
	hardware_usual();
	check(n > 5 && n < MAX_COMMANDS, "%u commands", n - 1);
	diag("  %u commands refused in turn", n - 1);
	expect_file(vm, "debuggable", "yes");
	vm_stop(vm);
	vm_destroy(vm);
	expect_no_page_left(&before);
}

/* A page that can't be taken back is lost: one, and no more are risked. */
static void reclaim_refused(const void *arg)
{
	struct firmware before = firmware_now(), now;
	struct vm *vm;

	(void)arg;
	if (!check(!module_load(""), "insmod"))
		return;
	vm = violating_vm(3);
	step(vm, 0);
	hardware_set(SNPSIM_PSP_REFUSE, SNPSIM_REFUSE(2, SNPSIM_RECLAIM, REFUSED_STATUS));
	check(record_matches(step(vm, 1), "cpl=0"), "no registers, which were read before");
	hardware_usual();
	expect_log(MODULE_NAME, "firmware does not give a page back (error -5, status 0x16)");
	now = firmware_now();
	check(record_matches(step(vm, 2), "rip=n/a"), "a page is risked again");
	check(firmware_now().dbg == now.dbg, "a command after that");
	expect_file(vm, "debuggable", "yes");
	vm_stop(vm);
	vm_destroy(vm);
	now = firmware_now();
	check(now.pages == before.pages + 1, "%u pages lost, not 1", now.pages - before.pages);
	check(!module_unload(MODULE_NAME), "rmmod");
	check(!module_load(""), "insmod once more");
	vm = violating_vm(1);
	check(record_matches(step(vm, 0), "cpl=0"), "no registers after the module was loaded anew");
	vm_stop(vm);
	vm_destroy(vm);
	expect_no_page_left(&now);
}

#define PSCS	32u

/* PSCs of pages from @first on, between two time stamps. */
static void add_pscs(struct vm *vm, unsigned int first)
{
	op_add(vm, 0, &(struct guest_op){ .code = OP_TSC });
	for (unsigned int i = 0; i < PSCS; i++)
		op_psc(vm, 0, GPA(first + i), PSC_PRIVATE);
	op_add(vm, 0, &(struct guest_op){ .code = OP_TSC });
}

/* Between the stamp that is operation @first and the other one. */
static uint64_t ticks(struct vm *vm, unsigned int first)
{
	return vm_result(vm, 0, first + PSCS + 1)->value - vm_result(vm, 0, first)->value;
}

/*
 * A command takes three seconds.  The record comes without registers, long before; and
 * nobody else waits: not another VM's PSCs, not this one's memslots.
 */
static void slow(const void *arg)
{
	struct firmware before = firmware_now();
	struct vm *vm = violating_vm(1), *other = vm_create(&debuggable);
	const char *r;

	(void)arg;
	add_pscs(other, 0);
	add_meeting(other);
	add_pscs(other, PSCS);
	guard_launch(other);
	start_until_meeting(other);
	hardware_set(SNPSIM_PSP_SLOW_US, 3000000);
	hardware_set(SNPSIM_PSP_SLOW, SNPSIM_DBG | SNPSIM_RECLAIM);
	vm_set_flag(vm, FLAG_GO, 1);
	while (hardware_get(SNPSIM_PSP_DBG) == before.dbg)
		usleep(1000);
	vm_slot_add(vm, 1, VM_SLOT1_GPA, 0x100000);
	run_on(other);
	diag("  %u PSCs of another VM: %lu ticks alone, %lu while a command takes 3 s", PSCS,
	     ticks(other, 0), ticks(other, PSCS + 4));
	check(vm_wait_flag(vm, FLAG_READY, 1, PATIENCE_MS), "the guest does not go on");
	r = expect_record(vm, "gfn=0x%lx rip=n/a", GFN(0));
	check(r && firmware_now().dbg == before.dbg + 1, "another command, and nobody waits for it");
	/* The VM ends after the command has. */
	vm_stop(vm);
	vm_destroy(vm);
	hardware_usual();
	check(firmware_now().dbg == before.dbg + 1, "the worker went on for a VM that has ended");
	vm_destroy(other);
	expect_no_page_left(&before);
}

/* The guest is ended, and its registers are in the record all the same. */
static void terminated(const void *arg)
{
	struct firmware before = firmware_now();
	struct vm *vm = vm_create(&debuggable);

	(void)arg;
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	guard_launch(vm);
	guard_write(vm, "mode", "strict");
	guard_write(vm, "action", "terminate");
	run(vm);
	expect_crash(vm, 0, GPA(0), CLASS_IMPLICIT_SHARED);
	expect_record(vm, "gfn=0x%lx action=terminate cpl=0", GFN(0));
	vm_destroy(vm);
	expect_no_page_left(&before);
}

static const struct scenario sites[] = {
	{ "sites.violation", violation, NULL, 0 },
	{ "sites.policy", policy, NULL, 0 },
	{ "sites.off", off, &off_global, 0 },
	{ "sites.off_vm", off, &off_vm, 0 },
	{ "sites.mode_off", mode_off, NULL, 0 },
	{ "sites.request", request, NULL, 0 },
	{ "sites.terminated", terminated, NULL, 0 },
	{ "sites.refused_commands", refused_commands, NULL, SC_SLOW },
	{ "sites.reclaim_refused", reclaim_refused, NULL, SC_UNLOADED },
	{ "sites.slow", slow, NULL, SC_SLOW },
};

GROUP(sites_group, sites);
