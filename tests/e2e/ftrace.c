// SPDX-License-Identifier: GPL-2.0-only
/* Other users of ftrace, and its switch: they may look on, and not get in between. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "guard.h"
#include "module.h"

#define FTRACE_ENABLED	"/proc/sys/kernel/ftrace_enabled"
#define PROBE		"rmp_enforce_test"

static void tracefs_write(const char *file, const char *value)
{
	char path[256];
	int r;

	snprintf(path, sizeof(path), TRACEFS "/%s", file);
	r = file_write(path, value);
	check(!r, "writing '%s' to %s: %s", value, path, strerror(r));
}

/* The trace so far has such a line. */
static bool trace_has(const char *what)
{
	static char trace[1 << 20];

	return file_read(TRACEFS "/trace", trace, sizeof(trace)) && strstr(trace, what);
}

/*
 * Ours is a hook that the switch can't turn off; and where there is no ftrace we are not.
 * Linux 7.3 has no such switch any more: it answers EOPNOTSUPP to everybody.
 */
static void ftrace_off(const void *arg)
{
	int r = module_load("");

	(void)arg;
	check(!r, "insmod: %s", strerror(r));
	r = file_write(FTRACE_ENABLED, "0");
	check(r == EBUSY || r == EOPNOTSUPP,
	      "ftrace_enabled=0 under the module: errno %d, not EBUSY", r);
	r = module_load_file("busyhook.ko", "target=kvm_mmu_page_fault");
	if (!check(r == EBUSY, "another module takes our hook: errno %d, not EBUSY", r) && !r)
		module_unload("busyhook");
	guards_a_guest();
	check(!module_unload(MODULE_NAME), "rmmod");

	r = file_write(FTRACE_ENABLED, "0");
	if (r == EOPNOTSUPP) {
		diag("this kernel's ftrace can't be switched off");
		return;
	}
	check(!r, "ftrace_enabled=0 without the module: %s", strerror(r));
	r = module_load("");
	check(r == EBUSY, "insmod with ftrace off: errno %d, not EBUSY", r);
	expect_log(MODULE_NAME ": refusing to load: ",
		   "ftrace is off (sysctl kernel.ftrace_enabled)");
	if (!r)
		module_unload(MODULE_NAME);
	check(!file_exists(SYSFS) && !file_exists(DEBUGFS) && !module_loaded(MODULE_NAME),
	      "a load refused for ftrace leaves something behind");
	check(!file_write(FTRACE_ENABLED, "1"), "ftrace_enabled=1");
	check(kvm_is_unhooked(), "a hook is left");
}

/* The function tracer on a function that is hooked. */
static void traced(const void *arg)
{
	(void)arg;
	tracefs_write("set_ftrace_filter", "kvm_mmu_page_fault");
	tracefs_write("current_tracer", "function");
	guards_a_guest();
	check(trace_has("kvm_mmu_page_fault <-"), "the function tracer saw nothing");
	tracefs_write("current_tracer", "nop");
	tracefs_write("set_ftrace_filter", "");
}

/* A kprobe there: the kernel sets it by ftrace, too. */
static void probed(const void *arg)
{
	(void)arg;
	tracefs_write("kprobe_events", "p:" PROBE " kvm_mmu_page_fault");
	tracefs_write("events/kprobes/" PROBE "/enable", "1");
	guards_a_guest();
	check(trace_has(PROBE ": (kvm_mmu_page_fault"), "the kprobe saw nothing");
	tracefs_write("events/kprobes/" PROBE "/enable", "0");
	tracefs_write("kprobe_events", "");
	tracefs_write("trace", "");
}

static const struct scenario scenarios[] = {
	{ "lifecycle.traced", traced, NULL, 0 },
	{ "lifecycle.probed", probed, NULL, 0 },
	{ "lifecycle.ftrace_off", ftrace_off, NULL, SC_UNLOADED },
};

GROUP(ftrace_group, scenarios);
