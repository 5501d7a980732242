// SPDX-License-Identifier: GPL-2.0-only
/* What a user of the host without any rights gets to see of other people's guests, and does to them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guard.h"
#include "module.h"
#include "vmm/clock.h"

#define NOBODY	65534

/* A guest that has records with a page of the host's in them. */
static struct vm *noted_vm(void)
{
	struct vm *vm = vm_create(NULL);

	vm_add_launched(vm, GPA(0), 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_record(vm, "class=implicit_shared rmp=assigned:1,level:4K");
	return vm;
}

static void become_nobody(void)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		give_up("uid %u can't be had", NOBODY);
}

/* --- each file --- */

static unsigned int nfiles;

static void read_file(const char *path, mode_t mode)
{
	const bool for_all = mode & 0004;
	char buf[4096] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	check((fd >= 0) == for_all, "%s, mode %03o: %s", path, mode & 0777,
	      fd < 0 ? strerror(errno) : "can be read");
	check(fd >= 0 || errno == EACCES, "%s: %s", path, strerror(errno));
	if (fd < 0)
		return;
	nfiles++;
	n = read(fd, buf, sizeof(buf) - 1);
	check(n > 0 && buf[n - 1] == '\n', "%s can't be read", path);
	check(!strstr(buf, "pfn") && !strcasestr(buf, "ffff"), "%s shows %s", path, buf);
	close(fd);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd < 0 && errno == EACCES, "%s can be written to", path);
	if (fd >= 0)
		close(fd);
}

static void walk(const char *dir)
{
	char path[512];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(dir);

	if (!check(d, "%s: %s", dir, strerror(errno)))
		return;
	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] == '.' || lstat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			walk(path);
		else if (S_ISREG(st.st_mode) && strcmp(e->d_name, "uevent"))
			read_file(path, st.st_mode);
	}
	closedir(d);
}

/* Runs @fn as nobody; its failures are ours. */
static void as_nobody(void (*fn)(struct vm *vm), struct vm *vm)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		become_nobody();
		fn(vm);
		fflush(stdout);
		_exit(scenario_failures ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && !WEXITSTATUS(status), "see above");
}

static void walk_all(struct vm *vm)
{
	char path[128];

	walk(SYSFS);
	snprintf(path, sizeof(path), SYSFS "/vms/%u/last_violation", guard_id(vm));
	check(open(path, O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES,
	      "%s can be read by everybody", path);
	check(nfiles > 30, "only %u files were there", nfiles);
	check(!opendir(DEBUGFS), DEBUGFS " is open to everybody");
}

/* No file that everybody may read has an address of the host's, and none is broken. */
static void files(const void *arg)
{
	struct vm *vm = noted_vm();
	struct stat st;
	char path[128], last[1024] = "";

	(void)arg;
	as_nobody(walk_all, vm);
	snprintf(path, sizeof(path), SYSFS "/vms/%u/last_violation", guard_id(vm));
	check(!stat(path, &st) && (st.st_mode & 0777) == 0400, "last_violation has mode %03o",
	      st.st_mode & 0777);
	check(guard_read(vm, "last_violation", last, sizeof(last)) && strstr(last, "pfn=0x"),
	      "root is told less: %s", last);
	vm_destroy(vm);
}

/* --- readers that hold a guest up --- */

#define MEASURED_S	3
#define READERS		2
#define FILLERS		1

static int64_t longest_us;
static uint64_t rounds;
static volatile bool measuring;

/* A thread's time: all that passed; in which it ran, or wanted to and got no CPU. */
struct times {
	uint64_t us, able_us;
};

/* A slow machine takes CPUs away, and that is no lock. */
static struct times thread_times(void)
{
	unsigned long run, delay = 0;
	struct times t;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	check(f && fscanf(f, "%lu %lu", &run, &delay) == 2, "no schedstat");
	if (f)
		fclose(f);
	t.us = now_us();
	t.able_us = time_us(CLOCK_THREAD_CPUTIME_ID) + delay / 1000;
	return t;
}

static void pin(unsigned int cpu)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	CPU_SET(cpu, &s);
	check(!sched_setaffinity(0, sizeof(s), &s), "CPU %u: %s", cpu, strerror(errno));
}

/* The time from one PSC to the next in which the vCPU's thread had to wait for others. */
static uint64_t timed_psc(struct vcpu *v, const struct psc *psc)
{
	static __thread struct times last;
	static __thread bool pinned;
	struct times now;
	int64_t waited;

	if (!pinned) {
		pin(0);
		pinned = true;
	}
	now = thread_times();
	waited = now.us - last.us - (now.able_us - last.able_us);
	if (measuring && last.us) {
		rounds++;
		if (waited > longest_us)
			longest_us = waited;
	}
	last = measuring ? now : (struct times){ 0 };
	return vm_psc(v, psc);
}

/* Reads all that it may of the VM's, over and over. */
static void __attribute__((noreturn)) read_for_ever(struct vm *vm)
{
	char dir[128], path[512], buf[4096];
	int fds[128];
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2; i++) {
		struct dirent *e;
		DIR *d;

		snprintf(dir, sizeof(dir), SYSFS "/vms/%u/%s", guard_id(vm), i ? "violations" : "");
		d = opendir(dir);
		while (d && (e = readdir(d)) && n < sizeof(fds) / sizeof(*fds)) {
			snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
			if (e->d_type == DT_REG)
				fds[n] = open(path, O_RDONLY | O_CLOEXEC);
			if (e->d_type == DT_REG && fds[n] >= 0)
				n++;
		}
	}
	for (;;) {
		for (unsigned int i = 0; i < n; i++) {
			if (pread(fds[i], buf, sizeof(buf), 0) < 0)
				_exit(1);
		}
	}
}

/* On the other CPU: one that is always busy, and readers that get what it leaves. */
static pid_t start_other(struct vm *vm, bool reads)
{
	struct sched_param sp = { 0 };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	pin(1);
	if (reads && sched_setscheduler(0, SCHED_IDLE, &sp))
		_exit(1);
	become_nobody();
	if (reads)
		read_for_ever(vm);
	for (;;)
		;
}

static int64_t longest_wait(struct vm *vm, unsigned int readers)
{
	pid_t pid[READERS + FILLERS];

	for (unsigned int i = 0; i < readers + FILLERS; i++)
		pid[i] = start_other(vm, i < readers);
	usleep(200000);
	longest_us = 0;
	rounds = 0;
	measuring = true;
	sleep(MEASURED_S);
	measuring = false;
	/* Readers get no time to end in while there are others. */
	for (unsigned int i = readers + FILLERS; i-- > 0;) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	check(rounds > 100, "the guest asked %lu times", rounds);
	diag("  %u readers: %lu PSCs in %u s, the longest wait %ld us", readers, rounds, MEASURED_S,
	     longest_us);
	return longest_us;
}

#define PREEMPT	"/sys/kernel/debug/sched/preempt"

/* The kernel's way of preemption, if it has more than one: "none voluntary (full)". */
static void get_preempt(char *mode, size_t size)
{
	char buf[128] = "", *p;

	file_read(PREEMPT, buf, sizeof(buf));
	p = strchr(buf, '(');
	snprintf(mode, size, "%.*s", p ? (int)strcspn(p + 1, ")") : 0, p ? p + 1 : "");
}

/*
 * Where a task may be preempted in the kernel, one that gets no time and holds a lock keeps
 * all others from it. Nobody's readers must have none that the guest's vCPUs need.
 */
static void readers(const void *arg)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = timed_psc });
	int64_t alone = 0, beside = 0, wait;
	unsigned int start;
	char preempt[32];

	(void)arg;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		diag("  this takes two CPUs");
		return;
	}
	get_preempt(preempt, sizeof(preempt));
	if (*preempt)
		file_write(PREEMPT, "full");
	vm_add_launched(vm, GPA(0), 1, 0xaa);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	start = op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	op_psc(vm, 0, GPA(1), PSC_SHARED);
	op_set_flag(vm, 0, 1, 1);
	op_loop(vm, 0, start, ~0u);
	guard_launch(vm);
	vm_start(vm);
	check(vm_wait_flag(vm, 1, 1, PATIENCE_MS), "the guest did not get ready");
	/* By turns, since the host has slow moments of its own. */
	for (unsigned int i = 0; i < 2; i++) {
		wait = longest_wait(vm, 0);
		alone = wait > alone ? wait : alone;
		wait = longest_wait(vm, READERS);
		beside = wait > beside ? wait : beside;
	}
	vm_stop(vm);
	if (*preempt)
		file_write(PREEMPT, preempt);
	check(beside < 4 * alone + 100000, "a vCPU waits for %ld us beside readers, %ld us alone",
	      beside, alone);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "privilege.files", files, NULL, 0 },
	{ "privilege.readers", readers, NULL, SC_LONG },
};

GROUP(privilege_group, scenarios);
