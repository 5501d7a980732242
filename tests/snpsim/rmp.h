/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reverse map table: entries, the instructions that change them, and what
 * the firmware does to them.
 *
 * Everything here wants the lock of smp.h held.  A function that takes rights
 * away from somebody (the host's right to write, a guest's mapping) has done
 * so on every CPU when it returns.
 */
#ifndef SNPSIM_RMP_H
#define SNPSIM_RMP_H

#include "types.h"

/*
 * An entry as Zen 3 has it and as arch/x86/virt/svm/sev.c reads it.  The upper
 * word is not documented; here it holds the VMPL permission masks and the
 * in-use mark.
 */
struct rmp_entry {
	u64 lo;
	u64 hi;
};

#define RMP_ASSIGNED	BIT(0)
#define RMP_2M		BIT(1)
#define RMP_IMMUTABLE	BIT(2)
#define RMP_GPA		0x0007fffffffff000ul
#define RMP_ASID_SHIFT	51
#define RMP_ASID_MASK	0x3fful
#define RMP_ASID(lo)	((lo) >> RMP_ASID_SHIFT & RMP_ASID_MASK)
#define RMP_VMSA	BIT(61)
#define RMP_VALIDATED	BIT(62)

#define RMP_NR_VMPL	4
#define RMP_PERM_READ	BIT(0)
#define RMP_PERM_WRITE	BIT(1)
#define RMP_PERM_EXEC_USER	BIT(2)
#define RMP_PERM_EXEC_SUPER	BIT(3)
#define RMP_PERM_ALL	0x1ful		/* with supervisor shadow stack */
#define RMP_PERMS(hi, vmpl) ((hi) >> 8 * (vmpl) & 0xff)
#define RMP_INUSE	BIT(63)

/* In front of the entries: the processor's bookkeeping area (APM 15.36.4). */
#define RMP_BOOKKEEPING	0x4000ul

/* Results of the four instructions, in EAX (APM volume 3). */
enum {
	RMP_SUCCESS		= 0,
	RMP_FAIL_INPUT		= 1,
	RMP_FAIL_PERMISSION	= 2,
	RMP_FAIL_INUSE		= 3,
	RMP_FAIL_OVERLAP	= 4,
	RMP_FAIL_SIZEMISMATCH	= 6,
	/* Not a return value: the instruction ends in #VMEXIT(NPF) instead. */
	RMP_FAULT		= 0x100,
	RMP_FAULT_SIZE		= 0x101,
	RMP_FAULT_NOT_VALIDATED	= 0x102,
};

/* The operand of RMPUPDATE in memory (struct rmp_state of the kernel). */
struct rmp_state {
	u64 gpa;
	u8 assigned;
	u8 pagesize;		/* 0: 4K, 1: 2M */
	u8 immutable;
	u8 rsvd;
	u32 asid;
} __packed;

/* Page states of the firmware ABI (56860, "Page States"), from an entry. */
enum rmp_page_state {
	RMP_STATE_DEFAULT,	/* not covered: the hypervisor's for ever */
	RMP_STATE_HYPERVISOR,
	RMP_STATE_HV_FIXED,
	RMP_STATE_FIRMWARE,
	RMP_STATE_RECLAIM,
	RMP_STATE_CONTEXT,
	RMP_STATE_PRE_GUEST,
	RMP_STATE_PRE_SWAP,
	RMP_STATE_GUEST_INVALID,
	RMP_STATE_GUEST_VALID,
	RMP_STATE_INVALID,
};

/**
 * rmp_init() - take the memory in which the table lives
 * @base: first byte, 2M-aligned
 * @npfn: pages that the table covers, from address 0
 */
void rmp_init(u64 base, u64 npfn);

/** rmp_size() - bytes for a table that covers @npfn pages, whole 2M */
u64 rmp_size(u64 npfn);

/** rmp_base() - value of MSR RMP_BASE: address of the first byte */
u64 rmp_base(void);

/** rmp_end() - value of MSR RMP_END: address of the last byte */
u64 rmp_end(void);

/**
 * rmp_get() - the entry of a page
 * @pa: any address within the page
 *
 * Return: the entry, or NULL if the table does not cover the page.
 */
struct rmp_entry *rmp_get(u64 pa);

/**
 * rmp_hypervisor_owned() - the check of that name in APM 15.36.10, 4K page
 * @pa: any address within the page
 */
bool rmp_hypervisor_owned(u64 pa);

/**
 * rmp_update() - RMPUPDATE
 * @pa: RAX
 * @new: the operand
 * @max_asid: highest ASID of the processor
 *
 * Return: the value for EAX.
 */
int rmp_update(u64 pa, const struct rmp_state *new, u32 max_asid);

/**
 * rmp_psmash() - PSMASH: split a 2M entry, keeping all but size and GPA
 * @pa: RAX
 *
 * Return: the value for EAX.
 */
int rmp_psmash(u64 pa);

/**
 * rmp_pvalidate() - PVALIDATE, after address translation
 * @pa: system address of the page
 * @gpa: guest physical address that was translated to @pa
 * @asid: of the running guest
 * @big: ECX[0], the page is 2M
 * @validate: EDX[0]
 * @unchanged: set if the validated bit had the value already (CF)
 *
 * Return: the value for EAX, RMP_FAULT or RMP_FAULT_SIZE.
 */
int rmp_pvalidate(u64 pa, u64 gpa, u32 asid, bool big, bool validate, bool *unchanged);

/**
 * rmp_adjust_args() - RMPADJUST: the checks that need no address
 * @vmpl: of the running vCPU
 * @attr: RDX
 *
 * Return: the value for EAX, RMP_SUCCESS to go on with rmp_adjust().
 */
int rmp_adjust_args(unsigned int vmpl, u64 attr);

/**
 * rmp_adjust() - RMPADJUST, after rmp_adjust_args() and address translation
 * @pa: system address of the page
 * @gpa: guest physical address that was translated to @pa
 * @asid: of the running guest
 * @vmpl: of the running vCPU
 * @big: RCX[0], the page is 2M
 * @attr: RDX: target VMPL 7:0, its permission mask 15:8, VMSA bit 16
 *
 * Return: the value for EAX, or one of RMP_FAULT*.
 */
int rmp_adjust(u64 pa, u64 gpa, u32 asid, unsigned int vmpl, bool big, u64 attr);

/**
 * rmp_set_inuse() - mark a page that a running vCPU occupies (VMCB, VMSA)
 * @pa: the page
 *
 * Return: false if it is in use already or not covered by the table.
 */
bool rmp_set_inuse(u64 pa);
void rmp_clear_inuse(u64 pa);

/** rmp_state_of() - page state in the firmware's terms */
enum rmp_page_state rmp_state_of(u64 pa);

/** rmp_is_firmware() - the page is in the Firmware state: the PSP may write to it */
bool rmp_is_firmware(u64 pa);

/**
 * rmp_protect_table() - what SNP_INIT does: nobody writes to the table any more
 * @on: false at SNP_SHUTDOWN
 */
void rmp_protect_table(bool on);

/**
 * rmp_set_hv_fixed() - SNP_INIT_EX: pages that never leave the hypervisor
 * @pa: first page
 * @npages: number of 4K pages; those that are not covered are passed over
 *
 * Return: 0, -1 if one of them is not in the Hypervisor or HV-Fixed state.
 */
int rmp_set_hv_fixed(u64 pa, u64 npages);

/**
 * rmp_fw_claim() - Hypervisor -> Firmware (SNP_INIT, the pages of the IOMMU)
 *
 * Return: 0, also if the page is in the Firmware state or not covered; -1 if it is
 * in another.
 */
int rmp_fw_claim(u64 pa);

/** rmp_guest_pages() - how many pages (of 4K) belong to guests */
u64 rmp_guest_pages(void);

/** rmp_count() - how many pages (of 4K) are in a state that only assigned pages have */
u64 rmp_count(enum rmp_page_state state);

/**
 * rmp_fw_take() - Firmware -> Context (SNP_GCTX_CREATE)
 *
 * Return: 0, or -1 if the page is not in the Firmware state.
 */
int rmp_fw_take(u64 pa);

/**
 * rmp_fw_release() - Context -> Firmware (SNP_DECOMMISSION)
 *
 * Return: 0, or -1 if the page is not in the Context state.
 */
int rmp_fw_release(u64 pa);

/**
 * rmp_launch_page() - Pre-Guest -> Guest-Valid or Guest-Invalid (SNP_LAUNCH_UPDATE)
 * @pa: the page
 * @gpa_expected: guest physical address that the RMP entry must have
 * @asid: of the guest that is launched
 * @vmsa: make it a VMSA page
 * @validate: false for pages of type UNMEASURED/ZERO that stay invalid
 *
 * Return: 0; -1 wrong state, ASID or address.
 */
int rmp_launch_page(u64 pa, u64 gpa_expected, u32 asid, bool vmsa, bool validate);

/**
 * rmp_reclaim() - SNP_PAGE_RECLAIM
 * @pa: the page
 *
 * Firmware becomes Reclaim, Pre-Guest becomes Guest-Invalid, Pre-Swap becomes
 * Guest-Valid.
 *
 * Return: 0, or -1 if the page is in none of these states.
 */
int rmp_reclaim(u64 pa);

#endif /* SNPSIM_RMP_H */
