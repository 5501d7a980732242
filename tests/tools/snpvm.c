// SPDX-License-Identifier: GPL-2.0-only
/*
 * An SNP VM that stays until it is told to end, for tests of the tools: a VMM
 * process with a name as libvirt gives it to QEMU, and a guest that behaves in
 * one of a few ways.
 *
 * snpvm WAY [OPTION...]
 *
 * Options after WAY are ignored; they are there to be seen in /proc, like
 * "-name guest=web1,debug-threads=on".  SIGUSR1 has the guest go on, if its way
 * waits for that; SIGTERM ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "vmm/vmm.h"

#define MIB		0x100000ull
#define GIB		0x40000000ull
#define BIG_PSC		4096	/* pages */
#define PACE_US		5000	/* leaves the host some time for others */
#define FOREVER		(~0u)

/* Attributes of KVM_HC_MAP_GPA_RANGE. */
#define TO_PRIVATE	0x10ull
#define TO_SHARED	0x00ull

/*
 * Large ranges are only answered: pages that nobody touches need no conversion,
 * and KVM would keep an entry for each.
 */
static uint64_t answer(struct vcpu *v, const struct psc *psc)
{
	return psc->pages > BIG_PSC ? 0 : vm_psc(v, psc);
}

static uint64_t answer_slowly(struct vcpu *v, const struct psc *psc)
{
	usleep(PACE_US);
	return vm_psc(v, psc);
}

/* Memory of any size, of which nothing is used. */
static void add_memory(struct vm *vm, unsigned int id, uint64_t gpa, uint64_t size)
{
	struct kvm_create_guest_memfd g = { .size = size };
	struct kvm_userspace_memory_region2 r = {
		.slot = id,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = gpa,
		.memory_size = size,
	};
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		vmm_die("no address space for %#lx bytes", size);
	r.userspace_addr = (uint64_t)mem;
	r.guest_memfd = ioctl(vm->fd, KVM_CREATE_GUEST_MEMFD, &g);
	if ((int)r.guest_memfd < 0)
		vmm_die("KVM_CREATE_GUEST_MEMFD: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, &r))
		vmm_die("KVM_SET_USER_MEMORY_REGION2: %s", strerror(errno));
	vm->slot[id] = (struct vm_slot){
		.used = true, .gpa = gpa, .size = size, .mem = mem, .gmem = r.guest_memfd,
	};
}

static void psc_range(struct vm *vm, uint64_t gpa, uint64_t size, uint64_t to)
{
	op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = gpa,
					  .arg = { size / GUEST_PAGE, to } });
}

/* The last operation again, on the @n pages from its own on, @stride bytes apart. */
static void each(struct vm *vm, unsigned int n, uint64_t stride)
{
	op_repeat(vm, 0, n, stride);
}

/* --- the ways of guests --- */

/* Asks for all that it uses. */
static void clean(struct vm *vm)
{
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	each(vm, 16, GUEST_PAGE);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	each(vm, 16, GUEST_PAGE);
	op_make_private(vm, 0, GPA(32));
	op_write(vm, 0, VIEW_PRIVATE, GPA(32), 1);
}

/* Makes a buffer of four pages shared and writes five; one more whenever it is told to. */
static void overrun(struct vm *vm)
{
	vm_add_launched(vm, GPA(4), 4, 0);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	each(vm, 4, GUEST_PAGE);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	each(vm, 5, GUEST_PAGE);
	for (unsigned int i = 1; i <= 3; i++) {
		op_wait_flag(vm, 0, 0, i);
		op_write(vm, 0, VIEW_SHARED, GPA(4 + i), 1);
	}
}

/* May be debugged; writes by an old mapping to a page that it has made private again. */
static void stale(struct vm *vm)
{
	vm->cfg.policy = VM_POLICY_DEBUG;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
}

/* Asks and uses, all the time. */
static void busy(struct vm *vm)
{
	unsigned int start = op_psc(vm, 0, GPA(0), PSC_SHARED);

	vm->cfg.on_psc = answer_slowly;
	each(vm, 64, GUEST_PAGE);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	each(vm, 64, GUEST_PAGE);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	each(vm, 64, GUEST_PAGE);
	op_loop(vm, 0, start, FOREVER);
}

/* Never asks for private memory: only validates it. */
static void never_asks(struct vm *vm)
{
	op_pvalidate(vm, 0, GPA(0), true, false);
	each(vm, 48, GUEST_PAGE);
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	each(vm, 48, GUEST_PAGE);
}

/*
 * A server of 2 GiB, with a hole below 4 GiB: most of its memory accepted, a bounce
 * buffer and rings shared, and three places that it never asked for.
 */
static void server(struct vm *vm)
{
	const uint64_t rings = 0x300000, bounce = 0x18000000;

	add_memory(vm, 1, 16 * MIB, GIB - 16 * MIB);
	add_memory(vm, 2, 4 * GIB, GIB);
	psc_range(vm, 16 * MIB, 912 * MIB, TO_PRIVATE);
	psc_range(vm, 4 * GIB, 640 * MIB, TO_PRIVATE);
	psc_range(vm, bounce, 64 * MIB, TO_SHARED);
	op_psc(vm, 0, rings, PSC_SHARED);
	each(vm, 24, 2 * GUEST_PAGE);
	op_write(vm, 0, VIEW_SHARED, rings, 1);
	each(vm, 3, 3 * GUEST_PAGE);		/* the second was never asked for */
	op_write(vm, 0, VIEW_SHARED, bounce + 64 * MIB, 1);
	op_pvalidate(vm, 0, 0x3c000000, true, false);
	each(vm, 5, GUEST_PAGE);
}

/* A guest of 1 TiB that has asked for most of it. */
static void huge(struct vm *vm)
{
	add_memory(vm, 1, 4 * GIB, 1024 * GIB);
	for (uint64_t i = 0; i < 64; i++)
		psc_range(vm, 4 * GIB + i * 16 * GIB, 15 * GIB, TO_PRIVATE);
	psc_range(vm, 100 * GIB, 512 * MIB, TO_SHARED);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	each(vm, 2, GUEST_PAGE);		/* one too many */
}

/* Uses four private pages, of which the VMM takes two away when it is told to. */
static void robbed(struct vm *vm)
{
	for (unsigned int i = 0; i < 4; i++)
		op_make_private(vm, 0, GPA(i));
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	each(vm, 4, GUEST_PAGE);
	op_write(vm, 0, VIEW_SHARED, GPA(8), 1);	/* is noted: it has come so far */
}

static void rob(struct vm *vm)
{
	if (vm_punch(vm, GPA(1), 2 * GUEST_PAGE))
		vmm_die("no hole: %s", strerror(errno));
}

static const struct {
	const char *name;
	void (*script)(struct vm *vm);
	unsigned int nvcpus;
	void (*on_told)(struct vm *vm);
} ways[] = {
	{ "clean", clean, 1, NULL },
	{ "overrun", overrun, 2, NULL },
	{ "stale", stale, 1, NULL },
	{ "busy", busy, 1, NULL },
	{ "never-asks", never_asks, 1, NULL },
	{ "server", server, 4, NULL },
	{ "huge", huge, 1, NULL },
	{ "robbed", robbed, 1, rob },
};

int main(int argc, char **argv)
{
	uint64_t told = 0;
	struct vm *vm;
	size_t way;
	int sig;
	sigset_t set;

	for (way = 0; way < sizeof(ways) / sizeof(*ways); way++) {
		if (argc > 1 && !strcmp(argv[1], ways[way].name))
			break;
	}
	if (way == sizeof(ways) / sizeof(*ways))
		vmm_die("usage: snpvm WAY [OPTION...]");

	/* Threads of the VMM inherit the mask, so signals come here. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_NAME, "qemu-system-x86");

	vm = vm_create(&(struct vm_config){ .nvcpus = ways[way].nvcpus, .on_psc = answer });
	ways[way].script(vm);
	vm_launch(vm);
	vm_start(vm);
	printf("started\n");
	fflush(stdout);
	/* The guest's flag 0 is how often it was told to go on. */
	while (!sigwait(&set, &sig) && sig == SIGUSR1) {
		if (ways[way].on_told)
			ways[way].on_told(vm);
		vm_set_flag(vm, 0, ++told);
	}
	vm_stop(vm);
	vm_destroy(vm);
	return 0;
}
