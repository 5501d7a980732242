/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rule of docs/design.md as an executable specification, written without a
 * look at the module's code and for one purpose: to say beforehand what an
 * access comes to.  It has three parts: what the guest has asked for, and what it
 * did instead (struct page, .asked and .used), what VMM, KVM and the hardware have
 * made of the page (the rest), and the verdict, which compares them (verdict.c).
 *
 * Plain C without any dependency, so that the tests on the simulated host and
 * the fuzzers share it.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_VCPUS	4
#define MODEL_PASSED	16	/* accesses let pass of which a refused PSC makes records */
#define MODEL_TOLD	3	/* records that one access can come to */
/*
 * Accesses that a vCPU may be remembered for.  The module has room for four, but
 * forgets, and so has room again, at times that are not known here: one that came too
 * early when KVM has resolved it, and of these there may be two dozen in a round.
 */
#define MODEL_REMEMBERED	32
/* The guest is ended at the 16th #VC for one access; KVM may inject some twice. */
#define MODEL_ACTS	8

/*
 * PSCs that the module remembers as they were, and distinct ranges of older ones; with
 * more it forgets these (docs/design.md). How many there are of the arena is not known
 * exactly, so that some numbers are no test.
 */
#define MODEL_RING	2048
#define MODEL_RANGES	32768
#define MODEL_FEW_RANGES	(MODEL_RANGES - ARENA_PAGES)
#define MODEL_MANY_RANGES	(MODEL_RANGES + MODEL_RING + 1)
#define MODEL_MOST_RANGES	40000

/* The gfns that the model knows: two slots with a hole between them. */
#define ARENA_GFN	0x1000ull
#define ARENA_PAGES	0xa00u
#define SLOT_A_PAGES	0x800u		/* four 2M ranges */
#define SLOT_B_FIRST	0x900u
#define SLOT_B_PAGES	0x100u

/* What was asked for, or how a page was used; of the latter neither NONE nor LAUNCHED. */
enum state { STATE_NONE, STATE_LAUNCHED, STATE_PRIVATE, STATE_SHARED };
enum expected { EXPECT_INITIAL, EXPECT_PRIVATE, EXPECT_SHARED };
enum source { SOURCE_NONE, SOURCE_PSC, SOURCE_LAUNCH, SOURCE_ATTRIBUTE };

enum access_class {
	CLASS_NONE, CLASS_IMPLICIT_PRIVATE, CLASS_IMPLICIT_SHARED, CLASS_FIRST_TOUCH,
	CLASS_INITIAL_SHARED, CLASS_IN_FLIGHT, CLASS_VMPL, CLASS_HOST, CLASS_UNBACKED,
	CLASS_NO_PROGRESS, NR_CLASSES
};

enum mode { MODE_OFF, MODE_LENIENT, MODE_STRICT, NR_MODES };
enum action { ACTION_NONE, ACTION_VC, ACTION_TERMINATE };

/* Is a translation of the page in KVM's tables?  Where KVM is free, MAYBE. */
enum mapped { MAPPED_NO, MAPPED_MAYBE, MAPPED_YES };

/* The error code of a #NPF (APM 15.25.6, 15.36.10). */
#define NPF_PRESENT	(1ull << 0)
#define NPF_WRITE	(1ull << 1)
#define NPF_USER	(1ull << 2)
#define NPF_FETCH	(1ull << 4)
#define NPF_RMP		(1ull << 31)
#define NPF_FINAL	(1ull << 32)
#define NPF_TABLE	(1ull << 33)	/* instead of FINAL: the guest's page table is walked */
#define NPF_ENC		(1ull << 34)
#define NPF_VMPL	(1ull << 36)

/* Where in its page an access is, if not at the beginning: an entry that nobody writes to. */
#define WALK_ENTRY	256
#define WALK_OFFSET	(8 * WALK_ENTRY)
#define STACK_OFFSET	0xff8	/* the first word that is pushed */

enum access {
	ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH, ACCESS_VALIDATE, ACCESS_RESCIND,
	ACCESS_WALK,		/* the page is a page table, private as all of them are */
	ACCESS_STACK,		/* the frame of an event that is delivered */
};

/* Why #VC would not do. */
enum escalated { ESCALATED_NO, ESCALATED_EVENT_PENDING, ESCALATED_PROTECTED_MODE_OFF };

/* A PSC: range and direction, and who asked. */
struct psc_seen {
	bool known, to_private;
	bool lost;		/* there may have been one: before the module came, or too long ago */
	int vcpu;
	uint64_t gfn, pages;
};

struct page {
	uint8_t asked;		/* enum state: the last completed PSC, else the launch */
	uint8_t used;		/* enum state: as what KVM resolved a stray access */
	bool older;		/* than the module: until its first PSC, KVM's attribute counts */
	bool known_memory;	/* came since: holes in it are noticed */
	bool discarded;		/* the VMM has taken the private page away */
	bool has_slot;		/* in a guest_memfd slot now */
	bool had_slot;		/* has been in one: its memory may come back */
	bool attr_private;	/* KVM's attribute */
	bool present;		/* guest_memfd holds a page, assigned to the guest */
	bool validated;		/* by the guest */
	bool vmpl1;		/* may be used at VMPL 1, too */
	bool filled;		/* with RETs, as it was launched, beyond its first word */
	uint8_t private_map;	/* enum mapped */
	uint8_t shared_map;
	uint64_t private_word;	/* the first word of either side */
	uint64_t shared_word;
	unsigned int verdicts;	/* at most so many */
	struct psc_seen psc;	/* the last completed one */
};

/* An access that was acted upon or came too early, and may be the same one again. */
struct remembered {
	uint64_t gfn;
	bool private;
	enum access_class class;
	unsigned int acts;
	uint64_t requests;	/* PSCs that were asked for before it */
};

/* A vCPU's, the last one first. */
struct remembered_list {
	unsigned int n;
	struct remembered entry[MODEL_REMEMBERED];
};

struct verdict {
	enum access_class class;
	enum expected expected;
	bool guest_error;	/* not what was asked for: may be acted upon */
	bool never;		/* ... but for the lack of a history */
};

/* What a record says. */
struct told {
	uint64_t gfn;
	unsigned int offset;	/* of the access in the page */
	bool perhaps;		/* unless it counts as one that was told before */
	struct verdict verdict;
	enum source source;
	enum action action;
	enum escalated escalated;
	enum mode mode;
	enum state used;
	bool attr_private, launched, present, discarded;
	unsigned int most;	/* n= is at most this */
	struct psc_seen psc;
	uint64_t error_code;
	bool error_known;	/* else without PRESENT and RMP */
};

/* An access that came before the answer to its PSC, and was let pass. */
struct passed {
	int vcpu;
	struct told told;	/* what it would be if that is refused; not all is known yet */
};

struct inflight {
	bool active, to_private;
	bool undone;		/* the VMM is going to convert, and then to refuse */
	uint64_t gfn, pages, nr;
	unsigned int npassed;
	struct passed passed[MODEL_PASSED];
};

#define INHERIT		(-1)

/* The module's, or a VM's own, of which each may be INHERIT. */
struct settings {
	int mode, action;
	int enforce[NR_CLASSES];
};

struct counts {
	uint64_t requests, completed, refused, pages, redundant;
	uint64_t class[NR_CLASSES];
	uint64_t enforced, injected;
	uint64_t discarded;	/* pages */
	uint64_t skipped;	/* pages that were to be prefaulted */
	uint64_t npf;		/* #NPFs, at least, while something is judged */
};

/* A vCPU's NMIs: one at a time, and one more may wait for the end of its handler. */
struct nmis {
	bool held, waits;
	uint64_t nmis, irqs;	/* that the guest has had */
};

struct model {
	struct page page[ARENA_PAGES];
	struct remembered_list remembered[MODEL_VCPUS];
	struct inflight inflight[MODEL_VCPUS];
	struct nmis nmis[MODEL_VCPUS];
	struct settings global, own;
	struct counts count;
	uint64_t answered;	/* PSCs, completed or refused */
	bool absent;		/* the module, so far */
	bool partial;		/* it came when the VM ran already */
	uint64_t grants;	/* of rights to it, each asked for by an access */
	int vmpl1;		/* the vCPU that runs at VMPL 1, or 0 */
	bool zapped;		/* KVM may have dropped translations beyond the arena */
	bool ranges;		/* model_ranges() was called, as it may be once */
	bool terminated;
};

/* What is known of an access before the verdict. */
struct situation {
	bool private;
	enum state asked, used;
	bool attr_private, discarded;
	bool older;
	bool to_private_inflight, to_shared_inflight;
};

/* verdict.c: an access that the page does not permit at the guest's VMPL */
struct verdict model_verdict_vmpl(const struct situation *s);
/* the table in docs/design.md, section 2 */
struct verdict model_verdict(const struct situation *s);

/* What one access of a guest comes to. */
struct outcome {
	bool ambiguous;		/* depends on what KVM is free to do: not a test, not done */
	bool waits;		/* until a PSC is answered; then it is to be asked for again */
	unsigned int ntold;
	struct told told[MODEL_TOLD];
	bool converted;		/* the VMM is asked to convert the page */
	bool fault;		/* the guest sees #VC 0x404 */
	bool needs_grant;	/* comes to nothing until VMPL 0 gives VMPL 1 the right to it */
	uint64_t value;		/* read */
	uint32_t eax;		/* PVALIDATE */
	bool carry;
	bool page_fault;	/* a walk: what the entry comes to */
	uint64_t page_fault_error;
};

/* What the answer to a PSC brings about. */
struct settled {
	bool redundant;
	unsigned int n;
	struct passed passed[MODEL_PASSED];	/* records */
};

/* What is in force: a VM's own setting, else the global one; but a global "off" stops all. */
enum mode model_mode(const struct model *m);
enum action model_action(const struct model *m);
bool model_enforces(const struct model *m, enum access_class class);
bool model_is_vmpl1(const struct model *m, int vcpu);
struct page *model_page(struct model *m, uint64_t gfn);
void model_init(struct model *m);
/* The module is loaded: all that was counted and seen until now was so by nobody. */
void model_late(struct model *m);
/* Up to the first page that can't be launched; returns how many there were. */
uint64_t model_launch(struct model *m, uint64_t gfn, uint64_t pages, uint64_t word);

/* The guest: a PSC that KVM forwards to the VMM, its answer, an access. */
void model_psc_request(struct model *m, int vcpu, uint64_t gfn, uint64_t pages,
		       bool to_private);
struct settled model_psc_answer(struct model *m, int vcpu, bool completed);
struct outcome model_access(struct model *m, int vcpu, uint64_t gfn, bool private,
			    enum access access, uint64_t value);
/* As many PSCs, each of a range of its own, beyond the arena: can it be told what they do? */
bool model_may_have_ranges(const struct model *m, uint64_t n);
/* Does the module forget what was before? */
bool model_forgets(uint64_t n);
void model_ranges(struct model *m, uint64_t n);
/* PVALIDATE of 2M, of a page that is 4K in the RMP as all are here. */
struct outcome model_validate_2m(struct model *m, int vcpu, uint64_t gfn);

/* The VMM, on its own account or in the course of a PSC. */
void model_set_attr(struct model *m, uint64_t gfn, uint64_t pages, bool private);
void model_punch(struct model *m, uint64_t gfn, uint64_t pages);
bool model_all_in_slot(struct model *m, uint64_t gfn, uint64_t pages);
bool model_convert(struct model *m, uint64_t gfn, uint64_t pages, bool to_private);
/* The VMM sends @n NMIs at once; the first one's handler ends only at model_nmi_done(). */
void model_nmi(struct model *m, int vcpu, unsigned int n, bool hold);
void model_nmi_done(struct model *m, int vcpu);

/* KVM_PRE_FAULT_MEMORY: how many pages there are to the first that has no slot. */
uint64_t model_prefault(struct model *m, uint64_t gfn, uint64_t pages);
void model_slot(struct model *m, uint64_t gfn, uint64_t pages, bool exists, bool same_memory);

#endif
