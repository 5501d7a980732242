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

#include <linux/compiler.h>
#include <linux/kobject.h>
#include <linux/kvm_types.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "backing.h"
#include "judge.h"
#include "policy.h"
#include "psc_history.h"
#include "psc_tracker.h"
#include "report.h"

struct dentry;
struct kvm;
struct kvm_vcpu;

enum rmpe_history_state {
	RMPE_HISTORY_COMPLETE,	/* seen from its creation */
	RMPE_HISTORY_PARTIAL,	/* older than the module */
	RMPE_HISTORY_LOST,	/* memory ran out: never enforced again */
};

/**
 * struct rmpe_psc - a PSC that waits for the VMM's answer
 * @active: there is one
 * @to_private: what it asks for
 * @gfn: first gfn
 * @npages: length in 4K pages
 */
struct rmpe_psc {
	bool active;
	bool to_private;
	gfn_t gfn;
	u64 npages;
};

/**
 * struct rmpe_suspect - a mismatch seen once, or acted upon
 * @active: there is one
 * @access_private: the access
 * @gfn: its gfn
 * @psc_seq: the VM's last answered PSC at that time
 * @injected: how often in a row #VC was injected for it
 * @exits: the vCPU's count of exits at the last injection
 */
struct rmpe_suspect {
	bool active;
	bool access_private;
	gfn_t gfn;
	u64 psc_seq;
	unsigned int injected;
	u64 exits;
};

/**
 * struct rmpe_vcpu - a vCPU; all under the VM's lock
 * @psc: its PSC in flight
 * @suspect: what it did at its last mismatch
 */
struct rmpe_vcpu {
	struct rmpe_psc psc;
	struct rmpe_suspect suspect;
};

/**
 * struct rmpe_counters - a VM's counters, written under the VM's lock
 * @launch_pages: pages populated at launch
 * @psc_requests: PSCs that KVM forwarded to the VMM
 * @psc_completed: those that it answered with success
 * @psc_refused: those that it answered with an error
 * @psc_pages: 4K pages in completed PSCs
 * @vc_injected: #VCs queued
 * @enforced: violations acted upon, by #VC or termination
 * @log_suppressed: records that the rate limit kept from the kernel log
 * @class: verdicts, by class
 */
struct rmpe_counters {
	u64 launch_pages;
	u64 psc_requests;
	u64 psc_completed;
	u64 psc_refused;
	u64 psc_pages;
	u64 vc_injected;
	u64 enforced;
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

/**
 * struct rmpe_vm - an SNP VM
 * @kobj: its directory in sysfs; its release frees this struct
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
 * @npf_judged: #NPFs on guest_memfd slots
 * @lock: protects all below, except readers of @tracker
 * @history_state: how far the tracker can be trusted
 * @tracker: page states
 * @by_use: RMPE_PAGE_PRIVATE for gfns whose state in @tracker is from an access
 *	that KVM resolved, not from a PSC; else RMPE_PAGE_NONE
 * @backings: which pages its gfns name
 * @history: recent PSCs
 * @vcpus: by vcpu_idx, KVM_MAX_VCPUS; a vCPU's KVM_RUN reads its own without @lock
 * @nr_vcpus: those from here on are NULL
 * @counters: counters; read without the lock by sysfs
 * @notes: by hash of the gfn; allocated at the first violation
 * @log_limit: of the kernel log and uevents
 * @suppressed: records kept from the log since the last one that was printed
 * @nr_records: records so far
 * @records: the last ones; allocated at the first violation
 * @dentry: its directory in debugfs
 */
struct rmpe_vm {
	struct kobject kobj;
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

	struct mutex lock;	/* what it protects: above */
	enum rmpe_history_state history_state;
	struct rmpe_tracker tracker;
	struct rmpe_tracker by_use;
	struct rmpe_backings backings;
	struct rmpe_psc_history history;
	struct rmpe_vcpu **vcpus;
	unsigned int nr_vcpus;
	struct rmpe_counters counters;
	struct rmpe_note *notes;
	struct ratelimit_state log_limit;
	u64 suppressed;
	u64 nr_records;
	struct rmpe_record *records;
	struct dentry *dentry;
};

/* One of a VM's counters, under its lock: sysfs reads them without. */
static inline void rmpe_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

extern const char *const rmpe_history_names[];

struct rmpe_vm *rmpe_vm_find(const struct kvm *kvm);
struct rmpe_vm *rmpe_vm_find_or_adopt(struct kvm *kvm);
void rmpe_vm_create(struct kvm *kvm);
void rmpe_vm_destroy(struct kvm *kvm);
void rmpe_vm_wait_all_freed(void);
void rmpe_vm_release(struct rmpe_vm *vm);

struct rmpe_vcpu *rmpe_vcpu_get(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu);
void rmpe_vm_set_state(struct rmpe_vm *vm, gfn_t gfn, u64 npages,
		       enum rmpe_page_state state);
void rmpe_vm_set_state_by_use(struct rmpe_vm *vm, gfn_t gfn,
			      enum rmpe_page_state state);
bool rmpe_vm_is_by_use(const struct rmpe_vm *vm, gfn_t gfn);
size_t rmpe_vm_tracker_bytes(const struct rmpe_vm *vm);
void rmpe_vm_lose_history(struct rmpe_vm *vm);
struct rmpe_note *rmpe_vm_note(struct rmpe_vm *vm, gfn_t gfn);
u64 rmpe_vm_npf_judged(const struct rmpe_vm *vm);

enum rmpe_mode rmpe_vm_mode(const struct rmpe_vm *vm);

#endif
