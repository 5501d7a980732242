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

#define OBSERVE_TEXT	768

struct record {
	char event[256];		/* the tracepoint's text */
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
	uint64_t gfn, pages;
	int vcpu;
	bool to_private, completed;
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
	uint64_t opened_us, age_us;	/* CLOCK_MONOTONIC; of the VM, at this round's end */
	int trace;
	struct kmsg log;
	char partial[512];		/* a line of the trace that is not complete yet */
	uint64_t total, logged;		/* records so far; those in the kernel's log */
	char **line;			/* of the log in this round */
	unsigned int nlines;
	struct last_record last;
	struct answered *psc;		/* all, in order; the module counts from 1 */
	size_t npscs, psc_room;
	struct records of_vcpu[MODEL_VCPUS];
};

/* All settings as the module starts with; false if it is not loaded. */
bool observe_reset(void);
/* From now on the records of the VM that this process has just created. */
bool observe_open(struct observer *o);
void observe_close(struct observer *o);
/*
 * records.c: takes the records of a round, those of the one before are dropped.
 * NULL, or what is wrong with them already.
 */
const char *observe_records(struct observer *o);
void observe_free_records(struct observer *o);
/* The value of key in a record, "" if there is none. */
void record_key(const char *text, const char *key, char *value, size_t size);
uint64_t record_number(const char *text, const char *key);
uint64_t now_us(void);
/* A file of the VM's folder as a number, or whether it says so. */
uint64_t observe_number(const struct observer *o, const char *name);
bool observe_says(const struct observer *o, const char *name, const char *word);
/* Compares the module's page states and their sources with the model's; the first gfn that differs. */
bool observe_same_states(const struct observer *o, struct model *m, uint64_t *gfn);

#endif
