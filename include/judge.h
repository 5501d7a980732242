/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rule: which class an access falls into.  No state, no side effects.
 */
#ifndef RMPE_JUDGE_H
#define RMPE_JUDGE_H

#include <linux/types.h>

#include "policy.h"
#include "psc_tracker.h"

/* What a page should be, as far as the guest has said. */
enum rmpe_expected {
	RMPE_EXPECT_INITIAL,	/* hypervisor-owned, as the architecture leaves it */
	RMPE_EXPECT_PRIVATE,
	RMPE_EXPECT_SHARED,
};

/* How we know. */
enum rmpe_source {
	RMPE_SOURCE_NONE,
	RMPE_SOURCE_PSC,	/* a completed PSC */
	RMPE_SOURCE_LAUNCH,	/* populated at launch */
	RMPE_SOURCE_ATTRIBUTE,	/* KVM's attribute: no history of this gfn */
};

/**
 * struct rmpe_judge_input - everything that a verdict depends on
 * @access_private: the access was private (#NPF error code bit ENC)
 * @vmpl: the #NPF was a VMPL permission violation
 * @asked: what the guest has asked for
 * @used: the state in which KVM was let resolve an access that disagrees with
 *	@asked; else RMPE_PAGE_NONE
 * @discarded: the VMM has taken the private page away since
 * @history_complete: the tracker has seen this VM from its creation
 * @attr_private: KVM's memory attribute of the gfn is private
 * @inflight_private: some vCPU waits for the answer to a PSC to private
 * @inflight_shared: some vCPU waits for the answer to a PSC to shared
 */
struct rmpe_judge_input {
	bool access_private;
	bool vmpl;
	enum rmpe_page_state asked;
	enum rmpe_page_state used;
	bool discarded;
	bool history_complete;
	bool attr_private;
	bool inflight_private;
	bool inflight_shared;
};

/**
 * struct rmpe_verdict - the outcome
 * @class: the class of the access
 * @expected: what the page should have been
 * @source: where @expected comes from
 * @enforceable: the guest is known to be at fault, so a policy of "enforce"
 *	may be followed
 */
struct rmpe_verdict {
	enum rmpe_class class;
	enum rmpe_expected expected;
	enum rmpe_source source;
	bool enforceable;
};

struct rmpe_verdict rmpe_judge(const struct rmpe_judge_input *in);

/**
 * rmpe_state_allows() - is an access in order in a page of that state?
 * @state: the state
 * @private: the access was private
 *
 * The short way for most accesses: if @state was asked for, no class is left but
 * HOST, IN_FLIGHT (KVM's attribute differs), VMPL and NONE.
 *
 * Context: any.
 * Return: false also if nothing is known of the gfn.
 */
static inline bool rmpe_state_allows(enum rmpe_page_state state, bool private)
{
	return state != RMPE_PAGE_NONE && (state != RMPE_PAGE_SHARED) == private;
}

#endif
