// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSCs: what is taken for one, and what is known of it from the request to the answer.
 */
#include "one_guest.h"

#include <linux/kvm_para.h>

#include <unit/alloc.h>
#include <unit/observer.h>

#include "ghcb_psc.h"
#include "one_site.h"

#define OTHER	(&guest.vcpu[2])

static struct rmpe_psc *psc_of(const struct kvm_vcpu *vcpu)
{
	assert_non_null(guest.vm->vcpus[vcpu->vcpu_idx]);
	return &guest.vm->vcpus[vcpu->vcpu_idx]->psc;
}

static bool is_ours(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.complete_userspace_io &&
	       vcpu->arch.complete_userspace_io != fake_complete;
}

static void asks_raw(u64 nr, gpa_t gpa, u64 npages, u64 flags)
{
	struct kvm_run *run = VCPU->run;

	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = nr;
	run->hypercall.args[0] = gpa;
	run->hypercall.args[1] = npages;
	run->hypercall.args[2] = flags;
	VCPU->arch.complete_userspace_io = fake_complete;
	rmpe_psc_seen(guest.vm, VCPU);
}

static u64 nr_requests(void)
{
	return atomic64_read(&guest.vm->psc_requests);
}

static void may_be_psc(void **state)
{
	u32 reason;

	for (reason = 0; reason < 64; reason++) {
		VCPU->run->exit_reason = reason;
		assert_int_equal(rmpe_may_be_psc(VCPU), reason == KVM_EXIT_HYPERCALL);
	}
}

static void not_a_psc(void **state)
{
	asks_raw(KVM_HC_MAP_GPA_RANGE + 1, A << PAGE_SHIFT, 1, KVM_MAP_GPA_RANGE_ENCRYPTED);
	assert_ptr_equal(VCPU->arch.complete_userspace_io, fake_complete);
	asks_raw(0, A << PAGE_SHIFT, 1, KVM_MAP_GPA_RANGE_ENCRYPTED);
	assert_ptr_equal(VCPU->arch.complete_userspace_io, fake_complete);

	/* What the run page says may be old: KVM waits for no answer. */
	VCPU->run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	VCPU->arch.complete_userspace_io = NULL;
	rmpe_psc_seen(guest.vm, VCPU);
	assert_null(VCPU->arch.complete_userspace_io);
	assert_int_equal(nr_requests(), 0);
	assert_int_equal(guest.psc_requests, 0);
	assert_null(guest.vm->vcpus[1]);
}

static void request(void **state)
{
	const struct rmpe_psc *psc;

	/* Beyond 32 bits, in the middle of a page. */
	asks_raw(KVM_HC_MAP_GPA_RANGE, (HIGH << PAGE_SHIFT) + 0xabc, 0x123456789a,
		 KVM_MAP_GPA_RANGE_ENCRYPTED | KVM_MAP_GPA_RANGE_PAGE_SZ_2M);
	psc = psc_of(VCPU);
	assert_true(psc->active);
	assert_true(psc->to_private);
	assert_int_equal(psc->gfn, HIGH);
	assert_int_equal(psc->npages, 0x123456789a);
	assert_int_equal(psc->nr, 1);
	assert_ptr_equal(psc->complete, fake_complete);
	assert_null(psc->site);
	assert_true(is_ours(VCPU));

	assert_int_equal(guest.psc_requests, 1);
	assert_int_equal(guest.psc_id, guest.vm->id);
	assert_int_equal(guest.psc_pid, 500);
	assert_int_equal(guest.psc_vcpu, VCPU->vcpu_id);
	assert_int_equal(guest.psc.gfn, HIGH);
	assert_int_equal(guest.psc.npages, 0x123456789a);
	/* Nothing has happened yet. */
	assert_int_equal(guest.vm->history.seq, 0);
	assert_int_equal(guest_asked(HIGH), RMPE_PAGE_NONE);
	assert_int_equal(guest.vm->counters.psc_completed, 0);
	assert_int_equal(guest.site_looks, 0);
	assert_int_equal(fake_kvm.calls, 0);
}

static void direction(void **state)
{
	asks_raw(KVM_HC_MAP_GPA_RANGE, A << PAGE_SHIFT, 1, KVM_MAP_GPA_RANGE_ENCRYPTED);
	assert_true(psc_of(VCPU)->to_private);
	asks_raw(KVM_HC_MAP_GPA_RANGE, A << PAGE_SHIFT, 1, 0);
	assert_false(psc_of(VCPU)->to_private);
	/* The other bits are page sizes. */
	asks_raw(KVM_HC_MAP_GPA_RANGE, A << PAGE_SHIFT, 1,
		 ~(u64)KVM_MAP_GPA_RANGE_ENCRYPTED);
	assert_false(psc_of(VCPU)->to_private);
}

/* KVM_RUN may return before the answer is taken, and leave the request in place. */
static void request_seen_once(void **state)
{
	guest_asks(VCPU, A, 1, true);
	rmpe_psc_seen(guest.vm, VCPU);
	assert_int_equal(nr_requests(), 1);
	assert_int_equal(guest.psc_requests, 1);
	assert_ptr_equal(psc_of(VCPU)->complete, fake_complete);
	vmm_answers(VCPU, 0);
	guest_asks(VCPU, A, 1, false);
	assert_int_equal(nr_requests(), 2);
	assert_int_equal(psc_of(VCPU)->nr, 2);
}

static unsigned int seen_active;

/* Who sees that there is one sees which. */
static void see_psc(void)
{
	const struct rmpe_psc *psc = psc_of(VCPU);

	if (!psc->active)
		return;
	seen_active++;
	assert_false(psc->to_private);
	assert_int_equal(psc->gfn, A + 4);
	assert_int_equal(psc->npages, 3);
	assert_int_equal(psc->nr, 3);
	assert_int_equal(psc->nr_early, 0);
	assert_null(psc->site);
}

static void request_is_published_whole(void **state)
{
	struct rmpe_psc *psc;

	guest_psc(VCPU, A, 1, true);
	guest_psc(OTHER, A + 1, 1, true);
	psc = psc_of(VCPU);
	psc->nr_early = 5;
	psc->site = new_site(1, 0);
	guest.vm->vcpus[1]->progress.faults = 700;
	seen_active = 0;
	unit_observer = see_psc;
	guest_asks(VCPU, A + 4, 3, false);
	unit_observer = NULL;
	assert_true(seen_active > 0);
	/* Whoever asks gets somewhere. */
	assert_int_equal(guest.vm->vcpus[1]->progress.faults, 0);
}

static void request_of_unknown_vcpu(void **state)
{
	unit_fail_alloc(1);
	guest_asks(VCPU, A, 1, true);
	assert_true(unit_alloc_failed());
	/* KVM and the VMM go on without us. */
	assert_ptr_equal(VCPU->arch.complete_userspace_io, fake_complete);
	assert_int_equal(nr_requests(), 0);
	assert_int_equal(guest.psc_requests, 0);
	assert_int_equal(guest.vm->history_state, RMPE_HISTORY_LOST);
	assert_int_equal(vmm_answers(VCPU, 0), 0);
	assert_int_equal(guest.vm->history.seq, 0);
}

static struct rmpe_psc_event last_event(void)
{
	struct rmpe_psc_event ev;

	assert_true(rmpe_history_get(&guest.vm->history, guest.vm->history.seq, &ev));
	return ev;
}

static void answer_completed(void **state)
{
	struct rmpe_psc_event ev;

	guest_asks(VCPU, HIGH + 1, 5, true);
	host.now_ns = 0x123456789abcdefULL;
	fake_kvm.answer = 1;
	assert_int_equal(vmm_answers(VCPU, 0), 1);
	assert_int_equal(fake_kvm.calls, 1);
	assert_ptr_equal(fake_kvm.vcpu, VCPU);
	assert_false(psc_of(VCPU)->active);

	assert_int_equal(guest.vm->history.seq, 1);
	ev = last_event();
	assert_int_equal(ev.when_ns, 0x123456789abcdefULL);
	assert_int_equal(ev.gfn, HIGH + 1);
	assert_int_equal(ev.npages, 5);
	assert_int_equal(ev.vcpu, VCPU->vcpu_id);
	assert_int_equal(ev.ret, 0);
	assert_true(ev.to_private);
	assert_true(ev.completed);
	assert_false(ev.redundant);

	assert_int_equal(guest.psc_completes, 1);
	assert_int_equal(guest.psc_id, guest.vm->id);
	assert_int_equal(guest.psc_pid, 500);
	assert_int_equal(guest.psc_vcpu, VCPU->vcpu_id);
	assert_int_equal(guest.psc.gfn, HIGH + 1);
	assert_int_equal(guest.psc_ret, 0);
	assert_int_equal(guest.vm->counters.psc_completed, 1);
	assert_int_equal(guest.vm->counters.psc_refused, 0);
	assert_int_equal(guest.vm->counters.psc_pages, 5);
	assert_int_equal(guest.vm->counters.psc_redundant, 0);
	assert_int_equal(guest_asked(HIGH), RMPE_PAGE_NONE);
	assert_int_equal(guest_asked(HIGH + 1), RMPE_PAGE_PRIVATE);
	assert_int_equal(guest_asked(HIGH + 5), RMPE_PAGE_PRIVATE);
	assert_int_equal(guest_asked(HIGH + 6), RMPE_PAGE_NONE);
}

static void answer_refused(void **state)
{
	guest_psc(VCPU, A, 4, true);
	fake_kvm.answer = -EIO;
	guest_asks(VCPU, A, 4, false);
	assert_int_equal(vmm_answers(VCPU, 22), -EIO);
	assert_false(psc_of(VCPU)->active);
	assert_false(last_event().completed);
	assert_false(last_event().redundant);
	assert_false(last_event().to_private);
	assert_int_equal(last_event().ret, 22);
	assert_int_equal(guest.psc_ret, 22);
	assert_int_equal(guest.vm->counters.psc_completed, 1);
	assert_int_equal(guest.vm->counters.psc_refused, 1);
	assert_int_equal(guest.vm->counters.psc_pages, 4);
	assert_int_equal(guest_asked(A), RMPE_PAGE_PRIVATE);
}

/* Of an answer that an event has no room for it is known that it was none. */
static void answers_of_64_bits(void **state)
{
	static const struct {
		u64 ret;
		u32 kept;
	} answer[] = {
		{ 1, 1 },
		{ U32_MAX - 1, U32_MAX - 1 },
		{ U32_MAX, U32_MAX },
		{ 1ULL + U32_MAX, U32_MAX },	/* its lower half is 0 */
		{ -EINVAL, U32_MAX },
		{ 1ULL << 63, U32_MAX },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(answer); i++) {
		guest_asks(VCPU, A, 1, true);
		vmm_answers(VCPU, answer[i].ret);
		assert_int_equal(last_event().ret, answer[i].kept);
		assert_false(last_event().completed);
		assert_int_equal(guest.psc_ret, answer[i].ret);
		assert_int_equal(guest.vm->counters.psc_refused, i + 1);
	}
	assert_int_equal(guest_asked(A), RMPE_PAGE_NONE);
}

static void see_answered(struct kvm_vcpu *vcpu)
{
	assert_false(psc_of(vcpu)->active);
	assert_int_equal(guest_asked(A), RMPE_PAGE_SHARED);
	assert_int_equal(guest.vm->history.seq, 1);
}

/* The ring of events is used again and again: nothing is left of what was there. */
static void answer_in_place_of_an_old_one(void **state)
{
	unsigned int i;

	guest_psc(VCPU, A, 1, true);
	for (i = 0; i < RMPE_PSC_HISTORY_LEN; i++)
		guest_psc(VCPU, A, 1, true);
	assert_true(last_event().redundant);
	for (i = 0; i < RMPE_PSC_HISTORY_LEN; i++) {
		guest_asks(VCPU, A, 1, true);
		vmm_answers(VCPU, 1);
		assert_false(last_event().redundant);
		assert_false(last_event().completed);
	}
	assert_int_equal(guest.vm->counters.psc_redundant, RMPE_PSC_HISTORY_LEN);
}

static void access_before_answer(void)
{
	struct rmpe_psc *psc = psc_of(VCPU);

	psc->early[0] = (struct rmpe_early){
		.gpa = (A + 1) << PAGE_SHIFT,
		.error_code = PFERR_GUEST_ENC_MASK,
		.psc_requests = nr_requests(),
		.vcpu = OTHER->vcpu_id,
		.mode = RMPE_MODE_LENIENT,
	};
	psc->nr_early = 1;
	mutex_lock(&guest.vm->lock);
	rmpe_vm_set_used(guest.vm, A + 1, RMPE_PAGE_PRIVATE);
	mutex_unlock(&guest.vm->lock);
}

/* What did not wait for the answer is told when that is known, and was wrong. */
static void answer_settles_what_did_not_wait(void **state)
{
	guest_asks(VCPU, A, 4, true);
	access_before_answer();
	vmm_answers(VCPU, 0);
	assert_int_equal(guest_records(), 0);

	guest_psc(VCPU, A, 4, false);
	guest_asks(VCPU, A, 4, true);
	access_before_answer();
	vmm_answers(VCPU, 1);
	assert_int_equal(guest_records(), 1);
	assert_int_equal(guest_record().verdict.class, RMPE_CLASS_IMPLICIT_PRIVATE);
	assert_int_equal(guest_record().vcpu, OTHER->vcpu_id);
	assert_true(guest_record().has_refused);
	/* Once. */
	guest_asks(VCPU, A, 4, true);
	vmm_answers(VCPU, 1);
	assert_int_equal(guest_records(), 1);
}

/* KVM tells the guest, who may touch the page at once, on any vCPU. */
static void answer_is_known_before_the_guest_knows(void **state)
{
	guest_asks(VCPU, A, 1, false);
	fake_kvm.meanwhile = see_answered;
	vmm_answers(VCPU, 0);
	assert_int_equal(fake_kvm.calls, 1);
}

/* Each vCPU has its own, and they are answered in any order. */
static void two_at_once(void **state)
{
	guest_asks(VCPU, A, 1, true);
	guest_asks(OTHER, A + 1, 2, false);
	assert_int_equal(psc_of(VCPU)->nr, 1);
	assert_int_equal(psc_of(OTHER)->nr, 2);
	vmm_answers(OTHER, 0);
	assert_true(psc_of(VCPU)->active);
	assert_int_equal(last_event().vcpu, OTHER->vcpu_id);
	assert_int_equal(guest_asked(A), RMPE_PAGE_NONE);
	assert_int_equal(guest_asked(A + 2), RMPE_PAGE_SHARED);
	vmm_answers(VCPU, 0);
	assert_int_equal(last_event().vcpu, VCPU->vcpu_id);
	assert_int_equal(guest_asked(A), RMPE_PAGE_PRIVATE);
	assert_int_equal(nr_requests(), 2);
}

/* A plain hypercall may name more pages than there are. */
static void absurd_lengths(void **state)
{
	guest_psc(VCPU, A, RMPE_MAX_GFNS, true);
	assert_int_equal(guest.vm->counters.psc_pages, RMPE_MAX_GFNS);
	guest_psc(VCPU, A, RMPE_MAX_GFNS + 1, true);
	assert_int_equal(guest.vm->counters.psc_pages, 2 * RMPE_MAX_GFNS);
	assert_int_equal(guest_asked(A - 1), RMPE_PAGE_NONE);
	assert_int_equal(guest_asked(MEMORY_END - 1), RMPE_PAGE_PRIVATE);

	/* To where numbers end and beyond; and none at all. */
	guest_psc(VCPU, A, -A, false);
	guest_psc(VCPU, A, -A + 0x20, false);
	guest_psc(VCPU, A, 0, false);
	guest_psc(VCPU, A, -1ULL, false);
	assert_int_equal(guest_asked(A), RMPE_PAGE_PRIVATE);
	assert_int_equal(guest_asked(MEMORY), RMPE_PAGE_NONE);
	assert_int_equal(guest.vm->counters.psc_redundant, 1);
	assert_int_equal(last_event().npages, -1ULL);
}

/* Of a site nothing is known but where it is needed. */
static void site_of_request(void **state)
{
	struct rmpe_site *found;

	rmpe_global.request_sites = RMPE_SWITCH_ON;
	guest.site = new_site(0x1234, 3);
	guest_asks(VCPU, A, 4, true);
	assert_int_equal(guest.site_looks, 1);
	assert_ptr_equal(guest.site_vcpu, VCPU);
	assert_ptr_equal(psc_of(VCPU)->site, guest.site);

	/* Refused: it says nothing of the pages, and goes when the vCPU asks again. */
	vmm_answers(VCPU, 1);
	mutex_lock(&guest.vm->lock);
	assert_null(rmpe_site_map_find(&guest.vm->request_sites, A));
	mutex_unlock(&guest.vm->lock);
	guest_asks(VCPU, A, 4, true);
	vmm_answers(VCPU, 0);
	assert_null(psc_of(VCPU)->site);
	mutex_lock(&guest.vm->lock);
	found = rmpe_site_map_find(&guest.vm->request_sites, A + 3);
	assert_ptr_equal(found, guest.site);
	rmpe_site_put(found);
	assert_null(rmpe_site_map_find(&guest.vm->request_sites, A + 4));
	assert_null(rmpe_site_map_find(&guest.vm->request_sites, A - 1));
	mutex_unlock(&guest.vm->lock);

	/* A later one of which it is not known takes its place. */
	rmpe_global.request_sites = RMPE_SWITCH_OFF;
	guest_psc(VCPU, A, 4, true);
	assert_int_equal(guest.site_looks, 2);
	mutex_lock(&guest.vm->lock);
	assert_null(rmpe_site_map_find(&guest.vm->request_sites, A + 3));
	mutex_unlock(&guest.vm->lock);
}

/* A site that could not be taken, or of which nobody wants to know. */
static void no_site(void **state)
{
	rmpe_global.request_sites = RMPE_SWITCH_ON;
	guest_psc(VCPU, A, 1, true);
	assert_int_equal(guest.site_looks, 1);
	guest.vm->settings.mode = RMPE_MODE_OFF;
	guest_psc(VCPU, A, 1, true);
	guest.vm->settings.mode = RMPE_MODE_INHERIT;
	guest.vm->settings.sites = RMPE_SWITCH_OFF;
	guest_psc(VCPU, A, 1, true);
	assert_int_equal(guest.site_looks, 1);
	/* It is tracked all the same. */
	assert_int_equal(guest.vm->counters.psc_completed, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(may_be_psc),
		GUEST_TEST(not_a_psc),
		GUEST_TEST(request),
		GUEST_TEST(direction),
		GUEST_TEST(request_seen_once),
		GUEST_TEST(request_is_published_whole),
		GUEST_TEST(request_of_unknown_vcpu),
		GUEST_TEST(answer_completed),
		GUEST_TEST(answer_refused),
		GUEST_TEST(answers_of_64_bits),
		GUEST_TEST(answer_in_place_of_an_old_one),
		GUEST_TEST(answer_settles_what_did_not_wait),
		GUEST_TEST(answer_is_known_before_the_guest_knows),
		GUEST_TEST(two_at_once),
		GUEST_TEST(absurd_lengths),
		GUEST_TEST(site_of_request),
		GUEST_TEST(no_site),
	};

	return cmocka_run_group_tests_name("psc", tests, NULL, NULL);
}
