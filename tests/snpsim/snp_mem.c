// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as an SNP guest sees it: KVM's nested table, the RMP check, the
 * guest's own page tables.
 */
#include "snp_vcpu.h"

#include "decode.h"
#include "lib.h"
#include "rmp.h"

#define CR4_PSE		BIT(4)
#define PFNS_2M		512ul

enum access_result npt_fault(struct snp_vcpu *s, u64 gpa, u64 flags, u64 error)
{
	s->code = VMEXIT_NPF;
	s->info1 = error | NPF_USER;	/* all nested accesses count as such, APM 15.25.6 */
	s->info2 = gpa;
	/* The walk may set Accessed and Dirty: the same section calls it a write. */
	if (flags & (ACCESS_WRITE | ACCESS_TABLE))
		s->info1 |= NPF_WRITE;
	if (flags & ACCESS_FETCH)
		s->info1 |= NPF_FETCH;
	if (flags & ACCESS_PRIVATE)
		s->info1 |= NPF_ENC;
	s->info1 |= flags & ACCESS_TABLE ? NPF_TABLE : NPF_FINAL;
	return ACC_NPF;
}

/* "Hypervisor-Owned" of APM 15.36.10: of a big page, all of it must be. */
static bool hypervisor_owned(const struct npt_walk *w)
{
	u64 pa = w->spa & ~(SZ_2M - 1), i;

	if (!w->level)
		return rmp_hypervisor_owned(w->spa);
	for (i = 0; i < PFNS_2M; i++)
		if (!rmp_hypervisor_owned(pa + (i << PAGE_SHIFT)))
			return false;
	return true;
}

static enum access_result check_shared(struct snp_vcpu *s, u64 gpa, u64 flags,
				       const struct npt_walk *w, u64 *perm)
{
	*perm |= PTE_NX;		/* fetches are private: let them fault */
	if (hypervisor_owned(w))
		return ACC_OK;
	if (flags & ACCESS_WRITE)
		return npt_fault(s, gpa, flags, NPF_PRESENT | NPF_RMP);
	*perm &= ~PTE_W;
	return ACC_OK;
}

static bool vmpl_allows(u64 perms, u64 flags)
{
	if (flags & ACCESS_FETCH)
		return perms & (flags & ACCESS_USER ? RMP_PERM_EXEC_USER : RMP_PERM_EXEC_SUPER);
	if (!(perms & RMP_PERM_READ))		/* write without read is illegal */
		return false;
	return !(flags & ACCESS_WRITE) || perms & RMP_PERM_WRITE;
}

/* The checks of APM table 15-39 for private accesses, in their order of priority. */
static enum access_result check_private(struct snp_vcpu *s, u64 gpa, u64 flags,
					const struct npt_walk *w, u64 *perm)
{
	const struct rmp_entry *e = rmp_get(w->spa);
	u64 perms;

	if (!e || !(e->lo & RMP_ASSIGNED) || RMP_ASID(e->lo) != s->asid ||
	    (e->lo & RMP_GPA) != (gpa & PAGE_MASK) || e->lo & RMP_IMMUTABLE ||
	    !(e->lo & RMP_2M) != !w->level)
		return npt_fault(s, gpa, flags, NPF_PRESENT | NPF_RMP);
	if (!(e->lo & RMP_VALIDATED)) {
		npt_fault(s, gpa, flags, NPF_PRESENT | NPF_RMP);
		s->code = VMEXIT_PAGE_NOT_VALIDATED;
		return ACC_VC;
	}
	perms = RMP_PERMS(e->hi, s->vmpl);
	if (!vmpl_allows(perms, flags))
		return npt_fault(s, gpa, flags, NPF_PRESENT | NPF_RMP | NPF_VMPL);
	if (flags & ACCESS_WRITE && e->lo & RMP_VMSA)
		return npt_fault(s, gpa, flags, NPF_PRESENT | NPF_RMP);
	if (!(perms & RMP_PERM_WRITE) || e->lo & RMP_VMSA)
		*perm &= ~PTE_W;
	if (!(perms & (RMP_PERM_EXEC_USER | RMP_PERM_EXEC_SUPER)))
		*perm |= PTE_NX;
	return ACC_OK;
}

enum access_result npt_check(struct snp_vcpu *s, u64 gpa, u64 flags, struct npt_walk *w,
			     u64 *perm)
{
	bool write = flags & (ACCESS_WRITE | ACCESS_TABLE);
	enum access_result r;

	if (flags & (ACCESS_FETCH | ACCESS_TABLE))
		flags |= ACCESS_PRIVATE;
	do {
		switch (npt_walk(s->ncr3, gpa, w)) {
		case NPT_ABSENT:
			return npt_fault(s, gpa, flags, 0);
		case NPT_RESERVED:
			/* Not an automatic exit: the guest's #VC handler emulates MMIO. */
			npt_fault(s, gpa, flags, NPF_PRESENT | NPF_RSVD);
			return ACC_VC;
		case NPT_MAPPED:
			break;
		}
		/* RMP checks come after those of the page tables, APM 15.36.10. */
		if ((write && !(w->perm & PTE_W)) || (flags & ACCESS_FETCH && w->perm & PTE_NX))
			return npt_fault(s, gpa, flags, NPF_PRESENT);
		*perm = w->perm;
		if (flags & ACCESS_PRIVATE)
			r = check_private(s, gpa, flags, w, perm);
		else
			r = check_shared(s, gpa, flags, w, perm);
		if (r)
			return r;
	} while (!npt_mark(w, write));
	/* As long as KVM's entry is clean, the next write has to come here too. */
	if (!(w->val & PTE_D))
		*perm &= ~PTE_W;
	return ACC_OK;
}

/* --- the guest's own page tables --- */

struct paging {
	unsigned int levels;
	unsigned int index_bits;	/* of all levels but the first of PAE */
	unsigned int entry_size;
	u64 root;
	u64 cbit;
};

static bool paging_mode(const struct vmcb *v, struct paging *p)
{
	u64 cr3 = v->save.cr3, cr4 = v->save.cr4;

	if (guest_long_mode(v)) {
		if (cr4 & CR4_LA57) {
			log("guest: 5-level paging is not modelled");
			return false;
		}
		*p = (struct paging){ 4, 9, 8, cr3 & PAGE_ADDR & ~CBIT, CBIT };
	} else if (cr4 & CR4_PAE) {
		*p = (struct paging){ 3, 9, 8, cr3 & 0xffffffe0, 0 };
	} else {
		*p = (struct paging){ 2, 10, 4, cr3 & 0xfffff000, 0 };
	}
	return true;
}

static u64 read_entry(const void *p, unsigned int size)
{
	return size == 8 ? READ_ONCE(*(const u64 *)p) : READ_ONCE(*(const u32 *)p);
}

/* Other vCPUs and the machine's own walker write to the same entry. */
static void set_bits(void *p, unsigned int size, u64 bits)
{
	if (size == 8)
		__atomic_fetch_or((u64 *)p, bits, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_or((u32 *)p, (u32)bits, __ATOMIC_SEQ_CST);
}

static enum access_result page_fault(struct snp_vcpu *s, u64 va, u64 flags, bool present)
{
	s->pf_addr = va;
	s->pf_err = (present ? PTE_P : 0) | (flags & ACCESS_WRITE ? PTE_W : 0) |
		    (flags & ACCESS_USER ? PTE_U : 0);
	if (flags & ACCESS_FETCH && s->v->save.efer & EFER_NXE)
		s->pf_err |= NPF_FETCH;
	return ACC_PF;
}

static bool allowed(const struct vmcb *v, u64 perm, bool nx, u64 flags)
{
	if (flags & ACCESS_USER && !(perm & PTE_U))
		return false;
	if (flags & ACCESS_WRITE && !(perm & PTE_W))
		return !(flags & ACCESS_USER) && !(v->save.cr0 & CR0_WP);
	return !(flags & ACCESS_FETCH && nx && v->save.efer & EFER_NXE);
}

enum access_result guest_translate(struct snp_vcpu *s, u64 va, u64 flags, u64 *gpa,
				   bool *private)
{
	const struct vmcb *v = s->v;
	u64 table, perm = PTE_W | PTE_U, npt_perm, e, mask, bits;
	bool nx = false, leaf, pae_root;
	struct npt_walk w;
	struct paging p;
	int level;

	s->pf_addr = va;		/* CR2, should a #VC 0x404 or #PF come of it */
	if (!guest_paged(v)) {
		*gpa = (u32)va;
		*private = true;
		return ACC_OK;
	}
	if (!paging_mode(v, &p))
		return ACC_UNMODELLED;
	if (!guest_long_mode(v))
		va = (u32)va;
	table = p.root;
	for (level = p.levels - 1; ; level--) {
		u64 shift = PAGE_SHIFT + p.index_bits * level;
		u64 index = va >> shift & (BIT(p.index_bits) - 1);
		enum access_result r;
		void *pte;

		r = npt_check(s, table + index * p.entry_size, ACCESS_TABLE, &w, &npt_perm);
		if (r)
			return r;
		pte = pa_to_ptr(w.spa);
		e = read_entry(pte, p.entry_size);
		if (!(e & PTE_P))
			return page_fault(s, va, flags, false);
		pae_root = p.levels == 3 && level == 2;		/* has no such bits */
		if (!pae_root)
			perm &= e;
		nx |= p.entry_size == 8 && e & PTE_NX;
		leaf = !level || (e & PTE_PS && !pae_root &&
				  (p.entry_size == 8 || v->save.cr4 & CR4_PSE));
		mask = BIT(shift) - 1;
		if (leaf)
			break;
		if (!(e & PTE_A) && !pae_root)
			set_bits(pte, p.entry_size, PTE_A);
		table = e & PAGE_ADDR & ~p.cbit;
	}
	if (!allowed(v, perm, nx, flags))
		return page_fault(s, va, flags, true);
	bits = PTE_A | (flags & ACCESS_WRITE ? PTE_D : 0);
	if (bits & ~e)
		set_bits(pa_to_ptr(w.spa), p.entry_size, bits);
	*gpa = (e & PAGE_ADDR & ~p.cbit & ~mask) | (va & mask);
	*private = !p.cbit || e & p.cbit;
	return ACC_OK;
}

static enum access_result copy(struct snp_vcpu *s, u64 va, u8 *buf, unsigned int n, u64 flags)
{
	while (n) {
		unsigned int part = PAGE_SIZE - (va & ~PAGE_MASK);
		enum access_result r;
		struct npt_walk w;
		bool private;
		u64 gpa, perm;

		r = guest_translate(s, va, flags, &gpa, &private);
		if (!r)
			r = npt_check(s, gpa, flags | (private ? ACCESS_PRIVATE : 0), &w, &perm);
		if (r)
			return r;
		if (part > n)
			part = n;
		if (flags & ACCESS_WRITE)
			memcpy(pa_to_ptr(w.spa), buf, part);
		else
			memcpy(buf, pa_to_ptr(w.spa), part);
		n -= part;
		buf += part;
		va += part;
	}
	return ACC_OK;
}

enum access_result guest_read(struct snp_vcpu *s, u64 va, void *dst, unsigned int n)
{
	return copy(s, va, dst, n, 0);
}

enum access_result guest_write(struct snp_vcpu *s, u64 va, const void *src, unsigned int n)
{
	unsigned int part = PAGE_SIZE - (va & ~PAGE_MASK);
	enum access_result r;
	u64 gpa;
	bool private;

	/* All or nothing: a frame that is half on a missing page must not be begun. */
	if (part < n) {
		struct npt_walk w;
		u64 perm;

		r = guest_translate(s, va + part, ACCESS_WRITE, &gpa, &private);
		if (!r)
			r = npt_check(s, gpa, ACCESS_WRITE | (private ? ACCESS_PRIVATE : 0),
				      &w, &perm);
		if (r)
			return r;
	}
	return copy(s, va, (u8 *)src, n, ACCESS_WRITE);
}

static u64 linear_rip(const struct vmcb *v)
{
	return code_is_64bit(v) ? v->save.rip : (u32)(v->save.rip + v->save.cs.base);
}

static u64 cpl_flag(const struct vmcb *v)
{
	return seg_dpl(&v->save.ss) == 3 ? ACCESS_USER : 0;
}

enum access_result guest_fetch(struct snp_vcpu *s, u8 *buf)
{
	u64 va = linear_rip(s->v), flags = ACCESS_FETCH | cpl_flag(s->v);
	unsigned int part = PAGE_SIZE - (va & ~PAGE_MASK);
	enum access_result r;

	memset(buf, 0, MAX_INSN_LEN);
	if (part > MAX_INSN_LEN)
		part = MAX_INSN_LEN;
	r = copy(s, va, buf, part, flags);
	if (!r && part < MAX_INSN_LEN)
		copy(s, va + part, buf + part, MAX_INSN_LEN - part, flags);
	return r;
}

enum access_result guest_code(struct snp_vcpu *s, u8 **insn)
{
	u64 flags = ACCESS_FETCH | cpl_flag(s->v), gpa, perm;
	enum access_result r;
	struct npt_walk w;
	bool private;

	r = guest_translate(s, linear_rip(s->v), flags, &gpa, &private);
	if (!r)
		r = npt_check(s, gpa, flags, &w, &perm);
	if (!r)
		*insn = pa_to_ptr(w.spa);
	return r;
}

/* Does an access to @va, or to the rest of an operand there, meet the fault at @gpa? */
static bool leads_to(struct snp_vcpu *s, u64 va, u64 gpa, u64 flags, u64 *linear)
{
	static const u8 offset[] = { 0, 7, 15, 31, 63 };	/* up to a 64-byte operand */
	u64 walk_flags = (flags & (ACCESS_WRITE | ACCESS_FETCH)) | cpl_flag(s->v);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offset); i++) {
		u64 at = va + offset[i], found;
		enum access_result r;
		bool private;

		r = guest_translate(s, at, walk_flags, &found, &private);
		if (flags & ACCESS_TABLE) {
			if ((r == ACC_VC || r == ACC_NPF) &&
			    (s->info2 & PAGE_MASK) == (gpa & PAGE_MASK)) {
				*linear = i ? at & PAGE_MASK : at;
				return true;
			}
		} else if (!r && (found & PAGE_MASK) == (gpa & PAGE_MASK)) {
			*linear = (at & PAGE_MASK) | (gpa & ~PAGE_MASK);
			return true;
		}
	}
	return false;
}

u64 guest_linear_of(struct snp_vcpu *s, u64 gpa, u64 flags)
{
	u64 code = s->code, info1 = s->info1, info2 = s->info2, linear = gpa;
	struct vmsa *save = &s->v->save;
	u8 insn[MAX_INSN_LEN];
	struct operand op;

	if (leads_to(s, linear_rip(s->v), gpa, flags | ACCESS_FETCH, &linear) &&
	    flags & (ACCESS_FETCH | ACCESS_TABLE))
		goto out;
	if (!guest_fetch(s, insn) && !decode_mem(s->c, s->v, insn, &op)) {
		if (op.has_mem && leads_to(s, op.linear, gpa, flags, &linear))
			goto out;
		if (op.string && leads_to(s, op.source, gpa, flags, &linear))
			goto out;
	}
	/* PUSH and CALL, POP and RET */
	if (leads_to(s, save->rsp - 8, gpa, flags, &linear) ||
	    leads_to(s, save->rsp, gpa, flags, &linear))
		goto out;
	linear = gpa;
out:
	s->code = code;
	s->info1 = info1;
	s->info2 = info2;
	return linear;
}
