/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Evidence: the record of a violation, its text, and the last ones of a VM.
 */
#ifndef RMPE_RECORD_H
#define RMPE_RECORD_H

#include <linux/kvm_types.h>
#include <linux/types.h>

#include "judge.h"
#include "psc_history.h"

struct rmpe_site;

#define RMPE_NR_RECORDS	32	/* kept for each VM, of either kind */
#define RMPE_RECORD_LEN	944	/* of one record as text; printk takes 1024 */

/* What was done about it.  NONE leaves the fault to KVM. */
enum rmpe_outcome {
	RMPE_OUTCOME_NONE,
	RMPE_OUTCOME_VC,
	RMPE_OUTCOME_TERMINATE,
};

/* Why #VC became termination. */
enum rmpe_escalation {
	RMPE_ESCALATED_NO,
	RMPE_ESCALATED_PROTECTED_MODE_OFF,
	RMPE_ESCALATED_EVENT_PENDING,
	RMPE_ESCALATED_NO_PROGRESS,
};

/**
 * struct rmpe_exit - what the VMM of a terminated guest is told
 * @gpa: the address of the violation
 * @error_code: of the #NPF
 * @class: its class
 */
struct rmpe_exit {
	gpa_t gpa;
	u64 error_code;
	enum rmpe_class class;
};

/**
 * struct rmpe_record - all that is known about one violation
 * @seq: counts a VM's records, from 1
 * @when_ns: CLOCK_MONOTONIC
 * @vm_id: the VM
 * @pid: of the VMM
 * @comm: of the VMM, made printable
 * @vcpu: vcpu_id
 * @gpa: as the hardware reported it
 * @error_code: of the #NPF, as KVM has it
 * @verdict: class, expected state and its source
 * @used: how KVM was let resolve an earlier access that disagreed with what was
 *	asked for
 * @attr_private: KVM's memory attribute
 * @has_psc: @psc is valid
 * @psc: the gfn's last completed PSC
 * @psc_seq: the VM's last answered PSC
 * @psc_lost: older PSCs are not known any more
 * @has_refused: @refused is valid
 * @refused: the gfn's last refused PSC, if that came after @psc
 * @discarded_ns: when the VMM took the private page away; 0 if it did not
 * @launched: the page was populated at launch and has not changed since
 * @has_site: @rip and @cpl are known
 * @cpl: of the access
 * @rip: of the access
 * @has_psc_site: @psc_rip and @psc_cpl are known
 * @psc_cpl: of @psc
 * @psc_rip: where @psc was made
 * @pfn: the page in guest_memfd, if there is one
 * @has_pfn: @pfn is valid
 * @rmp_valid: the RMP entry of @pfn could be read
 * @rmp_assigned: its assigned bit
 * @rmp_level: its page size, as enum pg_level
 * @violations: of this gfn so far, this one included
 * @repeats: how often the same fault came again
 * @suppressed: records kept from the log before this one
 * @mode: in force
 * @outcome: what was done
 * @escalated: why it is more than was asked for
 */
struct rmpe_record {
	u64 seq;
	u64 when_ns;
	u64 vm_id;
	pid_t pid;
	char comm[16];
	int vcpu;
	gpa_t gpa;
	u64 error_code;
	struct rmpe_verdict verdict;
	enum rmpe_page_state used;
	bool attr_private;
	bool has_psc;
	bool psc_lost;
	bool has_refused;
	bool launched;
	bool has_site;
	bool has_psc_site;
	u8 cpl;
	u8 psc_cpl;
	u64 rip;
	u64 psc_rip;
	struct rmpe_psc_event psc;
	struct rmpe_psc_event refused;
	u64 psc_seq;
	u64 discarded_ns;
	bool has_pfn;
	bool rmp_valid;
	bool rmp_assigned;
	int rmp_level;
	u64 pfn;
	u32 violations;
	u64 repeats;
	u64 suppressed;
	enum rmpe_mode mode;
	enum rmpe_outcome outcome;
	enum rmpe_escalation escalated;
};

/**
 * struct rmpe_sites - where in the guest a record's events were; each may be NULL
 * @access: the access
 * @request: the last completed PSC
 */
struct rmpe_sites {
	struct rmpe_site *access;
	struct rmpe_site *request;
};

/**
 * struct rmpe_records - the last ones of a VM; the caller has a lock
 * @record: RMPE_NR_RECORDS that were acted upon, and as many others; allocated with
 *	the first
 * @sites: of each, held
 * @nr: records so far
 * @nr_of: of either kind
 */
struct rmpe_records {
	struct rmpe_record *record;
	struct rmpe_sites *sites;
	u64 nr;
	u64 nr_of[2];
};

/**
 * struct rmpe_told - where a record was put, for faults that repeat it
 * @place: in the ring
 * @seq: its number, 0 if there was no memory for it
 */
struct rmpe_told {
	unsigned int place;
	u64 seq;
};

extern const char *const rmpe_outcome_names[];

int rmpe_record_format(char *buf, size_t size, const struct rmpe_record *rec);
void rmpe_record_set_sites(struct rmpe_record *rec, const struct rmpe_sites *sites);

int rmpe_records_prepare(struct rmpe_records *r);
void rmpe_records_free(struct rmpe_records *r);
unsigned int rmpe_records_add(struct rmpe_records *r, struct rmpe_record *rec);
void rmpe_records_repeat(struct rmpe_records *r, unsigned int place, u64 seq);
void rmpe_records_set_sites(struct rmpe_records *r, const struct rmpe_told *told,
			    const struct rmpe_sites *sites);
struct rmpe_sites rmpe_records_sites(const struct rmpe_records *r, u64 seq);
const struct rmpe_record *rmpe_records_next(const struct rmpe_records *r, u64 seq);

#endif
