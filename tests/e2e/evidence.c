// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a violation can be seen: kernel log with its limit, last_violation,
 * uevent, tracepoints, debugfs.  What a record says is checked with the
 * classes.
 */
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "guard.h"
#include "meeting.h"
#include "module.h"

#define LOG_INTERVAL_S	5
#define KEPT_PSCS	2048

/* A guest that violates in a loop: PSC to private, then a shared write. */
static unsigned int add_loop(struct vm *vm, unsigned int times)
{
	unsigned int start = op_psc(vm, 0, GPA(0), PSC_PRIVATE);

	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	return op_loop(vm, 0, start, times);
}

/* One guest floods; its log is cut off and says so later; another's is not. */
static void log_limit(const void *arg)
{
	struct vm *loud = vm_create(NULL), *quiet;
	const unsigned int times = 40;
	const char *r;

	(void)arg;
	add_loop(loud, times);
	add_meeting(loud);
	op_psc(loud, 0, GPA(1), PSC_PRIVATE);
	op_write(loud, 0, VIEW_SHARED, GPA(1), 1);
	run_until_meeting(loud);
	expect_counter(loud, "violations/implicit_shared", times);
	expect_counter(loud, "log_suppressed", times - LOG_BURST);
	check(count_records(loud, "class=implicit_shared") == LOG_BURST,
	      "%u lines in the log, not %u", count_records(loud, "class=implicit_shared"),
	      LOG_BURST);
	for (unsigned int i = 1; i <= LOG_BURST; i++)
		expect_record(loud, "class=implicit_shared n=%u suppressed=0", i);

	quiet = vm_create(NULL);
	vm_add_launched(quiet, GPA(0), 1, 0xaa);
	op_write(quiet, 0, VIEW_SHARED, GPA(0), 1);
	guard_launch(quiet);
	run(quiet);
	expect_record(quiet, "class=implicit_shared source=launch suppressed=0");

	sleep(LOG_INTERVAL_S);
	usleep(300000);
	run_on(loud);
	r = expect_record(loud, "class=implicit_shared gfn=0x%lx n=1", GFN(1));
	check(record_matches(r, "suppressed=30"), "the record does not say how many were left out: %s",
	      r);
	expect_quiet(loud);
	vm_destroy(quiet);
	vm_destroy(loud);
}

/* In strict mode with #VC, too, and the guest's end is never left unsaid. */
static void log_limit_spares_termination(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w;

	(void)arg;
	add_loop(vm, 20);
	add_meeting(vm);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(4), 1);
	run_until_meeting(vm);
	guard_write(vm, "mode", "strict");
	guard_write(vm, "action", "terminate");
	go_on(vm);
	expect_never_finished(vm, 0, w);
	expect_crash(vm, 0, GPA(4), CLASS_FIRST_TOUCH);
	expect_record(vm, "class=first_touch action=terminate suppressed=10");
	check(count_records(vm, "class=implicit_shared") == LOG_BURST, "the limit does not hold");
	vm_destroy(vm);
}

/* The same text in the log, in last_violation and in debugfs, as long as the fault is new. */
static void same_record_everywhere(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	char file[1024] = "";
	const char *r, *v;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	guard_launch(vm);
	expect_file(vm, "last_violation", "none");
	run(vm);
	r = expect_record(vm, "class=implicit_shared op=write psc=private");
	check(guard_read(vm, "last_violation", file, sizeof(file)), "no last_violation");
	check(!strcmp(file, r), "last_violation differs from the log: %s", file);
	check(debug_has(vm, "violations", "%s", r), "debugfs has no such record");
	check(guard_debug(vm, "violations", file, sizeof(file)), "no violations file");
	v = record_value(file, "psc_seq");
	check(v && debug_has(vm, "psc_history", "seq=%s gfn=0x%lx to=private", v,
			     GFN(0)),
	      "psc_seq=%s is not the PSC that came before it", v);
	vm_destroy(vm);
}

/* The page of memory that the gfn has, and its entry in the RMP where the kernel can read it. */
static void record_names_the_page(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	const char *r, *v;

	(void)arg;
	op_make_private(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	guard_launch(vm);
	run(vm);
	r = expect_record(vm, "class=implicit_shared attr=private rmp=assigned:1,level:4K");
	v = record_value(r, "pfn");
	check(v && strtoull(v, NULL, 16), "no pfn in the record");
	v = record_value(r, "err");
	check(v && strstr(v, "WRITE") && strstr(v, "RMP"), "err=%s lacks WRITE or RMP", v);
	v = record_value(r, "psc_age_us");
	check(v && strtoull(v, NULL, 10) < 20000000, "psc_age_us=%s", v);
	vm_destroy(vm);
}

static void debugfs_keeps_the_last(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	char *buf = malloc(65536);
	unsigned int n = 0;

	(void)arg;
	add_loop(vm, KEPT_RECORDS + 8);
	clean_run(vm);
	check(guard_debug(vm, "violations", buf, 65536), "no violations file");
	for (const char *p = buf; (p = strstr(p, "class=")); p++)
		n++;
	check(n == KEPT_RECORDS, "%u records kept, not %u", n, KEPT_RECORDS);
	check(!debug_has(vm, "violations", "n=8"), "the oldest were not dropped");
	check(debug_has(vm, "violations", "n=9"), "record 9 is missing");
	check(debug_has(vm, "violations", "n=%u", KEPT_RECORDS + 8), "the last one is missing");
	free(buf);
	vm_destroy(vm);
}

/* The list of PSCs is bounded; which was a page's last, and when, is not forgotten with it. */
static void psc_history_is_bounded(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	unsigned int start;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	start = op_psc(vm, 0, GPA(1), PSC_SHARED);
	op_loop(vm, 0, start, KEPT_PSCS);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_record(vm,
		      "class=implicit_shared expected=private source=psc psc=private psc_vcpu=0 psc_gfn=0x%lx psc_pages=1",
		      GFN(0));
	check(debug_has(vm, "psc_history", "seq=%u to=shared result=completed",
			GUEST_BOOT_PSCS(0) + 1 + KEPT_PSCS), "the newest PSC is missing");
	check(!debug_has(vm, "psc_history", "seq=1"), "the oldest PSC is still there");
	expect_page_state(vm, GPA(0), "shared");
	vm_destroy(vm);
}

/*
 * Whatever is known of memory can be read, a run a line: what the guest asked
 * for, what it was launched with, what it took without asking, where memory is.
 */
static void memory_map(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .nvcpus = 2 });
	uint64_t gfn = GFN(0);

	(void)arg;
	vm_add_launched(vm, GPA(0), 2, 0xaa);
	op_psc(vm, 0, GPA(3), PSC_SHARED);
	op_psc(vm, 0, GPA(4), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(5), 1);	/* as if it were shared, too */
	op_write(vm, 0, VIEW_SHARED, GPA(6), 1);
	op_psc(vm, 0, GPA(6), PSC_SHARED);		/* late, but it counts */
	guard_launch(vm);
	run(vm);
	expect_halted(vm, 0);
	expect_record(vm, "class=initial_shared gfn=0x%lx", gfn + 5);
	expect_record(vm, "class=initial_shared gfn=0x%lx", gfn + 6);
	check(debug_has(vm, "page_state",
			"gfn=0x%lx last=0x%lx state=launched source=launch asked=launched",
			gfn, gfn + 1), "the launched pages");
	check(debug_has(vm, "page_state",
			"gfn=0x%lx last=0x%lx state=shared source=psc asked=shared",
			gfn + 3, gfn + 4), "the pages that it asked for");
	check(debug_has(vm, "page_state",
			"gfn=0x%lx last=0x%lx state=shared source=use asked=none",
			gfn + 5, gfn + 5), "the page that it did not ask for");
	check(debug_has(vm, "page_state",
			"gfn=0x%lx last=0x%lx state=shared source=psc asked=shared",
			gfn + 6, gfn + 6), "the page that it asked for late");
	check(debug_has(vm, "memory", "gfn=0x0 last=0x%lx", GUEST_MEM_SIZE / GUEST_PAGE - 1),
	      "where its memory is");
	check(debug_has(vm, "violations", "seq=2 class=initial_shared gfn=0x%lx", gfn + 6),
	      "the second record has not the number 2");
	expect_counter(vm, "vcpus", 2);
	vm_destroy(vm);
}

/* --- uevent --- */

static int open_uevents(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A message is "change@/path\0KEY=value\0KEY=value\0". */
static bool message_has(const char *msg, ssize_t len, const char *text)
{
	for (const char *p = msg; p < msg + len; p += strlen(p) + 1) {
		if (!strcmp(p, text))
			return true;
	}
	return false;
}

/* How many of its words begin like this: of a key that is there twice, udev takes the last. */
static unsigned int message_count(const char *msg, ssize_t len, const char *start)
{
	unsigned int n = 0;

	for (const char *p = msg; p < msg + len; p += strlen(p) + 1)
		n += !strncmp(p, start, strlen(start));
	return n;
}

static void uevent(const void *arg)
{
	static const char *const wanted[] = {
		"ACTION=change", "RMP_ENFORCE=violation", "CLASS=implicit_shared", "OUTCOME=none",
	};
	struct vm *vm = vm_create(NULL);
	char buf[4096], text[128];
	unsigned int found = 0;
	int fd = open_uevents();
	ssize_t n;

	(void)arg;
	if (!check(fd >= 0, "no netlink socket for uevents"))
		return;
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	guard_launch(vm);
	run(vm);
	expect_record(vm, "class=implicit_shared");
	while ((n = recv(fd, buf, sizeof(buf) - 1, 0)) > 0) {
		buf[n] = '\0';
		if (!message_has(buf, n, "RMP_ENFORCE=violation"))
			continue;
		found++;
		snprintf(text, sizeof(text), "change@/kernel/rmp_enforce/vms/%u", guard_id(vm));
		check(!strcmp(buf, text), "the uevent is of %s, not %s", buf, text);
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			check(message_has(buf, n, wanted[i]), "no %s in the uevent", wanted[i]);
		check(message_count(buf, n, "ACTION=") == 1, "udev can't tell the uevent's action");
		snprintf(text, sizeof(text), "VM=%u", guard_id(vm));
		check(message_has(buf, n, text), "no %s in the uevent", text);
		snprintf(text, sizeof(text), "PID=%d", getpid());
		check(message_has(buf, n, text), "no %s in the uevent", text);
		snprintf(text, sizeof(text), "GFN=0x%lx", GFN(0));
		check(message_has(buf, n, text), "no %s in the uevent", text);
	}
	check(found == 1, "%u uevents, not 1", found);
	close(fd);
	vm_destroy(vm);
}

/* --- tracepoints --- */

static void tracepoints(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	char *buf = malloc(1 << 20);
	char text[256];

	(void)arg;
	if (!check(!file_write(TRACEFS "/events/" MODULE_NAME "/enable", "1"),
		   "the tracepoints can't be turned on"))
		return;
	file_write(TRACEFS "/trace", "\n");
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	file_write(TRACEFS "/events/" MODULE_NAME "/enable", "0");
	check(file_read(TRACEFS "/trace", buf, 1 << 20), "the trace can't be read");
	snprintf(text, sizeof(text), "psc_request: vm=%u pid=%d vcpu=0 gfn=0x%lx pages=1 to=private",
		 guard_id(vm), getpid(), GFN(0));
	check(strstr(buf, text), "no '%s' in the trace", text);
	snprintf(text, sizeof(text),
		 "psc_complete: vm=%u pid=%d vcpu=0 gfn=0x%lx pages=1 to=private ret=0",
		 guard_id(vm), getpid(), GFN(0));
	check(strstr(buf, text), "no '%s' in the trace", text);
	snprintf(text, sizeof(text), "violation: vm=%u pid=%d vcpu=0 gfn=0x%lx gpa=0x%lx class=implicit_shared expected=private",
		 guard_id(vm), getpid(), GFN(0), GPA(0));
	check(strstr(buf, text), "no '%s' in the trace", text);
	/* What perf prints the event by: it does not know our constants. */
	check(file_read(TRACEFS "/events/" MODULE_NAME "/violation/format", buf, 1 << 20) &&
	      !strstr(buf, "RMPE_"), "the format of the event names constants of the module");
	free(buf);
	vm_destroy(vm);
}

/* The tracepoint has what the log leaves out. */
static void tracepoint_is_not_limited(const void *arg)
{
	struct vm *vm = vm_create(NULL);
	char *buf = malloc(1 << 20);
	unsigned int n = 0;

	(void)arg;
	file_write(TRACEFS "/trace", "\n");
	file_write(TRACEFS "/events/" MODULE_NAME "/violation/enable", "1");
	add_loop(vm, 25);
	guard_launch(vm);
	run(vm);
	file_write(TRACEFS "/events/" MODULE_NAME "/violation/enable", "0");
	file_read(TRACEFS "/trace", buf, 1 << 20);
	for (const char *p = buf; (p = strstr(p, " violation: vm=")); p++)
		n++;
	check(n == 25, "%u violations in the trace, not 25", n);
	free(buf);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "evidence.log_limit", log_limit, NULL, 0 },
	{ "evidence.log_limit_spares_termination", log_limit_spares_termination, NULL, 0 },
	{ "evidence.same_record_everywhere", same_record_everywhere, NULL, 0 },
	{ "evidence.record_names_the_page", record_names_the_page, NULL, 0 },
	{ "evidence.debugfs_keeps_the_last", debugfs_keeps_the_last, NULL, 0 },
	{ "evidence.psc_history_is_bounded", psc_history_is_bounded, NULL, 0 },
	{ "evidence.memory_map", memory_map, NULL, 0 },
	{ "evidence.uevent", uevent, NULL, 0 },
	{ "evidence.tracepoints", tracepoints, NULL, 0 },
	{ "evidence.tracepoint_is_not_limited", tracepoint_is_not_limited, NULL, 0 },
};

GROUP(evidence_group, scenarios);
