/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module says of one VM: its records, counters and page states.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "e2e/kmsg.h"
#include "model.h"

#define OBSERVE_TEXT	1024

struct record {
	char event[256];		/* the tracepoint's text */
	bool acted;			/* upon the guest: such records are kept apart */
	char text[OBSERVE_TEXT];	/* the whole record, "" if a later one took its place */
	size_t answered;		/* PSCs of the VM until then */
};

struct records {
	struct record *record;
	size_t n, room;
	unsigned int next;
};

/* A PSC that the VMM has answered. */
struct answered {
	uint64_t gfn, pages, ret;
	int vcpu;
	bool to_private, completed;
	bool redundant;			/* by the model */
};

/* The last record, for what the next one is to say of it. */
struct last_record {
	uint64_t number, suppressed;
	bool logged;
};

struct observer {
	unsigned int id;		/* the module's number of the VM */
	pid_t pid;
	char comm[16];
	bool debuggable, request_sites;
	uint64_t opened_us, age_us;	/* CLOCK_MONOTONIC; of the VM, at this round's end */
	int trace;
	struct kmsg log;
	char partial[512];		/* a line of the trace that is not complete yet */
	uint64_t total, logged;		/* records so far; those in the kernel's log */
	uint64_t of_kind[2];		/* those of what was not acted upon; of what was */
	uint64_t before;		/* this round */
	bool act_logged;
	char **line;			/* of the log in this round */
	size_t nlines, line_room;
	struct last_record last;
	struct answered *psc;		/* all, in order; the module counts from 1 */
	size_t npscs, psc_room;
	size_t round_psc;		/* the first one of this round */
	size_t first_range, nranges;	/* those of STEP_RANGES */
	size_t forgotten;		/* so many completed ones the module does not know */
	struct records of_vcpu[MODEL_VCPUS];
};

/* All settings as the module starts with; false if it is not loaded. */
bool observe_reset(void);
/* From now on the records of the VM that this process has just created. */
bool observe_open(struct observer *o);
void observe_close(struct observer *o);
/* records.c: a round begins; the records of the one before are dropped. */
void observe_round(struct observer *o);
/* Is this the last that a vCPU has been told of, so far? */
bool observe_has(struct observer *o, unsigned int vcpu, const struct told *told);
/*
 * A round of @n PSCs that would be too much for the tracepoint's buffer begins, and has
 * ended: those of @vcpu, to shared, of a page every @stride from @gfn on.
 */
bool observe_ranges_begin(struct observer *o);
bool observe_ranges_end(struct observer *o, int vcpu, uint64_t gfn, uint64_t stride,
			uint64_t n);
/* Takes the records of the round. NULL, or what is wrong with them already. */
const char *observe_records(struct observer *o);
void observe_free_records(struct observer *o);
/* The value of key in a record, 0 if there is none. */
uint64_t record_number(const char *text, const char *key);
/* A file of the VM's folder as a number, or whether it says so. */
uint64_t observe_number(const struct observer *o, const char *name);
bool observe_says(const struct observer *o, const char *name, const char *word);
/*
 * Compares the files in debugfs that tell of pages and PSCs with the model: the first
 * one that differs, and at which gfn or, of PSCs, number.
 */
bool observe_same_states(const struct observer *o, struct model *m, const char **file,
			 uint64_t *number);

#endif
