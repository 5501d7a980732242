/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VMM for SNP guests on the kernel's uapi.  One process may run
 * several VMs; each vCPU has a thread.  By default it behaves as QEMU does;
 * a scenario makes it misbehave through the hooks in struct vm_config or by
 * calling the vm_*() functions at the wrong moment.
 *
 * Errors of the set-up are fatal: a scenario that can't launch its guest has
 * nothing to say.  vmm_die() prints one line and exits with status 2.
 */
#ifndef VMM_H
#define VMM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>
#include "../abi.h"

/* The n-th page that is free for scenarios. */
#define GPA(n)	(GUEST_FREE_GPA + (n) * GUEST_PAGE)
#define GFN(n)	(GPA(n) / GUEST_PAGE)

/* vm_config.policy: the guest may be debugged (SEV-SNP firmware ABI, "Guest Policy") */
#define VM_POLICY_DEBUG	(1ull << 19)

#define VM_MAX_SLOTS	4
#define VM_SLOT1_GPA	0x1000000ul	/* free for a second slot */
#define VCPU_MAX_EXITS	512

struct vm;
struct vcpu;

/* One return from KVM_RUN, as the VMM saw it. */
struct vm_exit {
	uint32_t reason;	/* KVM_EXIT_* */
	int error;		/* errno of KVM_RUN, 0 if it returned 0 */
	uint64_t gpa;		/* MEMORY_FAULT, HYPERCALL/MAP_GPA_RANGE */
	uint64_t size;		/* bytes */
	uint64_t flags;
	uint32_t type;		/* SYSTEM_EVENT */
	uint32_t ndata;
	uint64_t data[4];
};

/* A page-state change that the guest asked for. */
struct psc {
	uint64_t gpa;
	uint64_t pages;		/* of 4K */
	bool to_private;
	bool size_2m;
};

enum vcpu_state {
	VCPU_IDLE,		/* thread not started */
	VCPU_RUNNING,
	VCPU_HALTED,		/* its script is done */
	VCPU_ENDED,		/* guest or module ended the VM, or KVM_RUN failed */
	VCPU_STUCK,		/* ended by vm_wait()'s timeout */
};

struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	volatile enum vcpu_state state;
	volatile bool stop;
	unsigned int looks;		/* of the guest, since it waits for a flag */
	volatile unsigned int nexits;	/* all; only the first VCPU_MAX_EXITS are kept */
	struct vm_exit exits[VCPU_MAX_EXITS];
	unsigned int runs_after_end;	/* KVM_RUN calls that vm_config.keep_running made */
	int stats;			/* KVM's counters of it, once vcpu_all_exits() was asked */
	uint64_t exits_at;		/* and where in them its exits are */
};

struct vm_slot {
	bool used;
	uint64_t gpa, size;
	uint8_t *mem;		/* the shared side */
	int gmem;
};

struct vm_config {
	unsigned int nvcpus;		/* 0 = 1 */
	unsigned int realmode;		/* mask of vCPUs that start in real mode */
	unsigned int parked;		/* mask of vCPUs that only wait for OP_AP_CREATE */
	unsigned int late;		/* mask of vCPUs that vm_add_vcpu() makes */
	bool cold;			/* guest_cpu_info.cold */
	uint64_t policy;		/* bits for the launch, beside those that all have */
	bool no_map_gpa_range;		/* do not enable KVM_HC_MAP_GPA_RANGE exits */
	unsigned int keep_running;	/* KVM_RUN calls after the VM has ended */
	void *priv;
	/*
	 * Answer to a PSC: what goes into hypercall.ret.  Default vm_psc().
	 * Runs in the vCPU's thread.
	 */
	uint64_t (*on_psc)(struct vcpu *v, const struct psc *psc);
	/*
	 * An access that disagrees with the page's state.  Default
	 * vm_convert(), as QEMU.  A return other than 0 ends the vCPU.
	 */
	int (*on_memory_fault)(struct vcpu *v, uint64_t gpa, uint64_t size, bool to_private);
	/* A byte that the guest has written to a port. */
	void (*on_out)(struct vcpu *v, unsigned int port);
};

struct vm {
	struct vm_config cfg;
	int fd, sev, kvm;
	uint64_t cbit;
	bool launched;
	uint64_t launch_pages;		/* populated so far */
	struct vm_slot slot[VM_MAX_SLOTS];
	struct vcpu vcpu[GUEST_MAX_VCPUS];
	struct script *script[GUEST_MAX_VCPUS];
	struct launch_page *launch;
};

/* The extra pages that a scenario wants populated at launch. */
struct launch_page {
	struct launch_page *next;
	uint64_t gpa;
	uint64_t pages;
	unsigned int type;	/* KVM_SEV_SNP_PAGE_TYPE_* */
	uint8_t fill;
	bool partly;		/* as far as KVM does it */
};

void vmm_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* image.S: the guest, and the code of a real-mode AP */
extern const uint8_t guest_image[], guest_image_end[];
extern const uint8_t guest_realmode[], guest_realmode_end[];

/* vm.c: from creation to destruction */
struct vm *vm_create(const struct vm_config *cfg);
void vm_launch(struct vm *vm);
void vm_destroy(struct vm *vm);
uint64_t vm_image_pages(void);
void vm_add_launch_page(struct vm *vm, uint64_t gpa, uint64_t pages, unsigned int type,
			uint8_t fill);
/* Of the normal type. */
void vm_add_launched(struct vm *vm, uint64_t gpa, uint64_t pages, uint8_t fill);

/* The same, as far as KVM does it: up to a page that was launched before, or the slot's end. */
void vm_add_launch_partly(struct vm *vm, uint64_t gpa, uint64_t pages, uint8_t fill);

/* memory.c: slots and page states; gpa and sizes in bytes, multiples of 4K */
void vm_slot_add(struct vm *vm, unsigned int id, uint64_t gpa, uint64_t size);
void vm_slot_add_plain(struct vm *vm, unsigned int id, uint64_t gpa, uint64_t size);
/* The slot goes, its memory stays with the VMM ... */
void vm_slot_delete(struct vm *vm, unsigned int id);
/* ... and comes back at the same place, with that memory or with new memory. */
void vm_slot_restore(struct vm *vm, unsigned int id, bool new_memory);
struct vm_slot *vm_slot_of(struct vm *vm, uint64_t gpa);
/* The shared side of @gpa as the VMM sees it. */
void *vm_hva(struct vm *vm, uint64_t gpa);
int vm_set_attr(struct vm *vm, uint64_t gpa, uint64_t size, bool to_private);
int vm_punch(struct vm *vm, uint64_t gpa, uint64_t size);
/* KVM's translation of a page in that state goes, so that its next use faults; no more. */
int vm_unmap(struct vm *vm, uint64_t gpa, uint64_t size, bool private);
/* What QEMU does for a conversion: attribute, and give back the other side's memory. */
int vm_convert(struct vm *vm, uint64_t gpa, uint64_t size, bool to_private);

/* launch.c */
void vm_launch_start(struct vm *vm);
void vm_launch_update(struct vm *vm, uint64_t gpa, const void *src, uint64_t pages,
		      unsigned int type);
void vm_launch_finish(struct vm *vm);
/* As far as KVM does it: how many pages that were. */
uint64_t vm_launch_try(struct vm *vm, uint64_t gpa, const void *src, uint64_t pages,
		       unsigned int type);
/* One KVM_MEMORY_ENCRYPT_OP; 0 or -1 with errno. */
int vm_sev_cmd(struct vm *vm, unsigned int id, void *data);

/* vcpu.c: threads and exits */
void vcpu_create(struct vm *vm, unsigned int index);
void vm_start(struct vm *vm);
void vm_start_vcpu(struct vm *vm, unsigned int index);
/*
 * Hot-add of a vCPU of vm_config.late. To be started after OP_AP_CREATE only: the
 * VMSA that KVM has for it is not the guest's.
 */
void vm_add_vcpu(struct vm *vm, unsigned int index);
/* Waits until every started vCPU has stopped.  False: some had to be stopped. */
bool vm_wait(struct vm *vm, unsigned int timeout_ms);
/* Waits for one vCPU, and stops none.  True: it is at the end of its script. */
bool vm_wait_halted(const struct vm *vm, unsigned int index, unsigned int timeout_ms);
void vm_stop(struct vm *vm);
/* The default answer to a PSC; the first @limit pages only if not 0, then an error. */
uint64_t vm_psc(struct vcpu *v, const struct psc *psc);
uint64_t vm_psc_partly(struct vcpu *v, const struct psc *psc, uint64_t limit);
/* Says that a PSC of the script is done, and does nothing; those of the start it does. */
uint64_t vm_psc_claim(struct vcpu *v, const struct psc *psc);
/* One KVM_RUN by the caller, recorded like the thread's. */
int vcpu_run_once(struct vcpu *v);
/* Events for a vCPU, by its own thread and out of KVM_RUN. */
void vcpu_nmi(struct vcpu *v);
void vcpu_interrupt(struct vcpu *v);
/* KVM_PRE_FAULT_MEMORY: waits until the vCPU is out of KVM_RUN. */
int vcpu_prefault(struct vcpu *v, uint64_t gpa, uint64_t size);		/* 0 or errno */
unsigned int vcpu_count_exits(const struct vcpu *v, uint32_t reason);
/* The n-th (from 0) exit for that reason, or NULL. */
const struct vm_exit *vcpu_exit(const struct vcpu *v, uint32_t reason, unsigned int n);
const char *exit_name(uint32_t reason);

/* stats.c: all exits of a vCPU so far, also those that KVM keeps to itself */
uint64_t vcpu_all_exits(struct vcpu *v);

/* guestview.c: what the guest leaves in shared memory */
const volatile struct guest_status *vm_status(struct vm *vm, unsigned int vcpu);
const volatile struct guest_result *vm_result(struct vm *vm, unsigned int vcpu, unsigned int op);
void vm_set_flag(struct vm *vm, unsigned int flag, uint64_t value);
uint64_t vm_get_flag(struct vm *vm, unsigned int flag);
bool vm_wait_flag(struct vm *vm, unsigned int flag, uint64_t value, unsigned int timeout_ms);

/* script.c: each returns the operation's index, to look up its result */
struct script {
	unsigned int nops;
	unsigned int ndata;
	struct guest_op op[GUEST_MAX_OPS];
	uint8_t data[GUEST_SCRIPT_PAGES * GUEST_PAGE - GUEST_MAX_OPS * sizeof(struct guest_op)];
};

struct guest_op *op_last(struct vm *vm, unsigned int vcpu);
/* The last operation is run @n times, each time @stride bytes further on. */
void op_repeat(struct vm *vm, unsigned int vcpu, unsigned int n, uint64_t stride);
/* On each of @n pages. */
void op_each_page(struct vm *vm, unsigned int vcpu, unsigned int n);
unsigned int op_add(struct vm *vm, unsigned int vcpu, const struct guest_op *op);
unsigned int op_psc(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int page_op);
/* hdr: cur_entry | end_entry << 16; entries as in the GHCB, see PSC_ENTRY(). */
unsigned int op_psc_nae(struct vm *vm, unsigned int vcpu, uint64_t hdr,
			const uint64_t *entries, unsigned int n);
unsigned int op_pvalidate(struct vm *vm, unsigned int vcpu, uint64_t gpa, bool validate,
			  bool size_2m);
unsigned int op_read(struct vm *vm, unsigned int vcpu, unsigned int view, uint64_t gpa);
unsigned int op_write(struct vm *vm, unsigned int vcpu, unsigned int view, uint64_t gpa,
		      uint64_t value);
unsigned int op_exec(struct vm *vm, unsigned int vcpu, unsigned int view, uint64_t gpa);
unsigned int op_walk(struct vm *vm, unsigned int vcpu, uint64_t gpa);
/* @n bytes to @port. */
unsigned int op_out(struct vm *vm, unsigned int vcpu, unsigned int port, unsigned int n);
unsigned int op_set_flag(struct vm *vm, unsigned int vcpu, unsigned int flag, uint64_t value);
unsigned int op_wait_flag(struct vm *vm, unsigned int vcpu, unsigned int flag, uint64_t value);
unsigned int op_count(struct vm *vm, unsigned int vcpu, unsigned int flag, unsigned int until);
/*
 * Ends the script.  When the vCPU is entered again after its halt it runs the one
 * at @gpa, in shared memory, and so again after each halt.
 */
void op_then(struct vm *vm, unsigned int vcpu, uint64_t gpa);
unsigned int op_loop(struct vm *vm, unsigned int vcpu, unsigned int to, unsigned int times);
/* Until @flag, not 0, is set. */
unsigned int op_loop_until(struct vm *vm, unsigned int vcpu, unsigned int to, unsigned int flag);
/* PSC to private and PVALIDATE; or rescind and PSC to shared: as a guest should. */
unsigned int op_make_private(struct vm *vm, unsigned int vcpu, uint64_t gpa);
unsigned int op_make_shared(struct vm *vm, unsigned int vcpu, uint64_t gpa);

/* An entry of a PSC buffer (GHCB specification, page state change). */
#define PSC_ENTRY(gpa, page_op, size_2m, cur_page)				\
	((uint64_t)(cur_page) | (((gpa) >> 12) & 0xffffffffffull) << 12 |	\
	 (uint64_t)(page_op) << 52 | (uint64_t)(size_2m) << 56)
#define PSC_HDR(cur, end)	((uint64_t)(cur) | (uint64_t)(end) << 16)
#define PSC_MAX_ENTRIES		253

#define PSC_RESP_OK			0x015ull
#define PSC_ERROR_GENERIC		(0x100ull << 32)
#define PSC_ERROR_INVALID_HDR		(1ull << 32 | 1)
#define PSC_ERROR_INVALID_ENTRY		(1ull << 32 | 2)

#define VECTOR_UD			6
#define VECTOR_PF			14
#define VECTOR_VC			29
#define VC_PAGE_NOT_VALIDATED		0x404ull

#endif
