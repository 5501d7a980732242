// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of an SNP VM.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "site.h"
#include "vm.h"

#include <linux/ctype.h>
#include <linux/hash.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#define LOG_BURST	10
#define LOG_INTERVAL	(5 * HZ)

const char *const rmpe_history_names[] = {
	[RMPE_HISTORY_COMPLETE]	= "complete",
	[RMPE_HISTORY_PARTIAL]	= "partial",
	[RMPE_HISTORY_LOST]	= "lost",
};

static atomic_t nr_objects;		/* structs not yet freed */

static DEFINE_RATELIMIT_STATE(lost_limit, 5 * HZ, 20);

/* The name is the VMM's to choose: keep it one word of key=value. */
static void set_comm(struct rmpe_vm *vm)
{
	char *p;

	get_task_comm(vm->comm, current->group_leader);
	if (!*vm->comm)
		vm->comm[0] = '_';
	for (p = vm->comm; *p; p++)
		if (!isascii(*p) || !isgraph(*p) || *p == '=')
			*p = '_';
}

static void free_contents(struct rmpe_vm *vm)
{
	unsigned int i;

	mutex_lock(&vm->lock);	/* what the maps want held */
	rmpe_map_free(&vm->holes);
	rmpe_history_free(&vm->history);
	rmpe_site_map_free(&vm->request_sites);
	mutex_unlock(&vm->lock);
	rmpe_tracker_free(&vm->asked);
	rmpe_tracker_free(&vm->used);
	rmpe_backing_free(&vm->backings);
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpus[i])
			rmpe_site_put(vm->vcpus[i]->psc.site);
		kfree(vm->vcpus[i]);
	}
	kvfree(vm->vcpus);
	kvfree(vm->notes);
	rmpe_records_free(&vm->records);
	free_percpu(vm->npf_judged);
}

static void put_object(void)
{
	if (atomic_dec_and_test(&nr_objects))
		wake_up_var(&nr_objects);
}

/**
 * rmpe_vm_release() - free a VM's struct
 * @vm: the VM, out of the table
 *
 * At the end of the kobject's life (sysfs.c), or of a VM that another vCPU has added first.
 */
void rmpe_vm_release(struct rmpe_vm *vm)
{
	free_contents(vm);
	kfree_rcu(vm, rcu);
	put_object();
}

/**
 * rmpe_vm_wait_all_freed() - wait for the last struct to be released
 *
 * Context: module exit, when no new VM can come; may sleep.  Who released it may
 * still be on the way out of our code: an RCU-tasks grace period has to follow.
 */
void rmpe_vm_wait_all_freed(void)
{
	wait_var_event(&nr_objects, !atomic_read(&nr_objects));
}

/**
 * rmpe_vm_alloc() - the state of a VM that is not in the table yet
 * @kvm: the VM
 * @history: how far back it is known
 *
 * Context: process context, may sleep.
 * Return: the state, or NULL without memory.
 */
struct rmpe_vm *rmpe_vm_alloc(struct kvm *kvm, enum rmpe_history_state history)
{
	struct rmpe_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	if (!vm)
		return NULL;
	mutex_init(&vm->lock);
	spin_lock_init(&vm->records_lock);
	rmpe_map_init(&vm->holes, &vm->lock);
	rmpe_site_map_init(&vm->request_sites, &vm->lock);
	vm->npf_judged = alloc_percpu_gfp(u64, GFP_KERNEL_ACCOUNT);
	if (!vm->npf_judged)
		goto free_vm;
	vm->vcpus = kvcalloc(KVM_MAX_VCPUS, sizeof(*vm->vcpus), GFP_KERNEL_ACCOUNT);
	if (!vm->vcpus || rmpe_history_init(&vm->history, &vm->lock))
		goto free_vcpus;

	vm->kvm = kvm;
	vm->history_state = history;
	vm->pid = task_tgid_nr(current);
	set_comm(vm);
	ratelimit_state_init(&vm->log_limit, LOG_INTERVAL, LOG_BURST);
	ratelimit_state_init(&vm->act_limit, LOG_INTERVAL, LOG_BURST);
	/* We count what is suppressed ourselves, and say so in the record. */
	ratelimit_set_flags(&vm->log_limit, RATELIMIT_MSG_ON_RELEASE);
	ratelimit_set_flags(&vm->act_limit, RATELIMIT_MSG_ON_RELEASE);
	atomic_inc(&nr_objects);
	return vm;

free_vcpus:
	kvfree(vm->vcpus);
	free_percpu(vm->npf_judged);
free_vm:
	kfree(vm);
	return NULL;
}

/**
 * rmpe_vcpu_get() - our part of a vCPU
 * @vm: its VM
 * @vcpu: the vCPU; we are in its KVM_RUN
 *
 * Without memory its PSCs would pass unseen, so the history is lost.
 *
 * Context: process context, may sleep; under @vm->lock.
 * Return: the state, made if need be; NULL without memory.
 */
struct rmpe_vcpu *rmpe_vcpu_get(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu)
{
	struct rmpe_vcpu *v = vm->vcpus[vcpu->vcpu_idx];
	unsigned int nr = vcpu->vcpu_idx + 1;

	lockdep_assert_held(&vm->lock);
	if (v)
		return v;
	v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	WRITE_ONCE(vm->vcpus[vcpu->vcpu_idx], v);
	if (v)
		vm->nr_vcpus = max(vm->nr_vcpus, nr);
	else
		rmpe_vm_lose_history(vm);
	return v;
}

/**
 * rmpe_vcpu_meet() - our part of a vCPU that was not met yet
 * @vm: its VM
 * @vcpu: the vCPU; we are in its KVM_RUN
 *
 * Context: process context, may sleep.
 * Return: as rmpe_vcpu_get().
 */
struct rmpe_vcpu *rmpe_vcpu_meet(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu)
{
	struct rmpe_vcpu *v;

	mutex_lock(&vm->lock);
	v = rmpe_vcpu_get(vm, vcpu);
	mutex_unlock(&vm->lock);
	return v;
}

/**
 * rmpe_vm_update_watch() - something that RMPE_WATCH_* stands for has changed
 * @vm: the VM
 *
 * Context: under @vm->lock.
 */
void rmpe_vm_update_watch(struct rmpe_vm *vm)
{
	u8 watch = 0;

	lockdep_assert_held(&vm->lock);
	if (vm->coming.end)
		watch |= RMPE_WATCH_SLOT;
	if (!rmpe_tracker_is_empty(&vm->used))
		watch |= RMPE_WATCH_USED;
	if (!rmpe_map_is_empty(&vm->holes))
		watch |= RMPE_WATCH_HOLES;
	/* Pairs with rmpe_vm_watch(). */
	smp_store_release(&vm->watch, watch);
}

/**
 * rmpe_vm_forget_use() - how pages were used, and what became of them, means nothing now
 * @vm: the VM; there is nothing to forget while its @watch is 0
 * @gfn: first gfn
 * @npages: length in 4K pages, not 0
 *
 * Context: process context, may sleep; under @vm->lock.
 */
void rmpe_vm_forget_use(struct rmpe_vm *vm, gfn_t gfn, u64 npages)
{
	if (rmpe_tracker_set(&vm->used, gfn, npages, RMPE_PAGE_NONE))
		rmpe_vm_lose_history(vm);
	rmpe_map_forget(&vm->holes, gfn, npages);
	rmpe_vm_update_watch(vm);
}

/**
 * rmpe_vm_set_asked() - record what was asked for, or lose the history
 * @vm: the VM
 * @gfn: first gfn
 * @npages: length in 4K pages, not 0
 * @state: the state; RMPE_PAGE_NONE: other pages are there, of which nothing is known
 *
 * Context: process context, may sleep; under @vm->lock.
 */
void rmpe_vm_set_asked(struct rmpe_vm *vm, gfn_t gfn, u64 npages,
		       enum rmpe_page_state state)
{
	lockdep_assert_held(&vm->lock);
	if (rmpe_tracker_set(&vm->asked, gfn, npages, state))
		rmpe_vm_lose_history(vm);
	else if (vm->watch)
		rmpe_vm_forget_use(vm, gfn, npages);
}

/**
 * rmpe_vm_all_asked() - was a state asked for all of a range?
 * @vm: the VM
 * @gfn: first gfn
 * @npages: length in 4K pages, not 0
 * @state: RMPE_PAGE_PRIVATE, which launched pages are too, or RMPE_PAGE_SHARED
 *
 * Context: process context; under @vm->lock.
 * Return: true if it was.
 */
bool rmpe_vm_all_asked(const struct rmpe_vm *vm, gfn_t gfn, u64 npages,
		       enum rmpe_page_state state)
{
	const bool private = state == RMPE_PAGE_PRIVATE;
	const gfn_t end = min(gfn + npages, RMPE_MAX_GFNS);
	enum rmpe_page_state is;

	lockdep_assert_held(&vm->lock);
	while (rmpe_state_allows(rmpe_tracker_state(&vm->asked, gfn), private)) {
		gfn = rmpe_tracker_run(&vm->asked, gfn, end, &is);
		if (gfn == end)
			return true;
	}
	return false;
}

/**
 * rmpe_vm_set_used() - KVM has resolved an access
 * @vm: the VM
 * @gfn: the gfn
 * @state: what the access has made of the page, if it is not what was asked for;
 *	RMPE_PAGE_NONE: it is
 *
 * Context: process context, may sleep; under @vm->lock.
 */
void rmpe_vm_set_used(struct rmpe_vm *vm, gfn_t gfn, enum rmpe_page_state state)
{
	lockdep_assert_held(&vm->lock);
	if (rmpe_tracker_set(&vm->used, gfn, 1, state))
		rmpe_vm_lose_history(vm);
	rmpe_vm_update_watch(vm);
}

/**
 * rmpe_vm_tracker_bytes() - memory that a VM's page states take up
 * @vm: the VM
 *
 * Context: any.
 * Return: bytes.
 */
size_t rmpe_vm_tracker_bytes(const struct rmpe_vm *vm)
{
	return READ_ONCE(vm->asked.bytes) + READ_ONCE(vm->used.bytes);
}

/**
 * rmpe_vm_lose_history() - the tracker has missed something
 * @vm: the VM
 *
 * What it knows may be wrong now: forget it all, and never enforce anything in
 * this VM again.
 *
 * Context: process context, may sleep; under @vm->lock.
 */
void rmpe_vm_lose_history(struct rmpe_vm *vm)
{
	lockdep_assert_held(&vm->lock);
	rmpe_tracker_free(&vm->asked);
	rmpe_tracker_free(&vm->used);
	if (vm->history_state != RMPE_HISTORY_LOST && __ratelimit(&lost_limit))
		pr_warn("vm=%llu pid=%d history=lost: no memory to track page states, reporting only\n",
			vm->id, vm->pid);
	WRITE_ONCE(vm->history_state, RMPE_HISTORY_LOST);
	rmpe_vm_update_watch(vm);
}

/* What reports remember of a gfn, in the place of another gfn's if need be. */
static struct rmpe_note *note_of(struct rmpe_vm *vm, gfn_t gfn)
{
	struct rmpe_note *note;

	if (!vm->notes)
		vm->notes = kvcalloc(RMPE_NR_NOTES, sizeof(*vm->notes),
				     GFP_KERNEL_ACCOUNT);
	if (!vm->notes)
		return NULL;
	note = &vm->notes[hash_64(gfn, ilog2(RMPE_NR_NOTES))];
	if (note->gfn != gfn)
		*note = (struct rmpe_note){ .gfn = gfn };
	return note;
}

/**
 * rmpe_vm_count_violation() - a violation is about to be reported
 * @vm: the VM
 * @gfn: its gfn
 * @rec: its record; what is counted is filled in
 *
 * Context: process context, may sleep; under @vm->lock.
 */
void rmpe_vm_count_violation(struct rmpe_vm *vm, gfn_t gfn, struct rmpe_record *rec)
{
	struct rmpe_note *note = note_of(vm, gfn);

	lockdep_assert_held(&vm->lock);
	rmpe_count_event(vm, class[rec->verdict.class]);
	if (note)
		rec->violations = ++note->violations;
}

/**
 * rmpe_vm_record() - one of a VM's last records
 * @vm: the VM
 * @after: the number of the one before, 0 for the first; or RMPE_LAST_RECORD
 * @rec: set to a copy
 *
 * Context: process context.
 * Return: false if there is none.
 */
bool rmpe_vm_record(struct rmpe_vm *vm, u64 after, struct rmpe_record *rec)
{
	const struct rmpe_record *found = NULL;

	spin_lock(&vm->records_lock);
	if (after == RMPE_LAST_RECORD)
		after = vm->records.nr - 1;
	if (vm->records.nr)
		found = rmpe_records_next(&vm->records, after);
	if (found)
		*rec = *found;
	spin_unlock(&vm->records_lock);
	return found;
}

/**
 * rmpe_vm_sites() - where the events of one of a VM's last records were
 * @vm: the VM
 * @seq: the record's number
 *
 * Context: process context.
 * Return: as rmpe_records_sites().
 */
struct rmpe_sites rmpe_vm_sites(struct rmpe_vm *vm, u64 seq)
{
	struct rmpe_sites sites;

	spin_lock(&vm->records_lock);
	sites = rmpe_records_sites(&vm->records, seq);
	spin_unlock(&vm->records_lock);
	return sites;
}

/**
 * rmpe_vm_npf_judged() - how many #NPFs of a VM were judged
 * @vm: the VM
 *
 * Context: any.
 * Return: the number.
 */
u64 rmpe_vm_npf_judged(const struct rmpe_vm *vm)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(vm->npf_judged, cpu));
	return sum;
}

/**
 * rmpe_vm_mode() - the mode that holds for a VM now
 * @vm: the VM
 *
 * Context: any.
 * Return: the mode, never RMPE_MODE_INHERIT.
 */
enum rmpe_mode rmpe_vm_mode(const struct rmpe_vm *vm)
{
	enum rmpe_mode mode = rmpe_effective_mode(&vm->settings);

	if (mode == RMPE_MODE_STRICT &&
	    READ_ONCE(vm->history_state) == RMPE_HISTORY_LOST)
		return RMPE_MODE_LENIENT;
	return mode;
}
