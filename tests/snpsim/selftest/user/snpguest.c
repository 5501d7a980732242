// SPDX-License-Identifier: GPL-2.0-only
/*
 * snpguest spin SECONDS: an SNP guest that does nothing but run, started by the
 *	kernel's own interface; prints "running" once it does.
 * snpguest user: executes instructions that only the kernel may; exit status 0
 *	if each of them got the signal that it should.
 *
 * The guest is one page at the reset vector.  In real mode a vCPU has no paging,
 * so all its memory is private and it needs no page tables.
 */
#include <err.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>
#include <linux/psp-sev.h>

#define PAGE		4096ul
#define GUEST_PAGE	0xfffff000ul
#define RESET_VECTOR	0xff0			/* within that page */
#define POLICY		(1ul << 19 | 1ul << 17 | 1ul << 16)	/* debugging; must be one; SMT */
#define MAX_CPUID	256

static const uint8_t spin_code[] = { 0xeb, 0xfe };	/* jmp . */

static sigjmp_buf back;
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
	siglongjmp(back, 1);
}

static void on_alarm(int sig)
{
	(void)sig;
	_exit(0);
}

static void check(int ret, const char *what)
{
	if (ret < 0)
		err(1, "%s", what);
}

static void sev(int vm, int fw, int id, void *data, const char *what)
{
	struct kvm_sev_cmd cmd = { .id = id, .data = (uint64_t)data, .sev_fd = fw };

	if (ioctl(vm, KVM_MEMORY_ENCRYPT_OP, &cmd) < 0)
		err(1, "%s (firmware status %#x)", what, cmd.error);
}

static void launch(int vm, int fw)
{
	struct kvm_sev_snp_launch_start start = { .policy = POLICY };
	struct kvm_sev_snp_launch_finish finish = { 0 };
	static uint8_t image[PAGE] __attribute__((aligned(PAGE)));
	struct kvm_sev_snp_launch_update update = {
		.gfn_start = GUEST_PAGE / PAGE,
		.uaddr = (uint64_t)image,
		.len = PAGE,
		.type = KVM_SEV_SNP_PAGE_TYPE_NORMAL,
	};

	memcpy(image + RESET_VECTOR, spin_code, sizeof(spin_code));
	sev(vm, fw, KVM_SEV_SNP_LAUNCH_START, &start, "LAUNCH_START");
	sev(vm, fw, KVM_SEV_SNP_LAUNCH_UPDATE, &update, "LAUNCH_UPDATE");
	sev(vm, fw, KVM_SEV_SNP_LAUNCH_FINISH, &finish, "LAUNCH_FINISH");
}

static void spin(unsigned int seconds)
{
	struct kvm_create_guest_memfd memfd = { .size = PAGE };
	struct kvm_memory_attributes attr = {
		.address = GUEST_PAGE,
		.size = PAGE,
		.attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE,
	};
	struct kvm_userspace_memory_region2 slot = {
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = GUEST_PAGE,
		.memory_size = PAGE,
	};
	struct kvm_sev_init init = { 0 };
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(*cpuid->entries));
	int kvm = open("/dev/kvm", O_RDWR), fw = open("/dev/sev", O_RDWR), vm, vcpu;
	void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	check(kvm, "/dev/kvm");
	check(fw, "/dev/sev");
	if (!cpuid || shared == MAP_FAILED)
		err(1, "memory");
	vm = ioctl(kvm, KVM_CREATE_VM, KVM_X86_SNP_VM);
	check(vm, "KVM_CREATE_VM");
	sev(vm, fw, KVM_SEV_INIT2, &init, "KVM_SEV_INIT2");
	slot.guest_memfd = ioctl(vm, KVM_CREATE_GUEST_MEMFD, &memfd);
	check(slot.guest_memfd, "KVM_CREATE_GUEST_MEMFD");
	slot.userspace_addr = (uint64_t)shared;
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &slot), "KVM_SET_USER_MEMORY_REGION2");
	check(ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, &attr), "KVM_SET_MEMORY_ATTRIBUTES");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	check(vcpu, "KVM_CREATE_VCPU");
	cpuid->nent = MAX_CPUID;
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	check(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	launch(vm, fw);

	signal(SIGALRM, on_alarm);
	alarm(seconds);
	puts("running");
	fflush(stdout);
	ioctl(vcpu, KVM_RUN, 0);
	err(1, "KVM_RUN came back");
}

enum { RMPUPDATE, PSMASH };

static int signal_of(int insn)
{
	uint64_t operand[2] = { 0 };

	caught = 0;
	if (!sigsetjmp(back, 1)) {
		if (insn == RMPUPDATE)
			asm volatile(".byte 0xf2, 0x0f, 0x01, 0xfe"
				     :: "a"(0x100000ul), "c"(operand) : "memory", "cc");
		else
			asm volatile(".byte 0xf3, 0x0f, 0x01, 0xff"
				     :: "a"(0x200000ul) : "memory", "cc");
	}
	return caught;
}

static int user(void)
{
	signal(SIGSEGV, on_signal);	/* #GP */
	signal(SIGILL, on_signal);	/* #UD */
	return !(signal_of(RMPUPDATE) == SIGSEGV && signal_of(PSMASH) == SIGSEGV);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "spin"))
		spin(atoi(argv[2]));
	if (argc == 2 && !strcmp(argv[1], "user"))
		return user();
	errx(2, "usage: snpguest spin SECONDS | snpguest user");
}
