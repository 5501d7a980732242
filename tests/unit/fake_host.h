/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What report.c asks the kernel and the rest of the module, answered by the
 * test and written down for it.
 */
#ifndef UNIT_FAKE_HOST_H
#define UNIT_FAKE_HOST_H

#include <linux/file.h>
#include <linux/kobject.h>
#include <linux/types.h>

#include "report.h"

/**
 * struct fake_host - the answers, then the notes
 * @now_ns: the time
 * @file_gone: guest_memfd is closed already
 * @has_folio: there is a page at any index
 * @rmp_error: of reading an RMP entry
 * @rmp_assigned: of any RMP entry
 * @rmp_level: of any RMP entry
 * @file_refs: references to files that were taken and not given back
 * @folio_refs: the same for folios
 * @index: the last index that was looked up
 * @traced: records that went to the tracepoint
 * @traced_psc_seq: the number of the PSC in the last of them
 * @traced_rec: the last of them
 * @traced_sites: those that were followed by where they were
 * @traced_rip: where the last of these was; 0 if that is not known
 * @events: uevents
 * @event_of: whose the last of them is
 * @event_action: what it says has happened
 * @event: the keys of the last of them, a line each
 * @printed: lines of the kernel log
 * @log: the last of them, its level in front
 */
struct fake_host {
	u64 now_ns;
	bool file_gone;
	bool has_folio;
	int rmp_error;
	bool rmp_assigned;
	int rmp_level;

	int file_refs;
	int folio_refs;
	unsigned long index;
	unsigned int traced;
	u64 traced_psc_seq;
	struct rmpe_record traced_rec;
	unsigned int traced_sites;
	u64 traced_rip;
	unsigned int events;
	const struct kobject *event_of;
	enum kobject_action event_action;
	char event[256];
	unsigned int printed;
	char log[2 * RMPE_RECORD_LEN];
};

extern struct fake_host host;
extern struct file fake_gmem;

/* The pfn of the page at an index. */
#define FAKE_PFN(index)	(0x100000 + (index))

#endif
