// SPDX-License-Identifier: GPL-2.0-only
/*
 * A record as text, and the ring of the last ones.
 *
 * docs/records.md explains every field to the people who read them.
 */
#include "record.h"

#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string_choices.h>
#include <asm/pgtable_types.h>

#include "site.h"

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

static const char *const used_names[] = {
	[RMPE_PAGE_NONE]	= "no",
	[RMPE_PAGE_LAUNCHED]	= "private",
	[RMPE_PAGE_PRIVATE]	= "private",
	[RMPE_PAGE_SHARED]	= "shared",
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

static u64 age_us(const struct rmpe_record *rec, u64 when_ns)
{
	return div_u64(rec->when_ns - when_ns, NSEC_PER_USEC);
}

static int format_psc(char *buf, size_t size, const struct rmpe_record *rec)
{
	const struct rmpe_psc_event *psc = &rec->psc;

	if (!rec->has_psc)
		return scnprintf(buf, size,
				 " psc=%s psc_age_us=n/a psc_vcpu=n/a psc_gfn=n/a psc_pages=n/a",
				 rec->psc_lost ? "unknown" : "none");
	return scnprintf(buf, size,
			 " psc=%s psc_age_us=%llu psc_vcpu=%d psc_gfn=0x%llx psc_pages=%llu",
			 psc->to_private ? "private" : "shared",
			 age_us(rec, psc->when_ns), psc->vcpu, psc->gfn, psc->npages);
}

static int format_refused(char *buf, size_t size, const struct rmpe_record *rec)
{
	if (!rec->has_refused)
		return scnprintf(buf, size,
				 " refused=none refused_age_us=n/a refused_ret=n/a");
	return scnprintf(buf, size, " refused=%s refused_age_us=%llu refused_ret=%u",
			 rec->refused.to_private ? "private" : "shared",
			 age_us(rec, rec->refused.when_ns), rec->refused.ret);
}

static int format_discarded(char *buf, size_t size, const struct rmpe_record *rec)
{
	if (!rec->discarded_ns)
		return scnprintf(buf, size, " hole_age_us=n/a");
	return scnprintf(buf, size, " hole_age_us=%llu",
			 age_us(rec, rec->discarded_ns));
}

static int format_rip(char *buf, size_t size, const char *key, bool known, u64 rip)
{
	if (!known)
		return scnprintf(buf, size, " %srip=n/a", key);
	return scnprintf(buf, size, " %srip=0x%llx", key, rip);
}

static int format_cpl(char *buf, size_t size, const char *key, bool known, u8 cpl)
{
	if (!known)
		return scnprintf(buf, size, " %scpl=n/a", key);
	return scnprintf(buf, size, " %scpl=%u", key, cpl);
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
		      source_names[v->source],
		      rmpe_class_names[v->class],
		      rec->attr_private ? "private" : "shared");
	n += format_error_code(buf + n, size - n, rec->error_code);
	n += format_psc(buf + n, size - n, rec);
	n += scnprintf(buf + n, size - n, " launch=%s", str_yes_no(rec->launched));
	n += format_page(buf + n, size - n, rec);
	n += format_rip(buf + n, size - n, "", rec->has_site, rec->rip);
	n += scnprintf(buf + n, size - n,
		       " n=%u suppressed=%llu mode=%s action=%s escalated=%s repeats=%llu used=%s",
		       rec->violations, rec->suppressed, rmpe_mode_names[rec->mode],
		       rmpe_outcome_names[rec->outcome],
		       escalation_names[rec->escalated], rec->repeats,
		       used_names[rec->used]);
	n += format_refused(buf + n, size - n, rec);
	n += format_discarded(buf + n, size - n, rec);
	n += format_cpl(buf + n, size - n, "", rec->has_site, rec->cpl);
	n += format_rip(buf + n, size - n, "psc_", rec->has_psc_site, rec->psc_rip);
	n += format_cpl(buf + n, size - n, "psc_", rec->has_psc_site, rec->psc_cpl);
	return n;
}

/**
 * rmpe_records_prepare() - see to it that there is room for a record
 * @r: the records
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int rmpe_records_prepare(struct rmpe_records *r)
{
	if (!r->sites)
		r->sites = kvcalloc(2 * RMPE_NR_RECORDS, sizeof(*r->sites),
				    GFP_KERNEL_ACCOUNT);
	if (r->sites && !r->record)
		r->record = kvcalloc(2 * RMPE_NR_RECORDS, sizeof(*r->record),
				     GFP_KERNEL_ACCOUNT);
	return r->record ? 0 : -ENOMEM;
}

static void drop_sites(struct rmpe_sites *sites)
{
	rmpe_site_put(sites->access);
	rmpe_site_put(sites->request);
	*sites = (struct rmpe_sites){ };
}

/**
 * rmpe_records_free() - forget everything
 * @r: the records
 */
void rmpe_records_free(struct rmpe_records *r)
{
	unsigned int i;

	for (i = 0; r->sites && i < 2 * RMPE_NR_RECORDS; i++)
		drop_sites(&r->sites[i]);
	kvfree(r->sites);
	kvfree(r->record);
	*r = (struct rmpe_records){ };
}

/**
 * rmpe_records_add() - append a record
 * @r: the records; rmpe_records_prepare() returned 0
 * @rec: the record; its number is filled in
 *
 * What was acted upon is pushed out by what was acted upon, never by noise.
 *
 * Context: any.
 * Return: its place, for rmpe_records_repeat().
 */
unsigned int rmpe_records_add(struct rmpe_records *r, struct rmpe_record *rec)
{
	const unsigned int kind = rec->outcome != RMPE_OUTCOME_NONE;
	const unsigned int place = kind * RMPE_NR_RECORDS +
				   r->nr_of[kind]++ % RMPE_NR_RECORDS;

	rec->seq = ++r->nr;
	r->record[place] = *rec;
	drop_sites(&r->sites[place]);
	return place;
}

/**
 * rmpe_record_set_sites() - it has become known where a record's events were
 * @rec: the record
 * @sites: where; each may be NULL
 *
 * Context: any.
 */
void rmpe_record_set_sites(struct rmpe_record *rec, const struct rmpe_sites *sites)
{
	rec->has_site = sites->access;
	if (sites->access) {
		rec->rip = sites->access->reg[RMPE_REG_RIP];
		rec->cpl = sites->access->cpl;
	}
	rec->has_psc_site = sites->request;
	if (sites->request) {
		rec->psc_rip = sites->request->reg[RMPE_REG_RIP];
		rec->psc_cpl = sites->request->cpl;
	}
}

/**
 * rmpe_records_set_sites() - the same for one that is kept
 * @r: the records
 * @told: where it was put; nothing happens if it has been pushed out
 * @sites: where its events were; they are held
 *
 * Context: any.
 */
void rmpe_records_set_sites(struct rmpe_records *r, const struct rmpe_told *told,
			    const struct rmpe_sites *sites)
{
	if (!told->seq || r->record[told->place].seq != told->seq)
		return;
	rmpe_record_set_sites(&r->record[told->place], sites);
	r->sites[told->place].access = rmpe_site_get(sites->access);
	r->sites[told->place].request = rmpe_site_get(sites->request);
}

/**
 * rmpe_records_sites() - where the events of a record were
 * @r: the records
 * @seq: its number
 *
 * Context: any.
 * Return: the sites, each for rmpe_site_put().
 */
struct rmpe_sites rmpe_records_sites(const struct rmpe_records *r, u64 seq)
{
	struct rmpe_sites sites = { };
	unsigned int i;

	for (i = 0; r->record && i < 2 * RMPE_NR_RECORDS; i++)
		if (r->record[i].seq == seq) {
			sites.access = rmpe_site_get(r->sites[i].access);
			sites.request = rmpe_site_get(r->sites[i].request);
		}
	return sites;
}

/**
 * rmpe_records_repeat() - the same fault came again
 * @r: the records
 * @place: of its record
 * @seq: its number; nothing happens if it has been pushed out
 *
 * Context: any.
 */
void rmpe_records_repeat(struct rmpe_records *r, unsigned int place, u64 seq)
{
	if (r->record && r->record[place].seq == seq)
		r->record[place].repeats++;
}

/**
 * rmpe_records_next() - the records in the order of their numbers
 * @r: the records
 * @seq: of the one before, 0 for the first
 *
 * Context: any.
 * Return: the next one that is kept, or NULL.
 */
const struct rmpe_record *rmpe_records_next(const struct rmpe_records *r, u64 seq)
{
	const struct rmpe_record *next = NULL;
	unsigned int i;

	for (i = 0; r->record && i < 2 * RMPE_NR_RECORDS; i++) {
		const struct rmpe_record *rec = &r->record[i];

		if (rec->seq > seq && (!next || rec->seq < next->seq))
			next = rec;
	}
	return next;
}
