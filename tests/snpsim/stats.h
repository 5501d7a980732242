/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters since start, for the log: which exits there were, where time went.
 *
 * Each CPU has its own, so they are exact without a lock.
 */
#ifndef SNPSIM_STATS_H
#define SNPSIM_STATS_H

#include "vmcb.h"

#define STATS_NR_CODES	(VMEXIT_PAGE_NOT_VALIDATED + 1)

/* Whose exits are counted. */
enum stats_kind {
	STATS_HOST,
	STATS_SNP,			/* exits of the machine, not those that KVM sees */
	STATS_PLAIN,
	STATS_VC,			/* #VC, by error code */
	STATS_KINDS
};

/**
 * struct stats - of one CPU
 * @exits: by code; others than the first 405h count as 0
 * @cycles: of the time-stamp counter, in the guest
 */
struct stats {
	u64 exits[STATS_KINDS][STATS_NR_CODES];
	u64 cycles[STATS_KINDS];
};

/** stats_count() - one exit of this CPU */
void stats_count(enum stats_kind kind, u64 code);

/** stats_run() - this CPU ran a guest from @start, a time stamp, till now */
void stats_run(enum stats_kind kind, u64 start);

/** stats_log() - write the sums of all CPUs to the log */
void stats_log(void);

#endif /* SNPSIM_STATS_H */
