// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks on an SNP guest's accesses: error bits and priorities of APM table
 * 15-39, and the guest's own page tables in all modes.
 */
#include "guestmem.h"

#define GPA	(GPA_BASE + 0x5000)
#define VA	GVA_BASE
#define P	NPF_PRESENT
#define R	NPF_RMP
#define FIXED	(NPF_USER | NPF_FINAL)

static struct npt_walk w;
static u64 perm;

static enum access_result check(u64 flags)
{
	perm = 0;
	s.code = s.info1 = s.info2 = 0;
	return npt_check(&s, GPA + 8, flags, &w, &perm);
}

#define expect_npf(flags, bits) do {			\
	expect(check(flags), ACC_NPF);			\
	expect(s.code, VMEXIT_NPF);			\
	expect(s.info1, bits);				\
	expect(s.info2, GPA + 8);			\
} while (0)

static void not_mapped(void)
{
	guest_setup();
	expect_npf(0, FIXED);
	expect_npf(ACCESS_WRITE, FIXED | NPF_WRITE);
	expect_npf(ACCESS_PRIVATE, FIXED | NPF_ENC);
	expect_npf(ACCESS_FETCH, FIXED | NPF_FETCH | NPF_ENC);
	expect_npf(ACCESS_TABLE, NPF_USER | NPF_TABLE | NPF_WRITE | NPF_ENC);
}

static void mmio(void)
{
	guest_setup();
	*npt_entry(GPA) = BIT(51) | PTE_P;
	expect(check(ACCESS_WRITE), ACC_VC);
	expect(s.code, VMEXIT_NPF);
}

static void read_only(void)
{
	guest_setup();
	map_private(GPA);
	*npt_entry(GPA) &= ~PTE_W;
	expect_npf(ACCESS_WRITE | ACCESS_PRIVATE, FIXED | P | NPF_WRITE | NPF_ENC);
	expect(check(ACCESS_PRIVATE), ACC_OK);
	expect(perm, 0);
	*npt_entry(GPA) |= PTE_NX;
	expect_npf(ACCESS_FETCH, FIXED | P | NPF_FETCH | NPF_ENC);
}

static void shared_page(void)
{
	guest_setup();
	map_shared(GPA);
	expect(check(0), ACC_OK);
	expect(perm, PTE_W | PTE_NX);
	expect(check(ACCESS_WRITE), ACC_OK);
	expect_npf(ACCESS_PRIVATE, FIXED | P | R | NPF_ENC);
	expect_npf(ACCESS_FETCH, FIXED | P | R | NPF_ENC | NPF_FETCH);
	expect_npf(ACCESS_TABLE, NPF_USER | NPF_TABLE | NPF_WRITE | P | R | NPF_ENC);
}

static void private_page(void)
{
	guest_setup();
	map_private(GPA);
	expect(check(ACCESS_PRIVATE), ACC_OK);
	expect(perm, PTE_W);
	expect(w.spa, SPA(GPA) + 8);
	expect(check(ACCESS_FETCH), ACC_OK);
	expect(check(ACCESS_TABLE), ACC_OK);
	/* Without C-bit: reads are not checked, writes are. */
	expect(check(0), ACC_OK);
	expect(perm, PTE_NX);
	expect_npf(ACCESS_WRITE, FIXED | P | R | NPF_WRITE);
}

static void rmp_fields(void)
{
	const u64 bits = FIXED | P | R | NPF_ENC;

	guest_setup();
	map_private(GPA);
	rmp_of(GPA)->lo ^= 1ul << RMP_ASID_SHIFT;
	expect_npf(ACCESS_PRIVATE, bits);
	map_private(GPA);
	rmp_of(GPA)->lo += PAGE_SIZE;
	expect_npf(ACCESS_PRIVATE, bits);
	map_private(GPA);
	rmp_of(GPA)->lo |= RMP_IMMUTABLE;
	expect_npf(ACCESS_PRIVATE, bits);
	rmp_of(GPA)->lo &= ~RMP_IMMUTABLE;
	/* SIZEM is for PVALIDATE and RMPADJUST only. */
	rmp_of(GPA)->lo |= RMP_2M;
	expect_npf(ACCESS_PRIVATE, bits);
}

static void big_pages(void)
{
	struct rmp_state st = { .gpa = GPA_BASE, .assigned = 1, .asid = ASID, .pagesize = 1 };

	guest_setup();
	*entry_in(s.ncr3, GPA, 1) = SPA(GPA_BASE) | RWX | PTE_PS | PTE_A | PTE_D;
	expect(check(ACCESS_WRITE), ACC_OK);
	expect(rmp_update(SPA(GPA_BASE), &st, MAX_ASID), 0);
	expect(check(ACCESS_PRIVATE), ACC_VC);
	expect(s.code, VMEXIT_PAGE_NOT_VALIDATED);
	rmp_of(GPA)->lo |= RMP_VALIDATED;
	expect(check(ACCESS_PRIVATE), ACC_OK);
	expect(w.spa, SPA(GPA) + 8);
	expect(rmp_psmash(SPA(GPA_BASE)), 0);
	expect_npf(ACCESS_PRIVATE, FIXED | P | R | NPF_ENC);
	/* Of a 2M page that is shared, no part may be assigned. */
	rmp_of(GPA)->lo = 0;
	expect_npf(ACCESS_WRITE, FIXED | P | R | NPF_WRITE);
	expect(check(0), ACC_OK);
	expect(perm & PTE_W, 0);
}

static void priorities(void)
{
	guest_setup();
	map_private(GPA);
	rmp_of(GPA)->lo &= ~RMP_VALIDATED;
	rmp_of(GPA)->hi = 0;
	/* Not validated comes before VMPL ... */
	expect(check(ACCESS_PRIVATE), ACC_VC);
	expect(s.code, VMEXIT_PAGE_NOT_VALIDATED);
	/* ... and after the owner, which comes after the page tables. */
	rmp_of(GPA)->lo ^= 1ul << RMP_ASID_SHIFT;
	expect_npf(ACCESS_PRIVATE | ACCESS_WRITE, FIXED | P | R | NPF_ENC | NPF_WRITE);
	*npt_entry(GPA) &= ~PTE_W;
	expect_npf(ACCESS_PRIVATE | ACCESS_WRITE, FIXED | P | NPF_ENC | NPF_WRITE);
}

static void vmpl(void)
{
	const u64 bits = FIXED | P | R | NPF_ENC | NPF_VMPL;

	guest_setup();
	map_private(GPA);
	s.vmpl = 1;
	expect_npf(ACCESS_PRIVATE, bits);
	rmp_of(GPA)->hi |= RMP_PERM_READ << 8;
	expect(check(ACCESS_PRIVATE), ACC_OK);
	expect(perm, PTE_NX);
	expect_npf(ACCESS_PRIVATE | ACCESS_WRITE, bits | NPF_WRITE);
	expect_npf(ACCESS_FETCH, bits | NPF_FETCH);
	rmp_of(GPA)->hi |= (RMP_PERM_WRITE | RMP_PERM_EXEC_SUPER) << 8;
	expect(check(ACCESS_PRIVATE | ACCESS_WRITE), ACC_OK);
	expect(perm, PTE_W);
	expect(check(ACCESS_FETCH), ACC_OK);
	expect_npf(ACCESS_FETCH | ACCESS_USER, bits | NPF_FETCH);
	/* Write without read is illegal. */
	rmp_of(GPA)->hi = RMP_PERM_ALL | RMP_PERM_WRITE << 8;
	expect_npf(ACCESS_PRIVATE | ACCESS_WRITE, bits | NPF_WRITE);
}

static void vmsa_page(void)
{
	guest_setup();
	map_private(GPA);
	rmp_of(GPA)->lo |= RMP_VMSA;
	expect(check(ACCESS_PRIVATE), ACC_OK);
	expect(perm, 0);
	expect_npf(ACCESS_PRIVATE | ACCESS_WRITE, FIXED | P | R | NPF_ENC | NPF_WRITE);
}

static void accessed_and_dirty(void)
{
	guest_setup();
	map_private(GPA);
	*npt_entry(GPA) &= ~(PTE_A | PTE_D);
	expect(check(ACCESS_PRIVATE), ACC_OK);
	expect(*npt_entry(GPA) & (PTE_A | PTE_D), PTE_A);
	expect(perm & PTE_W, 0);		/* so that the first write is seen */
	expect(check(ACCESS_PRIVATE | ACCESS_WRITE), ACC_OK);
	expect(*npt_entry(GPA) & (PTE_A | PTE_D), PTE_A | PTE_D);
	expect(perm & PTE_W, PTE_W);
}

/* --- the guest's own tables --- */

static u64 gpa;
static bool private;

static enum access_result translate(u64 va, u64 flags)
{
	gpa = 0;
	return guest_translate(&s, va, flags, &gpa, &private);
}

static void long_mode(void)
{
	guest_setup();
	map_private(GPA);
	expect(translate(VA, 0), ACC_PF);
	expect(s.pf_addr, VA);
	expect(s.pf_err, 0);
	*gpte(VA, 0) = GPA | PTE_P | PTE_U | CBIT;
	expect(translate(VA + 0x123, 0), ACC_OK);
	expect(gpa, GPA + 0x123);
	expect(private, true);
	expect(*gpte(VA, 0) & (PTE_A | PTE_D), PTE_A);
	expect(*gpte(VA, 3) & PTE_A, PTE_A);
	expect(translate(VA, ACCESS_WRITE), ACC_PF);
	expect(s.pf_err, PTE_P | PTE_W);
	s.v->save.cr0 &= ~CR0_WP;
	expect(translate(VA, ACCESS_WRITE), ACC_OK);
	expect(*gpte(VA, 0) & PTE_D, PTE_D);
	expect(translate(VA, ACCESS_WRITE | ACCESS_USER), ACC_PF);
	expect(s.pf_err, PTE_P | PTE_W | PTE_U);
	*gpte(VA, 0) = GPA | PTE_P | PTE_W | PTE_NX;
	expect(translate(VA, 0), ACC_OK);
	expect(private, false);
	expect(translate(VA, ACCESS_USER), ACC_PF);
	expect(s.pf_err, PTE_P | PTE_U);
	expect(translate(VA, ACCESS_FETCH), ACC_PF);
	expect(s.pf_err, PTE_P | NPF_FETCH);
	*gpte(VA, 1) = GPA_BASE | RWX | PTE_PS | CBIT;
	expect(translate(VA + 0x12345, ACCESS_WRITE), ACC_OK);
	expect(gpa, GPA_BASE + 0x12345);
	*gpte(VA, 2) = GPA_BASE | RWX | PTE_PS | CBIT;
	expect(translate(VA + 0x1234567, 0), ACC_OK);
	expect(gpa, GPA_BASE + 0x1234567);
}

static void table_not_validated(void)
{
	guest_setup();
	*gpte(VA, 0) = GPA | RWX | CBIT;
	rmp_of(*gpte(VA, 1) & PAGE_ADDR & ~CBIT)->lo &= ~RMP_VALIDATED;
	expect(translate(VA, 0), ACC_VC);
	expect(s.code, VMEXIT_PAGE_NOT_VALIDATED);
	expect(s.pf_addr, VA);
	/* A shared page can't be a page table. */
	rmp_of(*gpte(VA, 1) & PAGE_ADDR & ~CBIT)->lo = 0;
	expect(translate(VA, 0), ACC_NPF);
	expect(s.info1, NPF_USER | NPF_TABLE | NPF_WRITE | NPF_ENC | P | R);
}

static void pae(void)
{
	u64 *pdpt, *pd, *pt, pd_gpa, pt_gpa;

	guest_setup();
	s.v->save.efer = EFER_SVME | EFER_NXE;
	s.v->save.cs.attrib = SEG_DB | 0x9b;
	s.v->save.cr3 = guest_cr3 + 0x20;		/* 32-byte aligned */
	pd_gpa = guest_page();
	pt_gpa = guest_page();
	pdpt = pa_to_ptr(SPA(guest_cr3) + 0x20);
	pd = pa_to_ptr(SPA(pd_gpa));
	pt = pa_to_ptr(SPA(pt_gpa));
	pdpt[1] = pd_gpa | PTE_P;
	pd[2] = pt_gpa | RWX;
	pt[3] = GPA | RWX;
	pd[3] = GPA_BASE | RWX | PTE_PS;
	expect(translate(0x40403456, ACCESS_WRITE), ACC_OK);
	expect(gpa, GPA + 0x456);
	expect(private, true);
	expect(pdpt[1], pd_gpa | PTE_P);		/* has no A bit */
	expect(pt[3] & (PTE_A | PTE_D), PTE_A | PTE_D);
	expect(translate(0x40612345, 0), ACC_OK);
	expect(gpa, GPA_BASE + 0x12345);
	expect(translate(0x80000000, 0), ACC_PF);
}

static void legacy_paging(void)
{
	u32 *pd, *pt;
	u64 pt_gpa;

	guest_setup();
	s.v->save.efer = EFER_SVME;
	s.v->save.cs.attrib = SEG_DB | 0x9b;
	s.v->save.cr4 = 0;
	s.v->save.cr3 = guest_cr3;
	pt_gpa = guest_page();
	pd = pa_to_ptr(SPA(guest_cr3));
	pt = pa_to_ptr(SPA(pt_gpa));
	pd[1] = pt_gpa | RWX;
	pt[2] = GPA | RWX;
	expect(translate(0x402345, ACCESS_WRITE), ACC_OK);
	expect(gpa, GPA + 0x345);
	expect(private, true);
	expect(pt[2], GPA | RWX | PTE_A | PTE_D);
	expect(pt[3], 0);
	expect(translate(0x403000, 0), ACC_PF);
	pd[2] = GPA_BASE | RWX | PTE_PS;
	expect(translate(0x812345, 0), ACC_NPF);	/* CR4.PSE is clear: a table */
	s.v->save.cr4 = BIT(4);
	expect(translate(0x812345, 0), ACC_OK);
	expect(gpa, GPA_BASE + 0x12345);
}

static void no_paging(void)
{
	guest_setup();
	s.v->save.cr0 = CR0_PE;
	expect(translate(0x12345, ACCESS_WRITE), ACC_OK);
	expect(gpa, 0x12345);
	expect(private, true);
	s.v->save.cr0 |= CR0_PG;
	s.v->save.cr4 |= CR4_LA57;
	expect(translate(VA, 0), ACC_UNMODELLED);
}

static void copies(void)
{
	u8 out[32], in[32];
	unsigned int i;

	guest_setup();
	map_private(GPA);
	map_private(GPA + PAGE_SIZE);
	*gpte(VA, 0) = GPA | RWX | CBIT;
	*gpte(VA + PAGE_SIZE, 0) = (GPA + PAGE_SIZE) | RWX | CBIT;
	for (i = 0; i < sizeof(out); i++)
		out[i] = i + 1;
	expect(guest_write(&s, VA + PAGE_SIZE - 5, out, sizeof(out)), ACC_OK);
	expect(*(u8 *)pa_to_ptr(SPA(GPA) + PAGE_SIZE - 5), 1);
	expect(*(u8 *)pa_to_ptr(SPA(GPA + PAGE_SIZE)), 6);
	expect(guest_read(&s, VA + PAGE_SIZE - 5, in, sizeof(in)), ACC_OK);
	expect(memcmp(in, out, sizeof(in)), 0);
	/* If the second page is missing, nothing is written to the first. */
	*npt_entry(GPA + PAGE_SIZE) = 0;
	*(u8 *)pa_to_ptr(SPA(GPA) + PAGE_SIZE - 5) = 0xee;
	expect(guest_write(&s, VA + PAGE_SIZE - 5, out, sizeof(out)), ACC_NPF);
	expect(*(u8 *)pa_to_ptr(SPA(GPA) + PAGE_SIZE - 5), 0xee);
}

/* CR2 of #VC 0x404 */
static void linear_address(void)
{
	static const u8 insn[] = { 0x89, 0x58, 0x10 };	/* mov %ebx,16(%rax) */

	guest_setup();
	map_private(GPA);
	map_private(GPA + PAGE_SIZE);
	*gpte(VA, 0) = GPA | RWX | CBIT;
	*gpte(VA + PAGE_SIZE, 0) = (GPA + PAGE_SIZE) | RWX | CBIT;
	memcpy(pa_to_ptr(SPA(GPA)), insn, sizeof(insn));
	s.v->save.rip = VA;
	s.v->save.rax = VA + PAGE_SIZE;
	s.v->save.rsp = VA + 0x800;
	rmp_of(GPA + PAGE_SIZE)->lo &= ~RMP_VALIDATED;
	expect(guest_linear_of(&s, GPA + PAGE_SIZE + 16, ACCESS_WRITE | ACCESS_PRIVATE),
	       VA + PAGE_SIZE + 16);
	/* An operand across the page's end: the second page's first byte. */
	s.v->save.rax = VA + PAGE_SIZE - 18;
	expect(guest_linear_of(&s, GPA + PAGE_SIZE, ACCESS_WRITE | ACCESS_PRIVATE),
	       VA + PAGE_SIZE);
	expect(guest_linear_of(&s, GPA + 3, ACCESS_FETCH | ACCESS_PRIVATE), VA + 3);
	/* Nothing leads there. */
	expect(guest_linear_of(&s, GPA + 9 * PAGE_SIZE, ACCESS_WRITE | ACCESS_PRIVATE),
	       GPA + 9 * PAGE_SIZE);
}

int main(void)
{
	guest_mem_init();
	KTAP_START();
	RUN(not_mapped);
	RUN(mmio);
	RUN(read_only);
	RUN(shared_page);
	RUN(private_page);
	RUN(rmp_fields);
	RUN(big_pages);
	RUN(priorities);
	RUN(vmpl);
	RUN(vmsa_page);
	RUN(accessed_and_dirty);
	RUN(long_mode);
	RUN(table_not_validated);
	RUN(pae);
	RUN(legacy_paging);
	RUN(no_paging);
	RUN(copies);
	RUN(linear_address);
	return ktap_end();
}
