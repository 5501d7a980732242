/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test consists of: steps of guests and of the VMM, in rounds.  Within a
 * round vCPUs run in parallel; the VMM acts between rounds.  A step can be
 * written as a line of text and read again.
 */
#ifndef STEP_H
#define STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum step_kind {
	/*
	 * First of all. vcpu: how many; private: the last of them at VMPL 1; part: rounds
	 * before the module is loaded.
	 */
	STEP_VM,
	STEP_LAUNCH,		/* gfn, pages: launched with the guest, up to one that is already */
	STEP_ROUND,		/* a round begins */
	/* guests */
	/*
	 * what, private, gfn. class: enum event, if what is ACCESS_STACK; early: though the
	 * guest may be ended, because #VC is not possible.
	 */
	STEP_ACCESS,
	STEP_VALIDATE_2M,	/* gfn */
	STEP_PSC,		/* what: path, and the fields below */
	STEP_NMI,		/* what: enum nmi_step */
	STEP_OUT,		/* pages: bytes to a port; part: ms that it takes, after a #VC */
	STEP_RANGES,		/* pages: so many batches of PSCs elsewhere, in a round of their own */
	/* the VMM, at the beginning of a round */
	STEP_CONVERT,		/* gfn, pages, private: attribute and memory */
	STEP_ATTRIBUTE,		/* gfn, pages, private: the attribute only */
	STEP_PUNCH,		/* gfn, pages */
	STEP_PREFAULT,		/* gfn, pages; what may be beyond the end of the slot */
	STEP_SLOT_DELETE,	/* the second slot */
	STEP_SLOT_CREATE,	/* what: 1 = with the memory that it had */
	STEP_UNLOAD,		/* the module, which can't be while there is the VM */
	/* the administrator; own: for this VM only, and STEP_INHERIT takes it back */
	STEP_MODE,		/* what: enum mode */
	STEP_ACTION,		/* what: enum action */
	STEP_POLICY,		/* what: 0 report, 1 enforce; class: enum access_class */
	NR_STEP_KINDS
};

#define STEP_INHERIT	9

enum event { EVENT_EXCEPTION, EVENT_NMI, EVENT_IRQ, NR_EVENTS };

enum nmi_step {
	NMI_ONE,
	NMI_TWO,		/* the second waits for the end of the first one's handler */
	NMI_HOLD,		/* the same, and that end is far */
	NMI_DONE,		/* ... it is there */
	NMI_IRQ,		/* an interrupt instead */
	NR_NMI_STEPS
};

enum psc_path { PATH_MSR, PATH_NAE, PATH_HYPERCALL };

/* What the VMM does at a PSC; of several ranges, at the last one. */
enum answer {
	ANSWER_DONE,
	ANSWER_REFUSE,
	ANSWER_PARTLY,		/* converts .part pages, and refuses */
	ANSWER_CLAIM,		/* says done, and does nothing */
	ANSWER_CONVERT_REFUSE,	/* converts, and refuses */
	ANSWER_PREFAULT,	/* converts, has KVM map the pages, and says done */
	ANSWER_PART_DONE,	/* converts .part pages, and says done */
	ANSWER_REST,		/* converts all but .part pages, and refuses */
	ANSWER_ATTRIBUTE,	/* changes the attribute and no memory, and says done */
	NR_ANSWERS
};

struct step {
	unsigned int kind, vcpu;
	unsigned int what, private;
	uint64_t gfn;
	unsigned int pages;	/* NAE: entries */
	unsigned int stride;	/* NAE: pages from one entry to the next */
	unsigned int huge;	/* NAE: entries of 2M */
	unsigned int answer, part;
	unsigned int hold;	/* answered when the other vCPUs have ended their round */
	unsigned int early;	/* ... and converted before they begin it */
	unsigned int own, class;
};

struct steps {
	struct step *step;
	size_t n, room;
};

void steps_add(struct steps *s, const struct step *step);
void steps_free(struct steps *s);
void step_print(FILE *f, const struct step *s);
/* False at the end, or at a line that is no step. */
bool step_read(FILE *f, struct step *s);

/* generate.c: one VM's life, all of it from @seed; @ops guest steps or so */
void generate(struct steps *s, uint64_t seed, unsigned int ops);

#endif
