// SPDX-License-Identifier: GPL-2.0-only
/* An ordinary guest: real mode, one page, counts in it until it is told to stop. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "ordinary.h"

#define CODE_GPA	0x1000ul
#define WORDS_GPA	0x2000ul
#define MEM_SIZE	0x3000ul

static void *run(void *arg)
{
	struct ordinary *o = arg;

	while (!ioctl(o->vcpu, KVM_RUN, 0) && o->run->exit_reason == KVM_EXIT_INTR)
		;
	return NULL;
}

void ordinary_start(struct ordinary *o)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEM_SIZE };
	struct kvm_regs regs = { .rip = CODE_GPA, .rflags = 2 };
	struct kvm_sregs sregs;

	o->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	o->vm = ioctl(o->kvm, KVM_CREATE_VM, 0);
	o->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (o->vm < 0 || o->mem == MAP_FAILED)
		vmm_die("no ordinary VM");
	memcpy(o->mem + CODE_GPA, ordinary_code, ordinary_code_end - ordinary_code);
	slot.userspace_addr = (uintptr_t)o->mem;
	o->vcpu = ioctl(o->vm, KVM_CREATE_VCPU, 0);
	if (ioctl(o->vm, KVM_SET_USER_MEMORY_REGION, &slot) || o->vcpu < 0 ||
	    ioctl(o->vcpu, KVM_GET_SREGS, &sregs))
		vmm_die("no vCPU of an ordinary VM");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	o->run = mmap(NULL, ioctl(o->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		      MAP_SHARED, o->vcpu, 0);
	if (o->run == MAP_FAILED || ioctl(o->vcpu, KVM_SET_SREGS, &sregs) ||
	    ioctl(o->vcpu, KVM_SET_REGS, &regs))
		vmm_die("state of an ordinary vCPU");
	if (pthread_create(&o->thread, NULL, run, o))
		vmm_die("no thread for an ordinary vCPU");
}

uint32_t ordinary_count(const struct ordinary *o)
{
	return *(volatile uint32_t *)(o->mem + WORDS_GPA);
}

uint32_t ordinary_stop(struct ordinary *o)
{
	*(volatile uint32_t *)(o->mem + WORDS_GPA + 4) = 1;
	pthread_join(o->thread, NULL);
	close(o->vcpu);
	close(o->vm);
	close(o->kvm);
	return o->run->exit_reason;
}
