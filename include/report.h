/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Evidence: the record of a violation and where it goes.
 */
#ifndef RMPE_REPORT_H
#define RMPE_REPORT_H

#include <linux/kvm_types.h>
#include <linux/types.h>

#include "judge.h"
#include "psc_history.h"

struct kvm_memory_slot;
struct kvm_vcpu;
struct rmpe_vm;

#define RMPE_NR_RECORDS	32	/* kept for each VM */
#define RMPE_RECORD_LEN	768	/* of one record as text; printk takes 1024 */

/* What was done about it.  RETRY and NONE leave the fault to KVM or the guest. */
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
 * @when_ns: CLOCK_MONOTONIC
 * @vm_id: the VM
 * @pid: of the VMM
 * @comm: of the VMM, made printable
 * @vcpu: vcpu_id
 * @gpa: as the hardware reported it
 * @error_code: of the #NPF, as KVM has it
 * @verdict: class, expected state and its source
 * @by_use: the expected state is from an earlier access that KVM resolved
 * @attr_private: KVM's memory attribute
 * @psc: the gfn's last completed PSC; seq 0 if none is known
 * @psc_seq: the VM's last answered PSC
 * @psc_lost: older PSCs are not in the history any more
 * @launched: the page was populated at launch and has not changed since
 * @pfn: the page in guest_memfd, if there is one
 * @has_pfn: @pfn is valid
 * @rmp_valid: the RMP entry of @pfn could be read
 * @rmp_assigned: its assigned bit
 * @rmp_level: its page size, as enum pg_level
 * @violations: of this gfn so far, this one included
 * @suppressed: records kept from the log before this one
 * @mode: in force
 * @outcome: what was done
 * @escalated: why it is more than was asked for
 */
struct rmpe_record {
	u64 when_ns;
	u64 vm_id;
	pid_t pid;
	char comm[16];
	int vcpu;
	gpa_t gpa;
	u64 error_code;
	struct rmpe_verdict verdict;
	bool by_use;
	bool attr_private;
	struct rmpe_psc_event psc;
	u64 psc_seq;
	bool psc_lost;
	bool launched;
	bool has_pfn;
	bool rmp_valid;
	bool rmp_assigned;
	int rmp_level;
	u64 pfn;
	u32 violations;
	u64 suppressed;
	enum rmpe_mode mode;
	enum rmpe_outcome outcome;
	enum rmpe_escalation escalated;
};

extern const char *const rmpe_outcome_names[];

int rmpe_record_format(char *buf, size_t size, const struct rmpe_record *rec);
void rmpe_report(struct rmpe_vm *vm, struct kvm_vcpu *vcpu,
		 const struct kvm_memory_slot *slot, struct rmpe_record *rec);

#endif
