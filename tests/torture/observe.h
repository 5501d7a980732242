/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module says of one VM: its records, counters and page states.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "model.h"

#define OBSERVE_TEXT	768

struct record {
	char event[256];		/* the tracepoint's text */
	char text[OBSERVE_TEXT];	/* the whole record, "" if a later one took its place */
};

struct records {
	struct record *record;
	unsigned int n, room, next;
};

struct observer {
	unsigned int id;		/* the module's number of the VM */
	int trace;
	char partial[512];		/* a line of the trace that is not complete yet */
	uint64_t total;			/* records so far */
	struct records of_vcpu[MODEL_VCPUS];
};

/* All settings as the module starts with; false if it is not loaded. */
bool observe_reset(void);
/* From now on the records of the VM that this process has just created. */
bool observe_open(struct observer *o);
void observe_close(struct observer *o);
/* Takes the records of a round, those of the one before are dropped. */
bool observe_records(struct observer *o);
/* The value of key in a record, "" if there is none. */
void record_key(const char *text, const char *key, char *value, size_t size);
/* A file of the VM's folder as a number. */
uint64_t observe_number(const struct observer *o, const char *name);
bool observe_set(const struct observer *o, const char *name, const char *value);
/* Compares the module's page states with the model's; the first gfn that differs. */
bool observe_same_states(const struct observer *o, struct model *m, uint64_t *gfn);

#endif
