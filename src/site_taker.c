// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one that asks the firmware.
 *
 * The security processor serves the whole host, a command after the other, and may be
 * slow, busy with others, or dead; then ccp waits for it for minutes.  So a worker asks,
 * for one vCPU after the other, and the vCPU waits for the worker: briefly, and without
 * any lock.  What is not there by then the record does not have.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "site_taker.h"

#include <linux/array_size.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/ratelimit.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <asm/svm.h>

#include "compat.h"
#include "firmware.h"
#include "gmem.h"
#include "site.h"
#include "vm.h"

/* A site is some 30 commands, of less than a millisecond each on a processor at leisure. */
#define WAIT		msecs_to_jiffies(500)
/* Of all VMs together, what waits or is under way. */
#define MAX_PENDING	16
/* Page tables for two addresses, the pages of the instruction and of the stack. */
#define MAX_PAGES	20

/* Of the security processor's time, in percent, and how much of it in one go. */
#define HOST_PERCENT	50
#define VM_PERCENT	25
#define HOST_BURST	(2 * (s64)NSEC_PER_SEC)
#define VM_BURST	((s64)NSEC_PER_SEC)

static struct workqueue_struct *worker;
static atomic_t nr_pending;
/* Of those, the ones that took too long.  While there is one nobody else waits. */
static atomic_t nr_late;
static DEFINE_SPINLOCK(share_lock);
static struct rmpe_share host_share;
static u64 c_bit;

static DEFINE_RATELIMIT_STATE(policy_limit, 5 * HZ, 20);

/* The vCPU waits for it, or has given up, or the worker is done. */
enum { WAITED_FOR, LATE, DONE };

/**
 * struct request - a site that is being taken
 * @work: for the worker
 * @users: the vCPU and the worker
 * @has_regs: completed when @site's registers are there, or never will be
 * @done: completed when all is done
 * @state: one of the above
 * @vm: stays until the worker is done
 * @context: of the VM
 * @vmsa: of the vCPU
 * @result: 0 once @site has registers; published by @has_regs
 * @site: registers
 * @stack: the rest; published by @done
 */
struct request {
	struct work_struct work;
	refcount_t users;
	struct completion has_regs;
	struct completion done;
	int state;
	struct rmpe_vm *vm;
	u64 context;
	u64 vmsa;
	int result;
	struct rmpe_site *site;
	struct rmpe_site_stack stack;
};

/**
 * struct reader - the pages that were read for a site
 * @base: for site.c
 * @r: for whom
 * @nr: how many
 * @gpa: of each
 * @page: each in the clear; NULL if it could not be read
 */
struct reader {
	struct rmpe_site_reader base;
	const struct request *r;
	unsigned int nr;
	gpa_t gpa[MAX_PAGES];
	void *page[MAX_PAGES];
};

static void put_request(struct request *r)
{
	if (!refcount_dec_and_test(&r->users))
		return;
	rmpe_site_put(r->site);
	kfree(r);
}

/* What has come in since, up to @burst. */
static void refill(struct rmpe_share *share, u64 now, unsigned int percent, s64 burst)
{
	const s64 more = (now - share->when_ns) / 100 * percent;

	share->left_ns = min(share->left_ns + more, burst);
	share->when_ns = now;
}

static bool may_ask(struct rmpe_vm *vm)
{
	bool may;
	u64 now;

	spin_lock(&share_lock);
	now = ktime_get_ns();	/* not before another CPU's */
	refill(&host_share, now, HOST_PERCENT, HOST_BURST);
	refill(&vm->taker.share, now, VM_PERCENT, VM_BURST);
	may = host_share.left_ns > 0 && vm->taker.share.left_ns > 0;
	spin_unlock(&share_lock);
	return may;
}

static void has_used(struct rmpe_vm *vm, u64 ns)
{
	spin_lock(&share_lock);
	host_share.left_ns -= ns;
	vm->taker.share.left_ns -= ns;
	spin_unlock(&share_lock);
}

static bool gpa_to_pa(struct kvm *kvm, gpa_t gpa, u64 *pa)
{
	const struct kvm_memory_slot *slot;
	int idx = srcu_read_lock(&kvm->srcu);
	bool found;
	u64 pfn;

	slot = search_memslots(kvm_memslots(kvm), gpa_to_gfn(gpa), false);
	found = rmpe_gmem_pfn(slot, gpa_to_gfn(gpa), &pfn);
	srcu_read_unlock(&kvm->srcu, idx);
	if (found)
		*pa = PFN_PHYS(pfn);
	return found;
}

/* A page is read once; and none any more that nobody waits for. */
static const void *read_page(struct rmpe_site_reader *base, gpa_t gpa)
{
	struct reader *reader = container_of(base, struct reader, base);
	const struct request *r = reader->r;
	void *page = NULL;
	unsigned int i;
	u64 pa;

	for (i = 0; i < reader->nr; i++)
		if (reader->gpa[i] == gpa)
			return reader->page[i];
	if (reader->nr == ARRAY_SIZE(reader->gpa) || READ_ONCE(r->state) == LATE)
		return NULL;
	if (gpa_to_pa(r->vm->kvm, gpa, &pa))
		rmpe_firmware_decrypt(r->context, pa, &page);
	reader->gpa[reader->nr] = gpa;
	reader->page[reader->nr++] = page;
	return page;
}

static void not_debuggable(struct rmpe_vm *vm)
{
	/* Two vCPUs may find out at once. */
	if (xchg(&vm->taker.debuggable, RMPE_DEBUGGABLE_NO) == RMPE_DEBUGGABLE_NO)
		return;
	if (__ratelimit(&policy_limit))
		pr_info("vm=%llu pid=%d: records have no rip: the guest's policy does not allow debugging\n",
			vm->id, vm->pid);
}

static int read_regs(struct request *r)
{
	void *vmsa;
	int err;

	err = rmpe_firmware_decrypt(r->context, r->vmsa, &vmsa);
	if (err == -EPERM)
		not_debuggable(r->vm);
	if (err)
		return err;
	WRITE_ONCE(r->vm->taker.debuggable, RMPE_DEBUGGABLE_YES);
	rmpe_site_set_regs(r->site, vmsa);
	rmpe_firmware_free(vmsa);
	return 0;
}

static void read_stack(struct request *r)
{
	struct reader *reader = kzalloc(sizeof(*reader), GFP_KERNEL);
	unsigned int i;

	if (!reader)
		return;
	reader->base.page = read_page;
	reader->base.c_bit = c_bit;
	reader->r = r;
	rmpe_site_read_stack(r->site, &r->stack, &reader->base);
	for (i = 0; i < reader->nr; i++)
		if (reader->page[i])
			rmpe_firmware_free(reader->page[i]);
	kfree(reader);
}

static void work(struct work_struct *work)
{
	struct request *r = container_of(work, struct request, work);
	struct rmpe_vm *vm = r->vm;
	u64 begun = ktime_get_ns();

	/* It may have become known while this one waited. */
	if (READ_ONCE(r->state) == WAITED_FOR &&
	    READ_ONCE(vm->taker.debuggable) != RMPE_DEBUGGABLE_NO)
		r->result = read_regs(r);
	complete(&r->has_regs);
	if (!r->result)
		read_stack(r);
	if (xchg(&r->state, DONE) == LATE)
		atomic_dec(&nr_late);
	complete(&r->done);
	has_used(vm, ktime_get_ns() - begun);
	put_request(r);
	atomic_dec(&nr_pending);
	if (atomic_dec_and_test(&vm->taker.pending))
		wake_up_var(&vm->taker.pending);
}

static struct request *new_request(struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	struct request *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);

	if (!r)
		return NULL;
	r->context = rmpe_firmware_context(vcpu->kvm);
	r->vmsa = rmpe_firmware_vmsa(vcpu);
	if (r->context && r->vmsa)
		r->site = rmpe_site_alloc();
	if (!r->site) {
		kfree(r);
		return NULL;
	}
	INIT_WORK(&r->work, work);
	refcount_set(&r->users, 2);
	init_completion(&r->has_regs);
	init_completion(&r->done);
	r->vm = vm;
	r->result = -EIO;
	r->site->vcpu = vcpu->vcpu_id;
	r->site->when_ns = ktime_get_ns();
	return r;
}

/* What is there of it when the time is up; the worker may still be at the stack. */
static struct rmpe_site *result_of(struct request *r)
{
	bool done = wait_for_completion_timeout(&r->done, WAIT);
	struct rmpe_site *site;

	if (!done) {
		atomic_inc(&nr_late);
		if (cmpxchg(&r->state, WAITED_FOR, LATE) == DONE)
			atomic_dec(&nr_late);
	}
	if (!completion_done(&r->has_regs) || r->result)
		return NULL;
	site = r->site;
	if (done)
		site->stack = r->stack;
	return rmpe_site_get(site);
}

/**
 * rmpe_site_take() - where is a vCPU?
 * @vm: its VM
 * @vcpu: the vCPU; we are in its KVM_RUN, out of the guest
 *
 * Context: process context, without locks, and without kvm->srcu; sleeps, at most half a
 * second.
 * Return: the site, for rmpe_site_put(); NULL if the guest's policy forbids it, or the
 * firmware can't be asked, or has not answered in time.
 */
struct rmpe_site *rmpe_site_take(struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	struct rmpe_site *site;
	struct request *r;

	if (!rmpe_firmware_usable() || atomic_read(&nr_late))
		return NULL;
	if (READ_ONCE(vm->taker.debuggable) == RMPE_DEBUGGABLE_UNKNOWN &&
	    rmpe_firmware_policy(vcpu->kvm) == RMPE_DEBUGGABLE_NO)
		not_debuggable(vm);
	if (READ_ONCE(vm->taker.debuggable) == RMPE_DEBUGGABLE_NO || !may_ask(vm))
		return NULL;
	if (atomic_inc_return(&nr_pending) > MAX_PENDING)
		goto busy;
	r = new_request(vm, vcpu);
	if (!r)
		goto busy;
	atomic_inc(&vm->taker.pending);
	queue_work(worker, &r->work);
	site = result_of(r);
	put_request(r);
	return site;
busy:
	atomic_dec(&nr_pending);
	return NULL;
}

/**
 * rmpe_site_wait_all() - wait for what the worker still does for a VM
 * @vm: the VM; no vCPU of it runs any more
 *
 * If the security processor is slow, KVM waits for it next: it is asked to end the guest.
 *
 * Context: process context, without locks; sleeps for as long as the security processor
 * takes.
 */
void rmpe_site_wait_all(struct rmpe_vm *vm)
{
	wait_var_event(&vm->taker.pending, !atomic_read(&vm->taker.pending));
}

/**
 * rmpe_debuggable_name() - what is known of a VM's policy
 * @vm: the VM
 *
 * Context: any.
 * Return: a keyword.
 */
const char *rmpe_debuggable_name(const struct rmpe_vm *vm)
{
	switch (READ_ONCE(vm->taker.debuggable)) {
	case RMPE_DEBUGGABLE_YES:
		return "yes";
	case RMPE_DEBUGGABLE_NO:
		return "no";
	default:
		return rmpe_firmware_usable() ? "unknown" : "n/a";
	}
}

/**
 * rmpe_taker_init() - start the worker, if the firmware can be asked
 *
 * Context: module init; process context.
 * Return: 0 or -ENOMEM.
 */
int rmpe_taker_init(void)
{
	const char *why = rmpe_firmware_init();

	if (why) {
		pr_info("records will have no rip: %s\n", why);
		return 0;
	}
	c_bit = BIT_ULL(cpuid_ebx(0x8000001f) & 63);	/* APM volume 3, E.4.17 */
	worker = alloc_ordered_workqueue("rmp_enforce_sites", 0);
	if (worker)
		return 0;
	rmpe_firmware_exit();
	return -ENOMEM;
}

/**
 * rmpe_taker_exit() - stop the worker
 *
 * Context: module exit; there is no VM.
 */
void rmpe_taker_exit(void)
{
	if (worker)
		destroy_workqueue(worker);
	rmpe_firmware_exit();
}
