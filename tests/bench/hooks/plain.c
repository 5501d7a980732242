// SPDX-License-Identifier: GPL-2.0-only
/* An ordinary VM, beside which the module is only to be in nobody's way. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "vmm/vmm.h"

#define CODE_GPA	0x1000u
#define BLOCK_GPA	0x2000u
#define STAMPS_GPA	0x10000u
#define TOUCH_GPA	0x100000u
#define TIMES		2000u

struct block {
	uint32_t what, n, touch, stamps;
};

static void flat(struct kvm_segment *s, unsigned int type)
{
	*s = (struct kvm_segment){
		.limit = 0xffffffff, .selector = 8, .type = type,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};
}

static int run_until_halt(int fd, const struct kvm_run *run)
{
	for (;;) {
		if (ioctl(fd, KVM_RUN, 0) && errno != EINTR)
			return -1;
		if (run->exit_reason == KVM_EXIT_HLT)
			return 0;
		if (run->exit_reason != KVM_EXIT_IO)
			return -1;
	}
}

void plain_measure(enum plain_what what, struct samples *samples)
{
	const size_t size = TOUCH_GPA + TIMES * GUEST_PAGE;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu;
	struct kvm_regs regs = { .rip = CODE_GPA, .rbx = BLOCK_GPA, .rflags = 2 };
	struct kvm_userspace_memory_region r = { .memory_size = size };
	struct kvm_sregs s;
	struct kvm_run *run;
	size_t run_size;
	unsigned int i;
	uint32_t *tsc;
	uint8_t *mem;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm < 0 || mem == MAP_FAILED)
		vmm_die("an ordinary VM: %s", strerror(errno));
	/* A fault for each page, none of which the host's kernel has to zero. */
	madvise(mem, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < size; at += GUEST_PAGE)
		mem[at] = 1;
	memcpy(mem + CODE_GPA, plain_guest, plain_guest_end - plain_guest);
	*(struct block *)(mem + BLOCK_GPA) = (struct block){
		.what = what, .n = TIMES, .touch = TOUCH_GPA, .stamps = STAMPS_GPA,
	};
	r.userspace_addr = (uint64_t)mem;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r))
		vmm_die("memory of an ordinary VM: %s", strerror(errno));

	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED || ioctl(vcpu, KVM_GET_SREGS, &s))
		vmm_die("the vCPU of an ordinary VM: %s", strerror(errno));
	s.cr0 = 0x11;			/* ET PE */
	flat(&s.cs, 11);
	flat(&s.ds, 3);
	flat(&s.es, 3);
	flat(&s.ss, 3);
	if (ioctl(vcpu, KVM_SET_SREGS, &s) || ioctl(vcpu, KVM_SET_REGS, &regs) ||
	    run_until_halt(vcpu, run))
		vmm_die("an ordinary VM did not get to its end (exit %u)", run->exit_reason);

	tsc = (uint32_t *)(mem + STAMPS_GPA);
	for (i = 1; i < TIMES; i++)
		samples_add(samples, tsc[i] - tsc[i - 1]);
	/* What is left of a VM makes each munmap() of the process dearer. */
	munmap(run, run_size);
	close(vcpu);
	close(vm);
	close(kvm);
	munmap(mem, size);
}
