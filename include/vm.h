/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What we keep of each SNP VM and vCPU.
 *
 * A struct rmpe_vm lives from kvm_arch_init_vm() to kvm_arch_destroy_vm() of
 * its struct kvm, or, if the VM is older than the module, from the first time
 * that we see it.  While one of a VM's vCPUs is in KVM_RUN, or an ioctl of the
 * VM is under way, neither can go away, so hooks use it without a reference.
 *
 * Locks, outermost first: kvm->slots_lock (KVM's), kvm->srcu (KVM's, read),
 * rmpe_vm.lock.  rmpe_vm.lock is never held while KVM's code runs.
 */
#ifndef RMPE_VM_H
#define RMPE_VM_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/kobject.h>
#include <linux/kvm_types.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>
#include <asm/barrier.h>

#include "backing.h"
#include "judge.h"
#include "policy.h"
#include "psc_history.h"
#include "psc_tracker.h"
#include "psp_share.h"
#include "record.h"
#include "site_map.h"
#include "suspect.h"
#include "totals.h"

struct dentry;
struct kvm;
struct kvm_vcpu;

enum rmpe_history_state {
	RMPE_HISTORY_COMPLETE,	/* seen from its creation */
	RMPE_HISTORY_PARTIAL,	/* older than the module */
	RMPE_HISTORY_LOST,	/* memory ran out: never enforced again */
};

#define RMPE_NR_EARLY 16

/**
 * struct rmpe_early - an access that KVM was let resolve although the PSC that it
 *	needs was not answered
 * @gpa: where
 * @error_code: of the #NPF
 * @psc_requests: how many PSCs the VM had asked for by then: later ones do not count
 * @vcpu: vcpu_id
 * @mode: in force
 */
struct rmpe_early {
	gpa_t gpa;
	u64 error_code;
	u64 psc_requests;
	int vcpu;
	enum rmpe_mode mode;
};

/**
 * struct rmpe_psc - a PSC that waits for the VMM's answer
 * @active: there is one; begins without the VM's lock, once the others are set, and ends
 *	under it
 * @to_private: what it asks for
 * @gfn: first gfn
 * @npages: length in 4K pages
 * @nr: counts a VM's requests, from 1
 * @complete: what KVM would have called when it takes the answer
 * @site: where it was made, or NULL; its vCPU's own
 * @early: accesses that came too early for it
 * @nr_early: how many
 */
struct rmpe_psc {
	bool active;
	bool to_private;
	gfn_t gfn;
	u64 npages;
	u64 nr;
	int (*complete)(struct kvm_vcpu *vcpu);
	struct rmpe_site *site;
	struct rmpe_early early[RMPE_NR_EARLY];
	unsigned int nr_early;
};

/**
 * struct rmpe_progress - faults of a vCPU at one gfn that are in order
 * @gfn: the gfn
 * @faults: how many in a row, without a PSC in between
 * @exits: the vCPU's count of exits when they began to be suspicious
 * @since: jiffies of then
 * @told: it was reported
 */
struct rmpe_progress {
	gfn_t gfn;
	u64 faults;
	u64 exits;
	unsigned long since;
	bool told;
};

/**
 * struct rmpe_vcpu - a vCPU; all but @psc and @progress under the VM's lock
 * @psc: its PSC in flight
 * @suspects: what it did wrong lately
 * @progress: its own KVM_RUN's, without a lock
 */
struct rmpe_vcpu {
	struct rmpe_psc psc;
	struct rmpe_suspects suspects;
	struct rmpe_progress progress;
};

/**
 * struct rmpe_counters - a VM's counters, written under the VM's lock
 * @launch_pages: pages populated at launch
 * @psc_completed: those that it answered with success
 * @psc_refused: those that it answered with an error
 * @psc_pages: 4K pages in completed PSCs
 * @psc_redundant: completed PSCs that asked for what had been asked for
 * @pages_discarded: private 4K pages that the VMM has taken away
 * @prefaults_skipped: 4K pages that the VMM wanted mapped, and the guest had not
 *	asked for
 * @vc_injected: #VCs queued
 * @enforced: violations acted upon, by #VC or termination
 * @repeated: faults that were the same as one that was reported
 * @log_suppressed: records that the rate limit kept from the kernel log
 * @class: verdicts, by class
 */
struct rmpe_counters {
	u64 launch_pages;
	u64 psc_completed;
	u64 psc_refused;
	u64 psc_pages;
	u64 psc_redundant;
	u64 pages_discarded;
	u64 prefaults_skipped;
	u64 vc_injected;
	u64 enforced;
	u64 repeated;
	u64 log_suppressed;
	u64 class[RMPE_NR_CLASSES];
};

#define RMPE_NR_NOTES 512	/* power of 2 */

/**
 * struct rmpe_note - what reports remember of a gfn; one may push out another
 * @gfn: the gfn
 * @violations: how many verdicts it had
 */
struct rmpe_note {
	gfn_t gfn;
	u32 violations;
};

/* Why an access that was asked for may need a closer look, see npf.c. */
#define RMPE_WATCH_SLOT		1u	/* a slot is coming */
#define RMPE_WATCH_USED		2u	/* some page was used in another state */
#define RMPE_WATCH_HOLES	4u	/* the VMM has discarded private pages */

/**
 * struct rmpe_vm - an SNP VM
 * @kobj: its directory in sysfs; its release frees this struct
 * @in_sysfs: the directory is there; it comes a moment after the VM is found by others
 * @node: in the table, by @kvm (RCU)
 * @rcu: for freeing
 * @kvm: the key; dereferenced only where it can't be gone: by sysfs, whose files
 *	are removed before it
 * @id: counts VMs from 1; never reused, so a VM that a VMM creates anew under
 *	the same pid has another
 * @pid: of the VMM (init namespace)
 * @comm: of the VMM
 * @settings: its own settings
 * @terminated: no vCPU may run again; set once, under @lock
 * @exit: what every KVM_RUN returns once @terminated is set
 * @npf_judged: #NPFs on guest_memfd memslots, or on pages that were asked for
 * @psc_requests: PSCs that KVM forwarded to the VMM
 * @taker: of sites
 * @lock: protects all below, except readers of @asked, @used and @watch
 * @history_state: how far @asked can be trusted
 * @asked: page states that the guest has asked for
 * @used: the state in which KVM was let resolve an access that disagrees with
 *	@asked; else RMPE_PAGE_NONE
 * @watch: RMPE_WATCH_*
 * @coming: the slot that KVM has prepared last, until it is seen whether it is there
 * @backings: which pages its gfns name
 * @holes: private pages that the VMM has discarded; forgotten when the guest asks for
 *	them, or KVM has brought new ones
 * @history: PSCs
 * @request_sites: where they were made
 * @vcpus: by vcpu_idx, KVM_MAX_VCPUS; a vCPU's KVM_RUN reads its own without @lock
 * @nr_vcpus: those from here on are NULL
 * @counters: counters; read without the lock by sysfs
 * @notes: by hash of the gfn; allocated at the first violation
 * @log_limit: of the kernel log and uevents
 * @act_limit: the same for records of what was acted upon
 * @suppressed: records kept from the log since the last one that was printed
 * @records_lock: for @records, held for moments only: whoever reads records must not
 *	keep a vCPU waiting
 * @records: the last ones, under @records_lock too
 * @dentry: its directory in debugfs
 */
struct rmpe_vm {
	struct kobject kobj;
	bool in_sysfs;
	struct hlist_node node;
	struct rcu_head rcu;
	struct kvm *kvm;
	u64 id;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	struct rmpe_settings settings;
	bool terminated;
	struct rmpe_exit exit;
	u64 __percpu *npf_judged;
	atomic64_t psc_requests;
	struct rmpe_taker taker;

	struct mutex lock;	/* what it protects: above */
	enum rmpe_history_state history_state;
	struct rmpe_tracker asked;
	struct rmpe_tracker used;
	u8 watch;
	struct rmpe_backing coming;
	struct rmpe_backings backings;
	struct rmpe_psc_map holes;
	struct rmpe_psc_history history;
	struct rmpe_site_map request_sites;
	struct rmpe_vcpu **vcpus;
	unsigned int nr_vcpus;
	struct rmpe_counters counters;
	struct rmpe_note *notes;
	struct ratelimit_state log_limit;
	struct ratelimit_state act_limit;
	u64 suppressed;
	spinlock_t records_lock;	/* for @records, too */
	struct rmpe_records records;
	struct dentry *dentry;
};

/**
 * rmpe_count() - count
 * @counter: one of a VM's counters, which sysfs reads without the lock
 * @n: how many
 *
 * Context: under the VM's lock.
 */
static inline void rmpe_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

/* An event that the host counts, too. */
#define rmpe_count_event(vm, event) do {				\
	rmpe_count(&(vm)->counters.event, 1);				\
	atomic64_inc(&rmpe_totals.event);				\
} while (0)

/**
 * rmpe_terminated() - was this guest ended?
 * @vm: the VM
 *
 * Context: any.
 * Return: true if it was; vm->exit is valid then.
 */
static inline bool rmpe_terminated(const struct rmpe_vm *vm)
{
	/* Pairs with rmpe_terminate(). */
	return smp_load_acquire(&vm->terminated);
}

/**
 * rmpe_vm_watch() - why an access that was asked for may need a closer look
 * @vm: the VM
 *
 * To be read before the page states that it stands for: it is cleared after they have
 * changed.
 *
 * Context: any.
 * Return: RMPE_WATCH_*.
 */
static inline u8 rmpe_vm_watch(const struct rmpe_vm *vm)
{
	/* Pairs with rmpe_vm_update_watch(). */
	return smp_load_acquire(&vm->watch);
}

extern const char *const rmpe_history_names[];

struct rmpe_vm *rmpe_vm_alloc(struct kvm *kvm, enum rmpe_history_state history);
void rmpe_vm_wait_all_freed(void);
void rmpe_vm_release(struct rmpe_vm *vm);

struct rmpe_vcpu *rmpe_vcpu_meet(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu);
struct rmpe_vcpu *rmpe_vcpu_get(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu);
void rmpe_vm_set_asked(struct rmpe_vm *vm, gfn_t gfn, u64 npages,
		       enum rmpe_page_state state);
void rmpe_vm_forget_use(struct rmpe_vm *vm, gfn_t gfn, u64 npages);
bool rmpe_vm_all_asked(const struct rmpe_vm *vm, gfn_t gfn, u64 npages,
		       enum rmpe_page_state state);
void rmpe_vm_set_used(struct rmpe_vm *vm, gfn_t gfn, enum rmpe_page_state state);
void rmpe_vm_update_watch(struct rmpe_vm *vm);
size_t rmpe_vm_tracker_bytes(const struct rmpe_vm *vm);
void rmpe_vm_lose_history(struct rmpe_vm *vm);
void rmpe_vm_count_violation(struct rmpe_vm *vm, gfn_t gfn, struct rmpe_record *rec);
u64 rmpe_vm_npf_judged(const struct rmpe_vm *vm);

#define RMPE_LAST_RECORD U64_MAX

bool rmpe_vm_record(struct rmpe_vm *vm, u64 after, struct rmpe_record *rec);
struct rmpe_sites rmpe_vm_sites(struct rmpe_vm *vm, u64 seq);

enum rmpe_mode rmpe_vm_mode(const struct rmpe_vm *vm);

/**
 * rmpe_vm_replace_asked() - record what was asked for a gfn of which something is known
 * @vm: the VM
 * @gfn: the gfn
 * @state: the state
 *
 * Context: process context, may sleep; under @vm->lock.
 * Return: as rmpe_tracker_replace(): with RMPE_PAGE_NONE nothing was recorded.
 */
static inline enum rmpe_page_state rmpe_vm_replace_asked(struct rmpe_vm *vm, gfn_t gfn,
							 enum rmpe_page_state state)
{
	enum rmpe_page_state was;

	lockdep_assert_held(&vm->lock);
	was = rmpe_tracker_replace(&vm->asked, gfn, state);
	if (was != RMPE_PAGE_NONE && vm->watch)
		rmpe_vm_forget_use(vm, gfn, 1);
	return was;
}

#endif
