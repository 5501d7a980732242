// SPDX-License-Identifier: GPL-2.0-only
/*
 * SNP_DBG_DECRYPT, as KVM itself uses it to show the VMSA of a guest that it can't run
 * (arch/x86/kvm/svm/sev.c, sev_decrypt_vmsa()).
 *
 * The driver of the security processor is asked for by name, so that a kernel that is
 * without costs the records their registers, and nothing else.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "firmware.h"

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/psp.h>
#include <linux/psp-sev.h>
#include <asm/sev.h>
#include <asm/svm.h>

struct rmpe_firmware_shape rmpe_firmware_shape = { .policy = -1 };

#ifdef RMPE_HAS_SNP_DBG

#define POLICY_DEBUG	BIT_ULL(19)	/* 56860, table "Guest Policy" */

static int (*do_cmd)(int cmd, void *data, int *status);
static void *(*alloc_page_of_firmware)(gfp_t gfp);

/* A page could not be taken back: one is lost, and no more are risked. */
static bool broken;

/**
 * rmpe_firmware_init() - find the driver of the security processor
 *
 * Context: module init.
 * Return: NULL, or why the firmware can't be asked.
 */
const char *rmpe_firmware_init(void)
{
	if (!rmpe_firmware_shape.known)
		return "this kernel's BTF does not say where kvm_amd keeps a guest's context";
	do_cmd = symbol_get(sev_do_cmd);
	if (!do_cmd)
		return "this kernel has no sev_do_cmd()";
	alloc_page_of_firmware = symbol_get(snp_alloc_firmware_page);
	if (alloc_page_of_firmware)
		return NULL;
	rmpe_firmware_exit();
	return "this kernel has no snp_alloc_firmware_page()";
}

/**
 * rmpe_firmware_exit() - let go of the driver
 *
 * Context: module exit; no command is under way.
 */
void rmpe_firmware_exit(void)
{
	if (alloc_page_of_firmware)
		symbol_put(snp_alloc_firmware_page);
	if (do_cmd)
		symbol_put(sev_do_cmd);
	alloc_page_of_firmware = NULL;
	do_cmd = NULL;
}

/**
 * rmpe_firmware_usable() - can the firmware be asked?
 *
 * Context: any.
 * Return: true if it can.
 */
bool rmpe_firmware_usable(void)
{
	return alloc_page_of_firmware && !READ_ONCE(broken);
}

/* Back from the firmware, before anybody reads or frees it (56860, SNP_PAGE_RECLAIM). */
static int take_back(void *page)
{
	struct sev_data_snp_page_reclaim reclaim = { .paddr = __psp_pa(page) };
	int status = 0, r;

	r = do_cmd(SEV_CMD_SNP_PAGE_RECLAIM, &reclaim, &status);
	if (!r)
		r = rmp_make_shared(page_to_pfn(virt_to_page(page)), PG_LEVEL_4K);
	if (!r)
		return 0;
	WRITE_ONCE(broken, true);
	pr_warn("firmware does not give a page back (error %d, status 0x%x): it is lost, and records have no rip from here on\n",
		r, status);
	return r;
}

/**
 * rmpe_firmware_decrypt() - read a page of a guest
 * @context: system physical address of the guest's context page
 * @pa: of the page; the firmware sees to it that it is the guest's
 * @page: set to a copy in the clear, for rmpe_firmware_free()
 *
 * Context: process context, may sleep for as long as the security processor takes, or
 * serves others.
 * Return: 0; -EPERM if the guest's policy forbids it; -ENOMEM; -EIO.
 */
int rmpe_firmware_decrypt(u64 context, u64 pa, void **page)
{
	struct sev_data_snp_dbg dbg = {
		.gctx_paddr	= context,
		.src_addr	= pa,
	};
	int status = 0, r;
	void *to;

	if (!rmpe_firmware_usable())
		return -EIO;
	to = alloc_page_of_firmware(GFP_KERNEL);
	if (!to)
		return -ENOMEM;
	dbg.dst_addr = __psp_pa(to);
	r = do_cmd(SEV_CMD_SNP_DBG_DECRYPT, &dbg, &status);
	if (take_back(to))
		return -EIO;
	if (r) {
		rmpe_firmware_free(to);
		return status == SEV_RET_POLICY_FAILURE ? -EPERM : -EIO;
	}
	*page = to;
	return 0;
}

/**
 * rmpe_firmware_free() - free a page
 * @page: from rmpe_firmware_decrypt()
 *
 * It has the guest's secrets.
 *
 * Context: any.
 */
void rmpe_firmware_free(void *page)
{
	memzero_explicit(page, PAGE_SIZE);
	free_page((unsigned long)page);
}

/**
 * rmpe_firmware_policy() - may a VM be debugged, as far as KVM knows?
 * @kvm: the VM
 *
 * Context: any.
 * Return: UNKNOWN where KVM does not keep the policy.
 */
enum rmpe_debuggable rmpe_firmware_policy(const struct kvm *kvm)
{
	const void *svm = kvm;

	if (rmpe_firmware_shape.policy < 0)
		return RMPE_DEBUGGABLE_UNKNOWN;
	return *(const u64 *)(svm + rmpe_firmware_shape.policy) & POLICY_DEBUG ?
		RMPE_DEBUGGABLE_YES : RMPE_DEBUGGABLE_NO;
}

/**
 * rmpe_firmware_context() - a VM's context page
 * @kvm: the VM, launched
 *
 * Context: any.
 * Return: its system physical address, or 0.
 */
u64 rmpe_firmware_context(const struct kvm *kvm)
{
	const void *svm = kvm;
	void *context = READ_ONCE(*(void *const *)(svm + rmpe_firmware_shape.context));

	return context ? __psp_pa(context) : 0;
}

/**
 * rmpe_firmware_vmsa() - the save area that a vCPU runs on now
 * @vcpu: the vCPU; we are in its KVM_RUN
 *
 * Context: any.
 * Return: its system physical address, or 0.
 */
u64 rmpe_firmware_vmsa(const struct kvm_vcpu *vcpu)
{
	const void *svm = vcpu;
	const struct vmcb *vmcb = *(struct vmcb *const *)(svm + rmpe_firmware_shape.vmcb);
	u64 pa = vmcb ? vmcb->control.vmsa_pa : INVALID_PAGE;

	return pa == INVALID_PAGE ? 0 : pa;
}

#else /* !RMPE_HAS_SNP_DBG */

const char *rmpe_firmware_init(void)
{
	return "this kernel's headers do not declare what it takes";
}

void rmpe_firmware_exit(void)
{
}

bool rmpe_firmware_usable(void)
{
	return false;
}

enum rmpe_debuggable rmpe_firmware_policy(const struct kvm *kvm)
{
	return RMPE_DEBUGGABLE_UNKNOWN;
}

u64 rmpe_firmware_context(const struct kvm *kvm)
{
	return 0;
}

u64 rmpe_firmware_vmsa(const struct kvm_vcpu *vcpu)
{
	return 0;
}

int rmpe_firmware_decrypt(u64 context, u64 pa, void **page)
{
	return -EIO;
}

void rmpe_firmware_free(void *page)
{
}

#endif
