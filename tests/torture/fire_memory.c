// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM in a control group whose memory is used up by what its guest asks for: the
 * tracker is charged to it. Of VMMs that may be killed the kernel kills one, which
 * frees everything; of one that may not the history is lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/kvm.h>
#include "fire.h"

#define CGROUPS		"/tmp/cgroup"
#define GROUP_OF_VMM	CGROUPS "/vmm"
#define SLOT_GPA	(1ull << 40)
#define SLOT_SIZE	(3ull << 40)
#define GIB		(1ull << 30)
#define LIMIT		(2ull << 20)	/* beyond what the VMM has when its guest starts */

/* What the VMM tells; shared with it. */
static struct {
	volatile bool started, done;
	unsigned int id;
	char history[32], mode[32];
	uint64_t enforced, pscs;
} *told;

/* The number after a key of a file, or its first one. */
static uint64_t group_value(const char *name, const char *key)
{
	char path[128], buf[4096] = "", *p;

	snprintf(path, sizeof(path), GROUP_OF_VMM "/%s", name);
	file_read(path, buf, sizeof(buf));
	p = strstr(buf, key);
	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

/* Room for gfns, that is all: nothing of it is ever touched. */
static void add_large_slot(struct vm *vm)
{
	struct kvm_create_guest_memfd g = { .size = SLOT_SIZE };
	struct kvm_userspace_memory_region2 r = {
		.slot = 3,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = SLOT_GPA,
		.memory_size = SLOT_SIZE,
	};
	void *mem = mmap(NULL, SLOT_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	int fd = ioctl(vm->fd, KVM_CREATE_GUEST_MEMFD, &g);

	r.userspace_addr = (uintptr_t)mem;
	r.guest_memfd = fd;
	if (mem == MAP_FAILED || fd < 0 || ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, &r))
		give_up("no slot of 3T: %s", strerror(errno));
}

/* Nothing of that slot can be converted, and nothing needs memory near the limit. */
static uint64_t agree(struct vcpu *v, const struct psc *psc)
{
	if (psc->gpa < SLOT_GPA)
		return vm_psc(v, psc);
	usleep(200);
	return 0;
}

/*
 * The guest asks for one page in each GiB, which costs the tracker most for each PSC,
 * in a group that has room for a part of it.  Then it uses a page without asking.
 */
static void vmm(bool killable)
{
	struct vm *vm = vm_create(&(struct vm_config){ .on_psc = agree });
	char limit[32];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (file_write(GROUP_OF_VMM "/cgroup.procs", "0") ||
	    file_write("/proc/self/oom_score_adj", killable ? "0" : "-1000"))
		give_up("the VMM can't enter its group");
	add_large_slot(vm);
	op_psc(vm, 0, SLOT_GPA, PSC_SHARED);
	op_repeat(vm, 0, SLOT_SIZE / GIB, GIB);
	op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);
	guard_launch(vm);
	while (vcpu_count_exits(&vm->vcpu[0], KVM_EXIT_HYPERCALL) < GUEST_BOOT_PSCS(0)) {
		if (vcpu_run_once(&vm->vcpu[0]))
			give_up("the guest does not start");
	}
	snprintf(limit, sizeof(limit), "%llu", group_value("memory.current", "") + LIMIT);
	file_write(GROUP_OF_VMM "/memory.max", limit);
	told->id = guard_id(vm);
	told->started = true;
	run(vm);
	file_write(GROUP_OF_VMM "/memory.max", "max");
	expect_halted(vm, 0);
	guard_read(vm, "history", told->history, sizeof(told->history));
	guard_read(vm, "effective_mode", told->mode, sizeof(told->mode));
	told->enforced = guard_counter(vm, "violations/enforced");
	told->pscs = guard_counter(vm, "psc_completed");
	told->done = true;
	_exit(scenario_failures ? 1 : 0);
}

static void make_group(void)
{
	mkdir(CGROUPS, 0755);
	if (mount("cgroup2", CGROUPS, "cgroup2", 0, NULL) ||
	    file_write(CGROUPS "/cgroup.subtree_control", "+memory") ||
	    mkdir(GROUP_OF_VMM, 0755))
		give_up("no control group: %s", strerror(errno));
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
}

static void remove_group(void)
{
	for (unsigned int i = 0; rmdir(GROUP_OF_VMM) && i < 100; i++)
		usleep(10000);
	check(!file_exists(GROUP_OF_VMM), "the group can't be removed");
	umount(CGROUPS);
}

/* A VM outside of the group, which is watched as ever. */
static void neighbour_is_guarded(void)
{
	struct vm *vm = vm_create(NULL);
	unsigned int w = op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);

	guard_launch(vm);
	run(vm);
	expect_file(vm, "history", "complete");
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	vm_destroy(vm);
}

/* The most that the tracker took, and what its group was charged for meanwhile. */
static void watch(pid_t pid, int *status, uint64_t *tracker, uint64_t *charged)
{
	uint64_t bytes, before = 0, kernel = 0;
	char name[64], buf[32];

	*tracker = 0;
	*charged = 0;
	while (!waitpid(pid, status, WNOHANG)) {
		usleep(1000);
		snprintf(name, sizeof(name), "vms/%u/tracker_bytes", told->id);
		if (!told->started || !knob_read(name, buf, sizeof(buf)))
			continue;
		bytes = strtoull(buf, NULL, 10);
		if (!before) {
			before = bytes;
			kernel = group_value("memory.stat", "kernel ");
		}
		if (bytes > before + *tracker) {
			*charged = group_value("memory.stat", "kernel ") - kernel;
			*tracker = bytes - before;
		}
	}
}

static void group_limit(const void *arg)
{
	uint64_t tracker, charged;
	bool killable = arg;
	int status = 0;
	pid_t pid;

	make_group();
	knob_write("mode", "strict");
	fire_quiet_console();
	fflush(stdout);
	pid = fork();
	if (!pid)
		vmm(killable);
	watch(pid, &status, &tracker, &charged);
	check(group_value("memory.events", "oom "), "the limit was not reached");
	if (killable) {
		check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !told->done,
		      "the VMM was not killed: status %#x", status);
	} else {
		check(told->done && !status, "the VMM ended with status %#x", status);
		check(!strcmp(told->history, "lost") && !strcmp(told->mode, "lenient"),
		      "history=%s effective_mode=%s", told->history, told->mode);
		check(!told->enforced, "%lu times enforced without a history", told->enforced);
		check(told->pscs >= SLOT_SIZE / GIB, "only %lu PSCs", told->pscs);
		expect_log(MODULE_NAME ": vm=", "history=lost");
	}
	check(tracker > LIMIT / 2 && tracker < 2 * LIMIT,
	      "the tracker took %lu bytes, with a limit at %llu", tracker, LIMIT);
	check(charged > tracker / 4 * 3, "of %lu bytes %lu were charged", tracker, charged);
	for (unsigned int i = 0; fire_vms() && i < 500; i++)
		usleep(10000);
	check(!fire_vms(), "a VM is left");
	neighbour_is_guarded();
	remove_group();
	diag("limit at %llu KiB: tracker up to %lu KiB, charged for %lu KiB", LIMIT >> 10,
	     tracker >> 10, charged >> 10);
}

static const struct scenario scenarios[] = {
	{ "memory.limit_kills", group_limit, (void *)1, SC_LONG },
	{ "memory.limit_refuses", group_limit, NULL, SC_LONG },
};

GROUP(memory_group, scenarios);
