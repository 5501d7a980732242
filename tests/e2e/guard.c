// SPDX-License-Identifier: GPL-2.0-only
/* What the module says about a VM. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "guard.h"
#include "kmsg.h"
#include "module.h"

#define MAX_LINES	4096
#define MAX_VMS		8
#define PREFIX		MODULE_NAME ": "
#define VIOLATION	"violation "

static struct kmsg kmsg;
static struct {
	char *text;
	bool taken;
} lines[MAX_LINES];
static unsigned int nlines;

static struct {
	struct vm *vm;
	unsigned int id;
} ids[MAX_VMS];

void guard_listen(void)
{
	if (!kmsg_open(&kmsg, false))
		give_up("/dev/kmsg can't be opened");
}

static void drain(void)
{
	char buf[KMSG_LINE];

	while (kmsg_next(&kmsg, buf)) {
		if (nlines == MAX_LINES)
			give_up("more than %u lines in the kernel log", MAX_LINES);
		lines[nlines++].text = strdup(buf);
	}
	if (kmsg.lost)
		fail("records of the kernel log were overwritten before they were read");
}

/* --- which VM is which --- */

void guard_find(struct vm *vm)
{
	for (unsigned int i = 0; i < MAX_VMS; i++) {
		if (!ids[i].vm || ids[i].vm == vm) {
			ids[i].vm = vm;
			ids[i].id = module_newest_vm(getpid());
			return;
		}
	}
	give_up("more than %u VMs in one scenario", MAX_VMS);
}

void guard_forget(struct vm *vm)
{
	for (unsigned int i = 0; i < MAX_VMS; i++) {
		if (ids[i].vm == vm)
			ids[i].vm = NULL;
	}
}

unsigned int guard_id(struct vm *vm)
{
	for (unsigned int i = 0; i < MAX_VMS; i++) {
		if (ids[i].vm == vm)
			return ids[i].id;
	}
	return 0;
}

void guard_launch(struct vm *vm)
{
	vm_launch(vm);
	guard_find(vm);
	check(guard_id(vm), "the module has no folder for the VM after its launch");
}

/* --- files --- */

bool guard_read(struct vm *vm, const char *name, char *buf, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "vms/%u/%s", guard_id(vm), name);
	return knob_read(path, buf, size);
}

int guard_write(struct vm *vm, const char *name, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "vms/%u/%s", guard_id(vm), name);
	return knob_write(path, value);
}

bool guard_debug(struct vm *vm, const char *name, char *buf, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), DEBUGFS "/%u/%s", guard_id(vm), name);
	return file_read(path, buf, size);
}

uint64_t guard_counter(struct vm *vm, const char *name)
{
	char buf[64];

	if (!guard_read(vm, name, buf, sizeof(buf))) {
		fail("vms/%u/%s can't be read", guard_id(vm), name);
		return 0;
	}
	return strtoull(buf, NULL, 10);
}

void expect_counter(struct vm *vm, const char *name, uint64_t value)
{
	uint64_t is = guard_counter(vm, name);

	check(is == value, "%s is %lu, not %lu", name, is, value);
}

void wait_for_counter(struct vm *vm, const char *name, uint64_t value)
{
	char buf[64] = "";

	for (unsigned int ms = 0; ms < PATIENCE_MS / 2; ms++) {
		if (!guard_read(vm, name, buf, sizeof(buf)))
			break;
		if (strtoull(buf, NULL, 10) >= value)
			return;
		usleep(1000);
	}
	fail("%s is %s, and does not get to %lu", name, buf, value);
}

void expect_file(struct vm *vm, const char *name, const char *value)
{
	char buf[256];

	if (!guard_read(vm, name, buf, sizeof(buf)))
		fail("vms/%u/%s can't be read", guard_id(vm), name);
	else
		check(!strcmp(buf, value), "%s is '%s', not '%s'", name, buf, value);
}

void expect_injected(struct vm *vm, uint64_t value)
{
	uint64_t is = guard_counter(vm, "vc_injected");

	check(is >= value, "vc_injected is %lu, less than %lu", is, value);
}

/* --- records --- */

const char *record_value(const char *record, const char *key)
{
	static char value[4][256];
	static unsigned int turn;
	char *buf = value[turn++ % 4];

	return field_read(record, key, buf, sizeof(value[0])) ? buf : NULL;
}

uint64_t record_number(const char *record, const char *key)
{
	const char *v = record_value(record, key);
	char *end;
	uint64_t n;

	if (!v)
		return ~0ull;
	n = strtoull(v, &end, 0);
	return *v && !*end ? n : ~0ull;
}

bool record_matches(const char *record, const char *wanted)
{
	char copy[1024], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", wanted);
	for (char *t = strtok_r(copy, " ", &save); t; t = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(t, '=');
		const char *is;

		*eq = '\0';
		is = record_value(record, t);
		if (!is || strcmp(is, eq + 1))
			return false;
	}
	return true;
}

/* The record in line i if it is a violation of this VM, else NULL. */
static const char *violation_of(struct vm *vm, unsigned int i)
{
	const char *t = lines[i].text;
	char want[32];

	if (strncmp(t, PREFIX VIOLATION, strlen(PREFIX VIOLATION)))
		return NULL;
	t += strlen(PREFIX VIOLATION);
	snprintf(want, sizeof(want), "vm=%u", guard_id(vm));
	return record_matches(t, want) ? t : NULL;
}

const char *expect_record(struct vm *vm, const char *fmt, ...)
{
	char wanted[1024];
	va_list ap;
	unsigned int n = 0;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	drain();
	for (unsigned int i = 0; i < nlines; i++) {
		const char *r = violation_of(vm, i);

		if (r && !lines[i].taken && record_matches(r, wanted)) {
			lines[i].taken = true;
			return r;
		}
	}
	fail("no record with %s", wanted);
	for (unsigned int i = 0; i < nlines; i++) {
		const char *r = violation_of(vm, i);

		if (r && !lines[i].taken && n++ < 5)
			diag("  instead: %s", r);
	}
	return "";
}

unsigned int count_records(struct vm *vm, const char *fmt, ...)
{
	char wanted[1024];
	unsigned int n = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	drain();
	for (unsigned int i = 0; i < nlines; i++) {
		const char *r = violation_of(vm, i);

		n += r && record_matches(r, wanted);
	}
	return n;
}

void expect_quiet(struct vm *vm)
{
	drain();
	for (unsigned int i = 0; i < nlines; i++) {
		const char *r = violation_of(vm, i);

		if (r && !lines[i].taken) {
			fail("unexpected record: %s", r);
			return;
		}
	}
}

static bool line_has(unsigned int i, const char *prefix, const char *contains)
{
	return !strncmp(lines[i].text, prefix, strlen(prefix)) &&
	       strstr(lines[i].text, contains);
}

static const char *find_line(const char *prefix, const char *contains)
{
	drain();
	for (unsigned int i = 0; i < nlines; i++) {
		if (line_has(i, prefix, contains))
			return lines[i].text;
	}
	return NULL;
}

unsigned int log_count(const char *prefix, const char *contains)
{
	unsigned int n = 0;

	drain();
	for (unsigned int i = 0; i < nlines; i++)
		n += line_has(i, prefix, contains);
	return n;
}

bool log_has(const char *prefix, const char *contains)
{
	return find_line(prefix, contains);
}

void expect_log(const char *prefix, const char *contains)
{
	const char *line = find_line(prefix, contains);

	if (check(line, "the log has no line '%s...%s'", prefix, contains))
		diag("  log: %s", line);
}
