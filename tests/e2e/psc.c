// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-state changes in every form that a guest can ask for them; strict mode,
 * so that a PSC that the module missed or misread becomes a violation.
 */
#include "guard.h"
#include "meeting.h"

#define GPA_2M	0x200000ul
#define PAGES_2M	512ul

static void msr(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int shared, private, w, r;

	(void)arg;
	shared = op_psc(vm, 0, GPA(0), PSC_SHARED);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	private = op_psc(vm, 0, GPA(1), PSC_PRIVATE);
	op_pvalidate(vm, 0, GPA(1), true, false);
	r = op_write(vm, 0, VIEW_PRIVATE, GPA(1), 1);
	clean_run(vm);
	expect_code(vm, 0, shared, PSC_RESP_OK);
	expect_code(vm, 0, private, PSC_RESP_OK);
	expect_ok(vm, 0, w);
	expect_ok(vm, 0, r);
	expect_pscs(vm, 2, 0, 2);
	expect_psc_done(vm, GPA(0), 1, false, true);
	expect_psc_done(vm, GPA(1), 1, true, true);
	expect_page_state(vm, GPA(0), "shared");
	expect_page_state(vm, GPA(1), "private");
	expect_page_state(vm, GPA(2), "none");
	expect_page_state(vm, GUEST_IMAGE_GPA, "launched");
	expect_quiet(vm);
	vm_destroy(vm);
}

static void nae_single(const void *arg)
{
	const uint64_t e[] = { PSC_ENTRY(GPA(0), PSC_SHARED, 0, 0) };
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int p, w;

	(void)arg;
	p = op_psc_nae(vm, 0, PSC_HDR(0, 0), e, 1);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_code(vm, 0, p, 0);
	expect_value(vm, 0, p, PSC_HDR(1, 0));
	expect_ok(vm, 0, w);
	expect_pscs(vm, 1, 0, 1);
	expect_page_state(vm, GPA(0), "shared");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Entries that can't be merged: an exit to the VMM for each, 253 in one request. */
static void nae_batch(const void *arg)
{
	unsigned int n = (uintptr_t)arg, p, w;
	uint64_t e[PSC_MAX_ENTRIES];
	struct vm *vm = strict_vm(NULL, "vc");

	for (unsigned int i = 0; i < n; i++)
		e[i] = PSC_ENTRY(GPA(2 * i), PSC_SHARED, 0, 0);
	p = op_psc_nae(vm, 0, PSC_HDR(0, n - 1), e, n);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_repeat(vm, 0, n, 2 * GUEST_PAGE);
	clean_run(vm);
	expect_code(vm, 0, p, 0);
	expect_value(vm, 0, p, PSC_HDR(n, n - 1));
	expect_ok(vm, 0, w);
	expect_exits(vm, 0, KVM_EXIT_HYPERCALL, GUEST_BOOT_PSCS(0) + n);
	expect_pscs(vm, n, 0, n);
	for (unsigned int i = 0; i < n; i += n / 4) {
		expect_page_state(vm, GPA(2 * i), "shared");
		expect_page_state(vm, GPA(2 * i + 1), "none");
	}
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Adjacent entries: KVM makes one exit of them; a change of direction starts another. */
static void nae_merged(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	const struct vm_exit *x;
	uint64_t e[24];
	unsigned int p;

	(void)arg;
	for (unsigned int i = 0; i < 24; i++)
		e[i] = PSC_ENTRY(GPA(i), i < 16 ? PSC_SHARED : PSC_PRIVATE, 0, 0);
	p = op_psc_nae(vm, 0, PSC_HDR(0, 23), e, 24);
	op_write(vm, 0, VIEW_SHARED, GPA(15), 1);
	op_pvalidate(vm, 0, GPA(16), true, false);
	op_write(vm, 0, VIEW_PRIVATE, GPA(16), 1);
	clean_run(vm);
	expect_code(vm, 0, p, 0);
	expect_exits(vm, 0, KVM_EXIT_HYPERCALL, GUEST_BOOT_PSCS(0) + 2);
	x = vcpu_exit(&vm->vcpu[0], KVM_EXIT_HYPERCALL, GUEST_BOOT_PSCS(0));
	check(x && x->gpa == GPA(0) && x->size == 16 * GUEST_PAGE, "the first range is not 16 pages");
	expect_pscs(vm, 2, 0, 24);
	expect_psc_done(vm, GPA(0), 16, false, true);
	expect_psc_done(vm, GPA(16), 8, true, true);
	expect_page_state(vm, GPA(15), "shared");
	expect_page_state(vm, GPA(16), "private");
	expect_page_state(vm, GPA(24), "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

static void nae_2m(const void *arg)
{
	const uint64_t shared[] = { PSC_ENTRY(GPA_2M, PSC_SHARED, 1, 0),
				    PSC_ENTRY(2 * GPA_2M, PSC_SHARED, 1, 0) };
	const uint64_t private[] = { PSC_ENTRY(GPA_2M, PSC_PRIVATE, 1, 0) };
	uint64_t last = GPA_2M + (PAGES_2M - 1) * GUEST_PAGE;
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int p, w, w2, q, v, w3;

	(void)arg;
	p = op_psc_nae(vm, 0, PSC_HDR(0, 1), shared, 2);
	w = op_write(vm, 0, VIEW_SHARED, GPA_2M, 1);
	w2 = op_write(vm, 0, VIEW_SHARED, 2 * GPA_2M + (PAGES_2M - 1) * GUEST_PAGE, 1);
	q = op_psc_nae(vm, 0, PSC_HDR(0, 0), private, 1);
	v = op_pvalidate(vm, 0, last, true, false);
	w3 = op_write(vm, 0, VIEW_PRIVATE, last, 1);
	clean_run(vm);
	expect_code(vm, 0, p, 0);
	expect_code(vm, 0, q, 0);
	expect_ok(vm, 0, w);
	expect_ok(vm, 0, w2);
	expect_code(vm, 0, v, 0);
	expect_ok(vm, 0, w3);
	/* Two adjacent 2M entries are one range. */
	expect_psc_done(vm, GPA_2M, 2 * PAGES_2M, false, true);
	expect_psc_done(vm, GPA_2M, PAGES_2M, true, true);
	expect_pscs(vm, 2, 0, 3 * PAGES_2M);
	expect_page_state(vm, GPA_2M, "private");
	expect_page_state(vm, last, "private");
	expect_page_state(vm, last + GUEST_PAGE, "shared");
	expect_page_state(vm, GPA_2M - GUEST_PAGE, "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* A 2M entry of which the first half is done: only the second half changes. */
static void nae_2m_partly_done(const void *arg)
{
	const uint64_t e[] = { PSC_ENTRY(GPA_2M, PSC_SHARED, 1, PAGES_2M / 2) };
	uint64_t half = GPA_2M + PAGES_2M / 2 * GUEST_PAGE;
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int p;

	(void)arg;
	p = op_psc_nae(vm, 0, PSC_HDR(0, 0), e, 1);
	op_write(vm, 0, VIEW_SHARED, half, 1);
	clean_run(vm);
	expect_code(vm, 0, p, 0);
	expect_psc_done(vm, half, PAGES_2M / 2, false, true);
	expect_page_state(vm, half - GUEST_PAGE, "none");
	expect_page_state(vm, half, "shared");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* KVM rejects the request before the VMM sees it: nothing has changed. */
struct malformed {
	uint64_t hdr;
	uint64_t entry[2];
	uint64_t error;
	unsigned int exits;	/* ranges done before the bad entry */
};

static const struct malformed bad_header = {
	PSC_HDR(0, PSC_MAX_ENTRIES), { PSC_ENTRY(GPA(0), PSC_SHARED, 0, 0) },
	PSC_ERROR_INVALID_HDR, 0,
};

static const struct malformed unaligned_2m = {
	PSC_HDR(0, 1),
	{ PSC_ENTRY(GPA(8), PSC_SHARED, 0, 0), PSC_ENTRY(GPA(1), PSC_SHARED, 1, 0) },
	PSC_ERROR_INVALID_ENTRY, 1,
};

static const struct malformed bad_cur_page = {
	PSC_HDR(0, 1),
	{ PSC_ENTRY(GPA(8), PSC_SHARED, 0, 0), PSC_ENTRY(GPA(0), PSC_SHARED, 0, 2) },
	PSC_ERROR_INVALID_ENTRY, 1,
};

static void malformed(const void *arg)
{
	const struct malformed *m = arg;
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int p, w;

	p = op_psc_nae(vm, 0, m->hdr, m->entry, 2);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_code(vm, 0, p, m->error);
	expect_pscs(vm, m->exits, 0, m->exits);
	expect_page_state(vm, GPA(8), m->exits ? "shared" : "none");
	/* The guest goes on as if it had got what it asked for. */
	expect_ok(vm, 0, w);
	expect_record(vm, "class=initial_shared gfn=0x%lx psc=none", GFN(0));
	expect_quiet(vm);
	vm_destroy(vm);
}

/* PSMASH: KVM says done and does nothing, the page is what it was. */
static void unsupported_op(const void *arg)
{
	const uint64_t e[] = { PSC_ENTRY(GPA(0), 3, 0, 0) };
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int p, m, w;

	(void)arg;
	p = op_psc_nae(vm, 0, PSC_HDR(0, 0), e, 1);
	m = op_psc(vm, 0, GPA(1), 3);
	w = op_write(vm, 0, VIEW_PRIVATE, GPA(0), 1);
	clean_run(vm);
	expect_code(vm, 0, p, 0);
	check(vm_result(vm, 0, m)->code >> 32, "the MSR protocol accepted page operation 3");
	expect_pscs(vm, 0, 0, 0);
	expect_page_state(vm, GPA(0), "none");
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=first_touch action=vc");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* A VMM without KVM_HC_MAP_GPA_RANGE exits: the guest learns that no PSC works. */
static void not_offered(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .no_map_gpa_range = true }, "vc");

	(void)arg;
	guard_launch(vm);
	run(vm);
	expect_term(vm, 0, GUEST_TERM_SETUP);
	expect_counter(vm, "psc_requests", 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* --- sequences --- */

/* private to shared to private and back, with data, again and again */
static void round_trips(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int start, r, s;

	(void)arg;
	start = op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	op_pvalidate(vm, 0, GPA(0), true, false);
	op_write(vm, 0, VIEW_PRIVATE, GPA(0), 5);
	r = op_read(vm, 0, VIEW_PRIVATE, GPA(0));
	op_make_shared(vm, 0, GPA(0));
	op_write(vm, 0, VIEW_SHARED, GPA(0), 6);
	s = op_read(vm, 0, VIEW_SHARED, GPA(0));
	op_loop(vm, 0, start, 10);
	clean_run(vm);
	expect_value(vm, 0, r, 5);
	expect_value(vm, 0, s, 6);
	check(vm_result(vm, 0, s)->runs == 10, "the guest did not do ten rounds");
	check(!vm_result(vm, 0, r)->faults && !vm_result(vm, 0, s)->faults, "an access faulted");
	expect_pscs(vm, 20, 0, 20);
	expect_exits(vm, 0, KVM_EXIT_MEMORY_FAULT, 0);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Only the last PSC counts: the same bug before and after a round trip. */
static void last_psc_counts(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int w, w2;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	op_psc(vm, 0, GPA(0), PSC_PRIVATE);
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	w2 = op_write(vm, 0, VIEW_SHARED, GPA(0), 2);
	clean_run(vm);
	expect_fault(vm, 0, w, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_ok(vm, 0, w2);
	expect_record(vm, "class=implicit_shared psc=private psc_vcpu=0 psc_gfn=0x%lx psc_pages=1",
		      GFN(0));
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Ranges that are no memory, up to the end of what an entry can say: no state for them. */
static void outside_memory(const void *arg)
{
	const uint64_t e[] = {
		PSC_ENTRY(0x40000000ul, PSC_SHARED, 0, 0),
		PSC_ENTRY(0xffffffffff000ul, PSC_SHARED, 0, 0),
		PSC_ENTRY(0xfffffffe00000ul, PSC_SHARED, 1, 0),
		PSC_ENTRY(GUEST_MEM_SIZE, PSC_PRIVATE, 0, 0),
	};
	struct vm *vm = strict_vm(NULL, "vc");
	uint64_t bytes;
	unsigned int p;

	(void)arg;
	op_psc(vm, 0, GPA(0), PSC_SHARED);
	add_meeting(vm);
	p = op_psc_nae(vm, 0, PSC_HDR(0, 3), e, 4);
	run_until_meeting(vm);
	bytes = guard_counter(vm, "tracker_bytes");
	run_on(vm);
	expect_code(vm, 0, p, PSC_ERROR_GENERIC);	/* the last one can't be private */
	expect_counter(vm, "psc_refused", 1);
	expect_counter(vm, "tracker_bytes", bytes);
	expect_page_state(vm, 0x40000000ul, "none");
	expect_quiet(vm);
	vm_destroy(vm);
}

/* The VMCALL that other guests use for the same purpose is a request as well. */
static void plain_hypercall(const void *arg)
{
	struct vm *vm = strict_vm(NULL, "vc");
	unsigned int h, w;

	(void)arg;
	h = op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = GPA(0),
					      .arg = { 1, 0 } });
	w = op_write(vm, 0, VIEW_SHARED, GPA(0), 1);
	clean_run(vm);
	expect_code(vm, 0, h, 0);
	expect_ok(vm, 0, w);
	expect_pscs(vm, 1, 0, 1);
	expect_page_state(vm, GPA(0), "shared");
	expect_quiet(vm);
	vm_destroy(vm);
}

#define MANY_PAGES	((1ull << 32) + 8)
#define SLOT1_PAGES	16u
#define SLOT1_LAST	(VM_SLOT1_GPA + (SLOT1_PAGES - 1) * GUEST_PAGE)

static uint64_t convert_slot1(struct vcpu *v, const struct psc *psc)
{
	if (psc->pages < MANY_PAGES)
		return vm_psc(v, psc);
	return vm_convert(v->vm, VM_SLOT1_GPA, SLOT1_PAGES * GUEST_PAGE, psc->to_private);
}

static uint64_t only_say_done(struct vcpu *v, const struct psc *psc)
{
	return psc->pages < MANY_PAGES ? vm_psc(v, psc) : 0;
}

/*
 * More pages than fit in 32 bits, and eight more: all memory that is there has changed,
 * not its first eight pages.
 */
static void hypercall_of_many(const void *arg)
{
	const bool lie = arg;
	struct vm *vm = strict_vm(&(struct vm_config){
					.on_psc = lie ? only_say_done : convert_slot1 }, "vc");
	unsigned int h, w, p;

	vm_slot_add(vm, 1, VM_SLOT1_GPA, SLOT1_PAGES * GUEST_PAGE);
	h = op_add(vm, 0, &(struct guest_op){ .code = OP_PSC_HYPERCALL, .gpa = VM_SLOT1_GPA,
					      .arg = { MANY_PAGES, 0 } });
	w = op_write(vm, 0, VIEW_SHARED, SLOT1_LAST, 1);
	p = op_write(vm, 0, VIEW_PRIVATE, SLOT1_LAST, 2);
	clean_run(vm);
	expect_code(vm, 0, h, 0);
	expect_pscs(vm, 1, 0, MANY_PAGES);
	expect_psc_done(vm, VM_SLOT1_GPA, MANY_PAGES, false, true);
	expect_page_state(vm, VM_SLOT1_GPA, "shared");
	expect_page_state(vm, SLOT1_LAST, "shared");
	expect_page_state(vm, VM_SLOT1_GPA - GUEST_PAGE, "none");
	expect_page_state(vm, SLOT1_LAST + GUEST_PAGE, "none");
	expect_ok(vm, 0, w);
	if (lie)
		expect_record(vm, "class=host gfn=0x%lx expected=shared attr=private action=none",
			      SLOT1_LAST / GUEST_PAGE);
	expect_fault(vm, 0, p, VECTOR_VC, VC_PAGE_NOT_VALIDATED, 1);
	expect_record(vm, "class=implicit_private gfn=0x%lx psc=shared psc_gfn=0x%lx psc_pages=%llu",
		      SLOT1_LAST / GUEST_PAGE, VM_SLOT1_GPA / GUEST_PAGE, MANY_PAGES);
	expect_quiet(vm);
	vm_destroy(vm);
}

/* Two vCPUs convert neighbouring pages at the same time. */
static void two_vcpus(const void *arg)
{
	struct vm *vm = strict_vm(&(struct vm_config){ .nvcpus = 2 }, "vc");
	unsigned int start;

	(void)arg;
	for (unsigned int i = 0; i < 2; i++) {
		start = op_make_private(vm, i, GPA(i)) - 1;
		op_write(vm, i, VIEW_PRIVATE, GPA(i), i);
		op_make_shared(vm, i, GPA(i));
		op_write(vm, i, VIEW_SHARED, GPA(i), i);
		op_loop(vm, i, start, 25);
	}
	clean_run(vm);
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int op = 0; op < 6; op++)
			check(!vm_result(vm, i, op)->faults, "vCPU %u operation %u faulted", i, op);
	}
	expect_pscs(vm, 100, 0, 100);
	expect_quiet(vm);
	vm_destroy(vm);
}

static const struct scenario scenarios[] = {
	{ "psc.msr", msr, NULL, 0 },
	{ "psc.nae_single", nae_single, NULL, 0 },
	{ "psc.nae_batch", nae_batch, (void *)8, 0 },
	{ "psc.nae_batch_full", nae_batch, (void *)PSC_MAX_ENTRIES, 0 },
	{ "psc.nae_merged", nae_merged, NULL, 0 },
	{ "psc.nae_2m", nae_2m, NULL, 0 },
	{ "psc.nae_2m_partly_done", nae_2m_partly_done, NULL, 0 },
	{ "psc.bad_header", malformed, &bad_header, 0 },
	{ "psc.unaligned_2m", malformed, &unaligned_2m, 0 },
	{ "psc.bad_cur_page", malformed, &bad_cur_page, 0 },
	{ "psc.unsupported_op", unsupported_op, NULL, 0 },
	{ "psc.not_offered", not_offered, NULL, 0 },
	{ "psc.round_trips", round_trips, NULL, 0 },
	{ "psc.last_psc_counts", last_psc_counts, NULL, 0 },
	{ "psc.outside_memory", outside_memory, NULL, 0 },
	{ "psc.plain_hypercall", plain_hypercall, NULL, 0 },
	{ "psc.hypercall_of_many", hypercall_of_many, NULL, 0 },
	{ "psc.hypercall_of_many_not_done", hypercall_of_many, "lie", 0 },
	{ "psc.two_vcpus", two_vcpus, NULL, 0 },
};

GROUP(psc_group, scenarios);
