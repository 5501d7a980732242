// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evidence: one record, one printer, and everywhere that a record goes.
 *
 * docs/records.md explains every field to the people who read them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "report.h"

#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/pagemap.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/string_choices.h>
#include <asm/pgtable_types.h>
#include <asm/sev.h>

#include "rmpe_trace.h"
#include "sysfs.h"
#include "vm.h"

static const char *const expected_names[] = {
	[RMPE_EXPECT_INITIAL]	= "initial",
	[RMPE_EXPECT_PRIVATE]	= "private",
	[RMPE_EXPECT_SHARED]	= "shared",
};

static const char *const source_names[] = {
	[RMPE_SOURCE_NONE]	= "none",
	[RMPE_SOURCE_PSC]	= "psc",
	[RMPE_SOURCE_LAUNCH]	= "launch",
	[RMPE_SOURCE_ATTRIBUTE]	= "attribute",
};

const char *const rmpe_outcome_names[] = {
	[RMPE_OUTCOME_NONE]		= "none",
	[RMPE_OUTCOME_VC]		= "vc",
	[RMPE_OUTCOME_TERMINATE]	= "terminate",
};

static const char *const escalation_names[] = {
	[RMPE_ESCALATED_NO]			= "no",
	[RMPE_ESCALATED_PROTECTED_MODE_OFF]	= "protected_mode_off",
	[RMPE_ESCALATED_EVENT_PENDING]		= "event_pending",
	[RMPE_ESCALATED_NO_PROGRESS]		= "no_progress",
};

static const struct {
	u64 bit;
	const char *name;
} error_bits[] = {
	{ PFERR_PRESENT_MASK,		"PRESENT" },
	{ PFERR_WRITE_MASK,		"WRITE" },
	{ PFERR_USER_MASK,		"USER" },
	{ PFERR_RSVD_MASK,		"RSVD" },
	{ PFERR_FETCH_MASK,		"FETCH" },
	{ PFERR_GUEST_RMP_MASK,		"RMP" },
	{ PFERR_GUEST_FINAL_MASK,	"FINAL" },
	{ PFERR_GUEST_PAGE_MASK,	"PAGE" },
	{ PFERR_GUEST_ENC_MASK,		"ENC" },
	{ PFERR_GUEST_SIZEM_MASK,	"SIZEM" },
	{ PFERR_GUEST_VMPL_MASK,	"VMPL" },
};

/*
 * Of all VMs together: whoever may create VMs can get each VM's share of the log
 * as often as he likes.  Twenty noisy VMs use it up; that a guest was ended has a
 * share of its own, which noise can't take.
 */
static DEFINE_RATELIMIT_STATE(host_limit, 5 * HZ, 200);
static DEFINE_RATELIMIT_STATE(end_limit, 5 * HZ, 50);

/* The bits that the hardware reports; KVM adds its own above them. */
#define HARDWARE_BITS GENMASK_ULL(47, 0)

static const char *access_op(u64 error_code)
{
	if (error_code & PFERR_GUEST_PAGE_MASK)
		return "walk";
	if (error_code & PFERR_FETCH_MASK)
		return "fetch";
	if (error_code & PFERR_WRITE_MASK)
		return "write";
	return "read";
}

static int format_error_code(char *buf, size_t size, u64 error_code)
{
	int i, n = scnprintf(buf, size, " err=0x%llx(", error_code & HARDWARE_BITS);
	const char *comma = "";

	for (i = 0; i < ARRAY_SIZE(error_bits); i++) {
		if (!(error_code & error_bits[i].bit))
			continue;
		n += scnprintf(buf + n, size - n, "%s%s", comma,
			       error_bits[i].name);
		comma = ",";
	}
	return n + scnprintf(buf + n, size - n, ")");
}

static int format_psc(char *buf, size_t size, const struct rmpe_record *rec)
{
	const struct rmpe_psc_event *psc = &rec->psc;

	if (!psc->seq)
		return scnprintf(buf, size,
				 " psc=%s psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a",
				 rec->psc_lost ? "unknown" : "none");
	return scnprintf(buf, size,
			 " psc=%s psc_age_us=%llu psc_vcpu=%d psc_gfn=0x%llx psc_pages=%llu",
			 psc->to_private ? "private" : "shared",
			 div_u64(rec->when_ns - psc->when_ns, NSEC_PER_USEC),
			 psc->vcpu, psc->gfn, psc->npages);
}

static int format_page(char *buf, size_t size, const struct rmpe_record *rec)
{
	int n;

	if (!rec->has_pfn)
		return scnprintf(buf, size, " pfn=none rmp=n/a");
	n = scnprintf(buf, size, " pfn=0x%llx", rec->pfn);
	if (!rec->rmp_valid)
		return n + scnprintf(buf + n, size - n, " rmp=unreadable");
	return n + scnprintf(buf + n, size - n, " rmp=assigned:%d,level:%s",
			     rec->rmp_assigned,
			     rec->rmp_level == PG_LEVEL_2M ? "2M" : "4K");
}

/**
 * rmpe_record_format() - a record as one line of key=value
 * @buf: where to
 * @size: of @buf; RMPE_RECORD_LEN is enough for any record
 * @rec: the record
 *
 * Context: any.
 * Return: the length, without the terminating 0.
 */
int rmpe_record_format(char *buf, size_t size, const struct rmpe_record *rec)
{
	const struct rmpe_verdict *v = &rec->verdict;
	int n;

	n = scnprintf(buf, size,
		      "vm=%llu pid=%d comm=%s vcpu=%d gfn=0x%llx gpa=0x%llx access=%s op=%s expected=%s source=%s class=%s attr=%s",
		      rec->vm_id, rec->pid, rec->comm, rec->vcpu,
		      gpa_to_gfn(rec->gpa), rec->gpa,
		      rec->error_code & PFERR_GUEST_ENC_MASK ? "private" : "shared",
		      access_op(rec->error_code), expected_names[v->expected],
		      rec->by_use ? "use" : source_names[v->source],
		      rmpe_class_names[v->class],
		      rec->attr_private ? "private" : "shared");
	n += format_error_code(buf + n, size - n, rec->error_code);
	n += format_psc(buf + n, size - n, rec);
	n += scnprintf(buf + n, size - n, " launch=%s", str_yes_no(rec->launched));
	n += format_page(buf + n, size - n, rec);
	n += scnprintf(buf + n, size - n,
		       " rip=n/a n=%u suppressed=%llu mode=%s action=%s escalated=%s",
		       rec->violations, rec->suppressed, rmpe_mode_names[rec->mode],
		       rmpe_outcome_names[rec->outcome],
		       escalation_names[rec->escalated]);
	return n;
}

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

static void complete_record(struct rmpe_vm *vm, const struct kvm_vcpu *vcpu,
			    const struct kvm_memory_slot *slot,
			    struct rmpe_record *rec)
{
	const struct rmpe_psc_event *psc =
		rmpe_history_last(&vm->history, gpa_to_gfn(rec->gpa));

	rec->when_ns = ktime_get_ns();
	rec->vm_id = vm->id;
	rec->pid = vm->pid;
	memcpy(rec->comm, vm->comm, sizeof(rec->comm));
	rec->vcpu = vcpu->vcpu_id;
	rec->psc_seq = vm->history.seq;
	if (psc)
		rec->psc = *psc;
	else
		rec->psc_lost = vm->history_state != RMPE_HISTORY_COMPLETE ||
				rmpe_history_oldest(&vm->history) > 1;
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

/* May it go to the log, and to user space? */
static bool in_limits(struct rmpe_vm *vm, const struct rmpe_record *rec)
{
	if (rec->outcome == RMPE_OUTCOME_TERMINATE)
		return __ratelimit(&end_limit);
	return __ratelimit(&vm->log_limit) && __ratelimit(&host_limit);
}

/**
 * rmpe_report() - a verdict has been passed: tell everybody
 * @vm: the VM
 * @vcpu: the vCPU
 * @slot: the memslot of the gfn
 * @rec: what judging found out; the rest is filled in here
 *
 * The tracepoint and the list of last records get every record; the kernel log
 * and uevents are limited for each VM, so that one guest can neither flood them
 * nor keep another's records out, and for the host, so that no number of VMs can
 * flood them.  The end of a guest comes once, whatever else it has done.
 *
 * Context: KVM_RUN of @vcpu, kvm->srcu (read) held, may sleep; under @vm->lock.
 */
void rmpe_report(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
		 const struct kvm_memory_slot *slot, struct rmpe_record *rec)
{
	bool print;

	lockdep_assert_held(&vm->lock);
	complete_record(vm, vcpu, slot, rec);

	print = in_limits(vm, rec);
	rec->suppressed = vm->suppressed;
	if (!print) {
		vm->suppressed++;
		rmpe_count(&vm->counters.log_suppressed, 1);
	}

	trace_violation(rec);
	if (!vm->records)
		vm->records = kvcalloc(RMPE_NR_RECORDS, sizeof(*vm->records),
				       GFP_KERNEL_ACCOUNT);
	if (vm->records)
		vm->records[vm->nr_records++ % RMPE_NR_RECORDS] = *rec;

	if (print) {
		print_record(rec);
		vm->suppressed = 0;
		rmpe_sysfs_violation_event(vm, rec);
	}
}
