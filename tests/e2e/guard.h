/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module says about a VM: its folder in sysfs, its counters, and the
 * violation records in the kernel log.
 */
#ifndef GUARD_H
#define GUARD_H

#include "scenario.h"

/* Starts listening to the kernel log; the runner calls it for each scenario. */
void guard_listen(void);

/*
 * Launches the VM and finds out which number the module gave it.  A scenario
 * with several VMs launches each before it creates the next.
 */
void guard_launch(struct vm *vm);
/* The module's number of the VM (vms/<id>); 0 if it has none. */
unsigned int guard_id(struct vm *vm);
/* For a VM that the module meets only later than its launch. */
void guard_find(struct vm *vm);
/* Before a VM is destroyed, in a scenario with many. */
void guard_forget(struct vm *vm);

/* A file below vms/<id>/ */
bool guard_read(struct vm *vm, const char *name, char *buf, size_t size);
int guard_write(struct vm *vm, const char *name, const char *value);
uint64_t guard_counter(struct vm *vm, const char *name);
/* A file of the VM's folder in debugfs; only the first @size - 1 bytes. */
bool guard_debug(struct vm *vm, const char *name, char *buf, size_t size);

/*
 * Takes the oldest record of this VM that has all the key=value pairs of the
 * expectation (separated by blanks); fails and shows what came instead if
 * there is none.  Returns the record, valid until the scenario ends.
 */
const char *expect_record(struct vm *vm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* How many records of this VM match, whether taken or not. */
unsigned int count_records(struct vm *vm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* No record of this VM that was not taken. */
void expect_quiet(struct vm *vm);
/* A line of the log, of any VM or none, that begins and contains so. */
bool log_has(const char *prefix, const char *contains);
/* How many such lines there are. */
unsigned int log_count(const char *prefix, const char *contains);
/* The same as an expectation; the line is shown as diagnostics. */
void expect_log(const char *prefix, const char *contains);
/* The value of key in a record, or NULL; in a static buffer. */
const char *record_value(const char *record, const char *key);
/* The same as a number; all ones if there is none. */
uint64_t record_number(const char *record, const char *key);
bool record_matches(const char *record, const char *wanted);

void expect_counter(struct vm *vm, const char *name, uint64_t value);
/* Waits until the counter is at least @value; a failure if that never comes. */
void wait_for_counter(struct vm *vm, const char *name, uint64_t value);
void expect_file(struct vm *vm, const char *name, const char *value);
/*
 * A #VC is lost if KVM cancels the entry that would deliver it (it injects no
 * #VC twice), and the module injects it again: at least @value.
 */
void expect_injected(struct vm *vm, uint64_t value);

/* --- debugfs (debugview.c) --- */

/* How many lines of the file have all the key=value pairs. */
unsigned int debug_count(struct vm *vm, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One has. */
#define debug_has(...)	(debug_count(__VA_ARGS__) > 0)
/* State of a gfn in the map: private, shared, launched, or none. */
void expect_page_state(struct vm *vm, uint64_t gpa, const char *state);
/* Its line there has all these pairs. */
void expect_page(struct vm *vm, uint64_t gpa, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The history has such a PSC. */
void expect_psc_done(struct vm *vm, uint64_t gpa, uint64_t pages, bool to_private,
		     bool completed);

/* --- the guest's and the VMM's side --- */

/* Sets the mode to strict and the action, and creates a VM. */
struct vm *strict_vm(const struct vm_config *cfg, const char *action);
/* Starts all vCPUs and waits until they have stopped by themselves. */
void run(struct vm *vm);
/*
 * Launches and starts a VM each of whose vCPUs converts a page of its own to private and
 * to shared, as it should, until it is stopped; and waits until each has done so once.
 */
struct vm *converting_vm(unsigned int nvcpus);
/* All vCPUs go on from where they are. */
void expect_converting(struct vm *vm);
/* Launches, runs, and expects every vCPU to get to the end of its script. */
void clean_run(struct vm *vm);
/* A new SNP guest runs in strict mode, and its violation is found and enforced. */
void guards_a_guest(void);
/* Requests, completions, refusals and pages beyond those of the guest's start. */
void expect_pscs(struct vm *vm, uint64_t completed, uint64_t refused, uint64_t pages);
/* The operation completed without an exception. */
void expect_ok(struct vm *vm, unsigned int vcpu, unsigned int op);
void expect_value(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t value);
/* PSC response, EAX of PVALIDATE */
void expect_code(struct vm *vm, unsigned int vcpu, unsigned int op, uint64_t code);
/* The operation was given up after exactly @faults exceptions of this kind. */
void expect_fault(struct vm *vm, unsigned int vcpu, unsigned int op, unsigned int vector,
		  uint64_t error, unsigned int faults);
/* The operation was begun, and the guest never got any further. */
void expect_never_finished(struct vm *vm, unsigned int vcpu, unsigned int op);
void expect_halted(struct vm *vm, unsigned int vcpu);
void expect_exits(struct vm *vm, unsigned int vcpu, uint32_t reason, unsigned int n);
/* The module's KVM_EXIT_SYSTEM_EVENT of type CRASH. */
void expect_crash(struct vm *vm, unsigned int vcpu, uint64_t gpa, unsigned int class);
/* A termination request by the guest itself. */
void expect_term(struct vm *vm, unsigned int vcpu, unsigned int code);
/* All exits of a vCPU as diagnostics. */
void show_exits(struct vm *vm, unsigned int vcpu);

/* Limits of the module's that scenarios reach. */
#define LOG_BURST	10u	/* records of a VM and kind in the log, in 5 seconds */
#define KEPT_RECORDS	32u	/* of a VM and kind, in debugfs */
#define MAX_INJECTIONS	16	/* #VCs for one access, then termination */

#define CLASS_IMPLICIT_PRIVATE	1
#define CLASS_IMPLICIT_SHARED	2
#define CLASS_FIRST_TOUCH	3
#define CLASS_INITIAL_SHARED	4
#define CLASS_IN_FLIGHT		5
#define CLASS_VMPL		6

#endif
