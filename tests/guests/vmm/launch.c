// SPDX-License-Identifier: GPL-2.0-only
/* The SNP launch sequence (Documentation/virt/kvm/x86/amd-memory-encryption.rst). */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vmm.h"

#define SNP_POLICY_RSVD_MBO	(1ull << 17)
#define SNP_POLICY_SMT		(1ull << 16)

int vm_sev_cmd(struct vm *vm, unsigned int id, void *data)
{
	struct kvm_sev_cmd c = {
		.id = id,
		.data = (uint64_t)data,
		.sev_fd = vm->sev,
	};
	int r = ioctl(vm->fd, KVM_MEMORY_ENCRYPT_OP, &c);

	if (r && c.error)
		errno = EREMOTEIO;	/* firmware error */
	return r;
}

void vm_launch_start(struct vm *vm)
{
	struct kvm_sev_snp_launch_start s = {
		.policy = SNP_POLICY_RSVD_MBO | SNP_POLICY_SMT | vm->cfg.policy,
	};

	if (vm_sev_cmd(vm, KVM_SEV_SNP_LAUNCH_START, &s))
		vmm_die("SNP_LAUNCH_START: %s", strerror(errno));
}

/* KVM works in steps: it moves gfn_start, uaddr and len forward until len is 0. */
uint64_t vm_launch_try(struct vm *vm, uint64_t gpa, const void *src, uint64_t pages,
		       unsigned int type)
{
	struct kvm_sev_snp_launch_update u = {
		.gfn_start = gpa / GUEST_PAGE,
		.uaddr = type == KVM_SEV_SNP_PAGE_TYPE_ZERO ? 0 : (uint64_t)src,
		.len = pages * GUEST_PAGE,
		.type = type,
	};

	do {
		if (vm_sev_cmd(vm, KVM_SEV_SNP_LAUNCH_UPDATE, &u) && errno != EAGAIN)
			break;
	} while (u.len);
	pages -= u.len / GUEST_PAGE;
	vm->launch_pages += pages;
	return pages;
}

void vm_launch_update(struct vm *vm, uint64_t gpa, const void *src, uint64_t pages,
		      unsigned int type)
{
	if (vm_launch_try(vm, gpa, src, pages, type) != pages)
		vmm_die("SNP_LAUNCH_UPDATE of gpa %#lx, type %u: %s", gpa, type,
			strerror(errno));
}

void vm_launch_finish(struct vm *vm)
{
	struct kvm_sev_snp_launch_finish f = { 0 };

	if (vm_sev_cmd(vm, KVM_SEV_SNP_LAUNCH_FINISH, &f))
		vmm_die("SNP_LAUNCH_FINISH: %s", strerror(errno));
	vm->launched = true;
}
