// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everywhere that a record goes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "report.h"

#include <linux/file.h>
#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sprintf.h>
#include <asm/sev.h>

#include "compat.h"
#include "rmpe_trace.h"
#include "vm.h"

/*
 * Of all VMs together: whoever may create VMs can get each VM's share of the log
 * as often as he likes.  Twenty noisy VMs use it up; what was acted upon has a
 * share of its own, which noise can't take.
 */
static DEFINE_RATELIMIT_STATE(host_limit, 5 * HZ, 200);
static DEFINE_RATELIMIT_STATE(host_act_limit, 5 * HZ, 200);
static DEFINE_SPINLOCK(host_act_lock);

/*
 * The page that guest_memfd holds for the gfn, if any.  Looks only: nothing is
 * allocated, and nothing of the page is read.
 */
static void find_page(const struct kvm_memory_slot *slot, struct rmpe_record *rec)
{
	pgoff_t index = gpa_to_gfn(rec->gpa) - slot->base_gfn + slot->gmem.pgoff;
	struct file *file = get_file_active((struct file **)&slot->gmem.file);
	struct folio *folio;

	if (!file)
		return;
	folio = filemap_get_folio(file->f_mapping, index);
	if (!IS_ERR(folio)) {
		rec->has_pfn = true;
		rec->pfn = page_to_pfn(folio_file_page(folio, index));
		rec->rmp_valid = !snp_lookup_rmpentry(rec->pfn, &rec->rmp_assigned,
						      &rec->rmp_level);
		folio_put(folio);
	}
	fput(file);
}

static void complete_record(struct rmpe_vm *vm, const struct kvm_memory_slot *slot,
			    struct rmpe_record *rec)
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
	if (rmpe_slot_has_gmem(slot))
		find_page(slot, rec);
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
 * rmpe_report() - a verdict has been passed: tell everybody
 * @vm: the VM
 * @slot: the memslot of the gfn, or NULL
 * @rec: what judging found out; the rest is filled in here
 *
 * The tracepoint and the list of last records get every record; the kernel log
 * and uevents are limited for each VM, so that one guest can neither flood them
 * nor keep another's records out, and for the host, so that no number of VMs can
 * flood them.  What was acted upon has limits of its own.
 *
 * Context: KVM_RUN of a vCPU, kvm->srcu (read) held, may sleep; under @vm->lock.
 * Return: for rmpe_report_repeat().
 */
struct rmpe_told rmpe_report(struct rmpe_vm *vm, const struct kvm_memory_slot *slot,
			     struct rmpe_record *rec)
{
	struct rmpe_told told;
	bool print;

	lockdep_assert_held(&vm->lock);
	complete_record(vm, slot, rec);

	print = in_limits(vm, rec);
	rec->suppressed = vm->suppressed;
	if (!print) {
		vm->suppressed++;
		rmpe_count(&vm->counters.log_suppressed, 1);
	}

	trace_violation(rec);
	told = keep(vm, rec);

	if (print) {
		print_record(rec);
		vm->suppressed = 0;
		send_uevent(vm, rec);
	}
	return told;
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
