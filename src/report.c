// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everywhere that a record goes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "report.h"

#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sprintf.h>
#include <asm/sev.h>

#include "gmem.h"
#include "rmpe_trace.h"
#include "site.h"
#include "site_taker.h"
#include "vm.h"

/*
 * Of all VMs together: whoever may create VMs can get each VM's share of the log
 * as often as he likes.  Twenty noisy VMs use it up; what was acted upon has a
 * share of its own, which noise can't take.
 */
static DEFINE_RATELIMIT_STATE(host_limit, 5 * HZ, 200);
static DEFINE_RATELIMIT_STATE(host_act_limit, 5 * HZ, 200);
static DEFINE_SPINLOCK(host_act_lock);

static void find_page(const struct kvm_memory_slot *slot, struct rmpe_record *rec)
{
	rec->has_pfn = rmpe_gmem_pfn(slot, gpa_to_gfn(rec->gpa), &rec->pfn);
	if (rec->has_pfn)
		rec->rmp_valid = !snp_lookup_rmpentry(rec->pfn, &rec->rmp_assigned,
						      &rec->rmp_level);
}

static void complete_record(struct rmpe_vm *vm, struct rmpe_record *rec)
{
	const gfn_t gfn = gpa_to_gfn(rec->gpa);
	struct rmpe_map_event hole;

	rec->when_ns = ktime_get_ns();
	rec->vm_id = vm->id;
	rec->pid = vm->pid;
	memcpy(rec->comm, vm->comm, sizeof(rec->comm));
	rec->psc_seq = vm->history.seq;
	rec->has_psc = rmpe_history_last(&vm->history, gfn, &rec->psc);
	rec->psc_lost = vm->history_state != RMPE_HISTORY_COMPLETE ||
			vm->history.completed.lost;
	rec->has_refused = rmpe_history_last_refused(&vm->history, gfn, &rec->refused);
	rec->used = rmpe_tracker_state(&vm->used, gfn);
	if (rmpe_map_last(&vm->holes, gfn, &hole))
		rec->discarded_ns = hole.when_ns;
	find_page(search_memslots(kvm_memslots(vm->kvm), gfn, false), rec);
}

/* Does it speak against the guest?  The others are information. */
static bool is_guest_error(const struct rmpe_record *rec)
{
	switch (rec->verdict.class) {
	case RMPE_CLASS_IMPLICIT_PRIVATE:
	case RMPE_CLASS_IMPLICIT_SHARED:
	case RMPE_CLASS_FIRST_TOUCH:
		return true;
	default:
		return rec->outcome != RMPE_OUTCOME_NONE;
	}
}

static void print_record(const struct rmpe_record *rec)
{
	char brief[192], *buf = kmalloc(RMPE_RECORD_LEN, GFP_KERNEL);
	char *text = buf ?: brief;	/* its beginning is better than nothing */

	rmpe_record_format(text, buf ? RMPE_RECORD_LEN : sizeof(brief), rec);
	if (is_guest_error(rec))
		pr_warn("violation %s\n", text);
	else
		pr_info("violation %s\n", text);
	kfree(buf);
}

static void send_uevent(struct rmpe_vm *vm, const struct rmpe_record *rec)
{
	char id[32], pid[24], gfn[32], class[32], outcome[24];
	char *env[] = { "RMP_ENFORCE=violation", id, pid, gfn, class, outcome, NULL };

	if (!READ_ONCE(vm->in_sysfs))
		return;
	snprintf(id, sizeof(id), "VM=%llu", rec->vm_id);
	snprintf(pid, sizeof(pid), "PID=%d", rec->pid);
	snprintf(gfn, sizeof(gfn), "GFN=0x%llx", gpa_to_gfn(rec->gpa));
	snprintf(class, sizeof(class), "CLASS=%s", rmpe_class_names[rec->verdict.class]);
	/* Not ACTION: that is the uevent's own, and udev takes the last one it reads. */
	snprintf(outcome, sizeof(outcome), "OUTCOME=%s",
		 rmpe_outcome_names[rec->outcome]);
	kobject_uevent_env(&vm->kobj, KOBJ_CHANGE, env);
}

/* __ratelimit() says no, too, if another CPU is asking. */
static bool host_act_allowed(void)
{
	bool allowed;

	spin_lock(&host_act_lock);
	allowed = __ratelimit(&host_act_limit);
	spin_unlock(&host_act_lock);
	return allowed;
}

/*
 * May it go to the log, and to user space?  That a guest was ended, and the first
 * time that it was acted upon, come once for each VM, whatever else happens.
 */
static bool in_limits(struct rmpe_vm *vm, const struct rmpe_record *rec)
{
	switch (rec->outcome) {
	case RMPE_OUTCOME_TERMINATE:
		return true;
	case RMPE_OUTCOME_VC:
		return vm->counters.enforced == 1 ||
		       (__ratelimit(&vm->act_limit) && host_act_allowed());
	default:
		return __ratelimit(&vm->log_limit) && __ratelimit(&host_limit);
	}
}

static struct rmpe_told keep(struct rmpe_vm *vm, struct rmpe_record *rec)
{
	struct rmpe_told told = { };

	if (rmpe_records_prepare(&vm->records))
		return told;
	spin_lock(&vm->records_lock);
	told.place = rmpe_records_add(&vm->records, rec);
	told.seq = rec->seq;
	spin_unlock(&vm->records_lock);
	return told;
}

/**
 * rmpe_report_begin() - a verdict has been passed
 * @vm: the VM
 * @rec: what judging found out; the rest is filled in here
 * @report: set up, for rmpe_report_end()
 *
 * Context: KVM_RUN of a vCPU, kvm->srcu (read) held, may sleep; under @vm->lock.
 */
void rmpe_report_begin(struct rmpe_vm *vm, const struct rmpe_record *rec,
		       struct rmpe_report *report)
{
	lockdep_assert_held(&vm->lock);
	*report = (struct rmpe_report){ .is_due = true, .rec = *rec };
	complete_record(vm, &report->rec);
	if (report->rec.has_psc)
		report->sites.request = rmpe_site_map_find(&vm->request_sites,
							   gpa_to_gfn(rec->gpa));
	rmpe_record_set_sites(&report->rec, &report->sites);

	report->print = in_limits(vm, rec);
	report->rec.suppressed = vm->suppressed;
	if (report->print) {
		vm->suppressed = 0;
	} else {
		vm->suppressed++;
		rmpe_count(&vm->counters.log_suppressed, 1);
	}
	trace_violation(&report->rec);
	report->told = keep(vm, &report->rec);
}

/* The vCPU waits for the firmware, and holds up nobody: neither @vm->lock nor the slots. */
static struct rmpe_site *take_site(struct rmpe_vm *vm, struct kvm_vcpu *vcpu)
{
	struct rmpe_site *site;

	if (!rmpe_effective_sites(&vm->settings))
		return NULL;
	kvm_vcpu_srcu_read_unlock(vcpu);
	site = rmpe_site_take(vm, vcpu);
	kvm_vcpu_srcu_read_lock(vcpu);
	return site;
}

/**
 * rmpe_report_end() - tell everybody
 * @vm: the VM
 * @vcpu: the vCPU, which is still where the access was; NULL if it is not
 * @report: from rmpe_report_begin(); not needed any more afterwards
 *
 * The tracepoint and the list of last records get every record; the kernel log
 * and uevents are limited for each VM, so that one guest can neither flood them
 * nor keep another's records out, and for the host, so that no number of VMs can
 * flood them.  What was acted upon has limits of its own.  Where the guest was the
 * firmware is asked for records that the log gets.
 *
 * Context: KVM_RUN of @vcpu, kvm->srcu (read) held by way of it, and let go of
 * meanwhile; may sleep, for half a second if the firmware does not answer; without
 * @vm->lock if there is a @vcpu.
 */
void rmpe_report_end(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
		     struct rmpe_report *report)
{
	if (!report->is_due)
		return;
	if (vcpu && report->print)
		report->sites.access = take_site(vm, vcpu);
	rmpe_record_set_sites(&report->rec, &report->sites);
	spin_lock(&vm->records_lock);
	rmpe_records_set_sites(&vm->records, &report->told, &report->sites);
	spin_unlock(&vm->records_lock);

	if (report->sites.access || report->sites.request)
		trace_violation_site(&report->rec, &report->sites);
	if (report->print) {
		print_record(&report->rec);
		send_uevent(vm, &report->rec);
	}
	rmpe_site_put(report->sites.access);
	rmpe_site_put(report->sites.request);
}

/**
 * rmpe_report_now() - a verdict has been passed on an access that is past
 * @vm: the VM
 * @rec: as for rmpe_report_begin()
 *
 * Context: as rmpe_report_begin().
 */
void rmpe_report_now(struct rmpe_vm *vm, const struct rmpe_record *rec)
{
	struct rmpe_report report;

	rmpe_report_begin(vm, rec, &report);
	rmpe_report_end(vm, NULL, &report);
}

/**
 * rmpe_report_repeat() - the same fault came again
 * @vm: the VM
 * @told: where its record is
 *
 * Context: under @vm->lock.
 */
void rmpe_report_repeat(struct rmpe_vm *vm, const struct rmpe_told *told)
{
	lockdep_assert_held(&vm->lock);
	rmpe_count_event(vm, repeated);
	spin_lock(&vm->records_lock);
	rmpe_records_repeat(&vm->records, told->place, told->seq);
	spin_unlock(&vm->records_lock);
}
