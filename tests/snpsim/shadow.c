// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow nested page tables.
 *
 * Tables come from one pool.  Next to each table of the last level lies, for
 * each of its entries, the value of KVM's entry that it was made from, and a
 * place in the list of entries that map the same page.  (These lists can be
 * long: a guest that reads memory it never wrote has the zero page everywhere.)
 *
 * Why a flush by the host does not empty the instance: KVM asks for one at
 * every vCPU switch within an ASID, and refilling takes an exit per page.
 *
 * Why the values can be trusted: KVM frees a page table only after it has asked
 * for a flush, and shadow_sync() walks KVM's table from its root again, so an
 * entry is compared with the live entry for its address, never with memory that
 * was once a page table.
 */
#include "shadow.h"

#include "lib.h"
#include "smp.h"

#define NR_SHADOWS	64
#define NR_ENTRIES	512
#define PAGES_PER_MAP	4		/* the most that one shadow_map() can take */

/* What of KVM's entry matters; its software bits change at any time. */
#define SPTE_BITS	(PAGE_ADDR | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_PS | PTE_NX)
/*
 * Accessed and Dirty are set from the start so that TCG never writes to these
 * tables: a late write could bring a removed entry back.
 */
#define TABLE_BITS	(PTE_P | PTE_W | PTE_U | PTE_A)
#define LEAF_BITS	(PTE_P | PTE_U | PTE_A | PTE_D)
#define PRIVATE_INDEX	(CBIT >> 39)	/* of the private half in the root */

/* Bookkeeping of a page of the pool. */
struct table {
	u64 gpa;			/* last level: first address (with C-bit) */
	const u64 *spt;			/* KVM's table that it shadows, NULL if a big page */
	u64 big;			/* KVM's big entry, if spt is NULL */
	u32 next;			/* of the same instance, or of the free list */
	u16 used;			/* entries present */
	bool leaf;
};

/* Neighbours in the list of a page, as entry ids, 0: none. */
struct link {
	u32 next, prev;
};

struct shadow {
	u64 ncr3;
	u32 asid;
	unsigned int vmpl;
	unsigned int users;
	u64 last_used;
	u32 tables;			/* list, without the three below */
	u64 *root;			/* of vCPUs in long mode */
	u64 *root_private;		/* of all others */
	u64 *private_dir;		/* shared by both roots: private 0-512G */
};

struct shadow_stats shadow_stats;

static struct shadow shadows[NR_SHADOWS];
static struct shadow *recent = shadows;	/* the one that was got last */
static u64 use_counter;

static u64 pool;
static u32 pool_pages;
static u32 free_list;			/* index + 1, 0: empty */
static u32 nr_free;
static struct table *tables;
static u64 (*values)[NR_ENTRIES];
static struct link (*links)[NR_ENTRIES];
static u32 *heads;			/* per pfn: entry id, 0: none */
static u64 nr_pfns;

static u64 pool_size(u64 npfn)
{
	return 2048 + npfn / 256 + 3 * NR_SHADOWS;
}

u64 shadow_mem_size(u64 npfn)
{
	u64 n = pool_size(npfn);

	return n * (PAGE_SIZE + sizeof(*values) + sizeof(*links) + sizeof(*tables)) +
	       npfn * sizeof(*heads) + PAGE_SIZE;
}

static u64 *page_of(u32 t)
{
	return pa_to_ptr(pool + ((u64)t << PAGE_SHIFT));
}

static u32 index_of(const void *p)
{
	return ((u64)p - pool) >> PAGE_SHIFT;
}

static u64 *alloc_page(void)
{
	u32 t = free_list - 1;

	free_list = tables[t].next;
	nr_free--;
	memset(&tables[t], 0, sizeof(tables[t]));
	memset(page_of(t), 0, PAGE_SIZE);
	return page_of(t);
}

static void free_page(u32 t)
{
	tables[t].next = free_list;
	free_list = t + 1;
	nr_free++;
}

void shadow_init(u64 mem, u64 npfn)
{
	u64 n = pool_size(npfn);
	u32 t;

	pool = mem;
	pool_pages = n;
	values = pa_to_ptr(mem + n * PAGE_SIZE);
	links = pa_to_ptr((u64)values + n * sizeof(*values));
	tables = pa_to_ptr((u64)links + n * sizeof(*links));
	heads = pa_to_ptr((u64)tables + n * sizeof(*tables));
	nr_pfns = npfn;
	memset(heads, 0, npfn * sizeof(*heads));
	free_list = 0;
	nr_free = 0;
	for (t = pool_pages; t > 0; t--)
		free_page(t - 1);
	for (n = 0; n < NR_SHADOWS; n++) {
		struct shadow *s = &shadows[n];

		*s = (struct shadow){ 0 };
		s->root = alloc_page();
		s->root_private = alloc_page();
		s->private_dir = alloc_page();
		s->root[PRIVATE_INDEX] = (u64)s->private_dir | TABLE_BITS;
		s->root_private[0] = (u64)s->private_dir | TABLE_BITS;
	}
}

/* --- single entries, and the chains of those that map one page --- */

static u32 entry_id(u32 t, unsigned int i)
{
	return t * NR_ENTRIES + i + 1;
}

static struct link *link_of(u32 id)
{
	return &links[(id - 1) / NR_ENTRIES][(id - 1) % NR_ENTRIES];
}

static void link_entry(u32 t, unsigned int i, u64 pfn)
{
	u32 id = entry_id(t, i);

	if (pfn >= nr_pfns)
		return;
	links[t][i] = (struct link){ .next = heads[pfn] };
	if (heads[pfn])
		link_of(heads[pfn])->prev = id;
	heads[pfn] = id;
}

static void unlink_entry(u32 t, unsigned int i)
{
	u64 pfn = (page_of(t)[i] & PAGE_ADDR) >> PAGE_SHIFT;
	const struct link *l = &links[t][i];

	if (pfn >= nr_pfns)
		return;
	if (l->next)
		link_of(l->next)->prev = l->prev;
	if (l->prev)
		link_of(l->prev)->next = l->next;
	else
		heads[pfn] = l->next;
}

static void remove_entry(u32 t, unsigned int i)
{
	unlink_entry(t, i);
	WRITE_ONCE(page_of(t)[i], 0);
	tables[t].used--;
}

static void clear_leaf(u32 t)
{
	unsigned int i;

	for (i = 0; i < NR_ENTRIES && tables[t].used; i++)
		if (page_of(t)[i])
			remove_entry(t, i);
}

bool shadow_drop(u64 pfn)
{
	u32 id;

	if (pfn >= nr_pfns || !heads[pfn])
		return false;
	while ((id = heads[pfn])) {
		remove_entry((id - 1) / NR_ENTRIES, (id - 1) % NR_ENTRIES);
		shadow_stats.drops++;
	}
	return true;
}

/* --- instances --- */

/*
 * Empty an instance and give its tables back.  CPUs that run on it are made to
 * leave first: they come back to an empty root and fault everything in again.
 */
static void reset(struct shadow *s)
{
	unsigned int i;
	u32 t, next;

	for (i = 0; i < NR_ENTRIES; i++) {
		if (i != PRIVATE_INDEX)
			WRITE_ONCE(s->root[i], 0);
		if (i)
			WRITE_ONCE(s->root_private[i], 0);
		WRITE_ONCE(s->private_dir[i], 0);
	}
	cpus_flush(FLUSH_GUESTS);
	for (t = s->tables; t; t = next) {
		next = tables[t - 1].next;
		if (tables[t - 1].leaf)
			clear_leaf(t - 1);
		free_page(t - 1);
	}
	s->tables = 0;
	shadow_stats.resets++;
}

/* Make room in the pool: idle instances first, oldest first, then the caller's. */
static void make_room(struct shadow *own)
{
	while (nr_free < PAGES_PER_MAP) {
		struct shadow *victim = NULL;
		unsigned int i;

		for (i = 0; i < NR_SHADOWS; i++) {
			struct shadow *s = &shadows[i];

			if (!s->users && s->tables &&
			    (!victim || s->last_used < victim->last_used))
				victim = s;
		}
		if (!victim)
			victim = own;
		if (!victim->tables) {
			/* All tables are those of other running VMs. */
			for (i = 0; i < NR_SHADOWS && !victim->tables; i++)
				victim = &shadows[i];
		}
		reset(victim);
	}
}

static bool is_for(const struct shadow *s, u64 ncr3, u32 asid, unsigned int vmpl)
{
	return s->ncr3 == ncr3 && s->asid == asid && s->vmpl == vmpl;
}

struct shadow *shadow_get(u64 ncr3, u32 asid, unsigned int vmpl)
{
	struct shadow *victim = NULL, *s = recent;
	unsigned int i;

	/* Mostly at once, so that a VMRUN costs the same with any instance. */
	if (is_for(s, ncr3, asid, vmpl))
		goto found;
	for (i = 0; i < NR_SHADOWS; i++) {
		s = &shadows[i];
		if (is_for(s, ncr3, asid, vmpl))
			goto found;
		if (!s->users && (!victim || s->last_used < victim->last_used))
			victim = s;
	}
	/* There are more instances than CPUs, so one of them is idle. */
	s = victim;
	if (s->tables)
		reset(s);
	s->ncr3 = ncr3;
	s->asid = asid;
	s->vmpl = vmpl;
found:
	recent = s;
	s->users++;
	s->last_used = ++use_counter;
	return s;
}

void shadow_put(struct shadow *s)
{
	s->users--;
}

u64 shadow_root(const struct shadow *s, bool all_private)
{
	return (u64)(all_private ? s->root_private : s->root);
}

/* --- filling and comparing --- */

static u64 *new_table(struct shadow *s)
{
	u64 *page = alloc_page();
	u32 t = index_of(page);

	tables[t].next = s->tables;
	s->tables = t + 1;
	return page;
}

/* Where KVM keeps the entries of a 2M range: in a table, or in one big entry. */
static void note_source(struct table *t, const struct npt_walk *w)
{
	if (w->level) {
		t->spt = NULL;
		t->big = w->val & SPTE_BITS;
	} else {
		t->spt = pa_to_ptr((u64)w->spte & PAGE_MASK);
		t->big = 0;
	}
}

static bool same_source(const struct table *t, const struct npt_walk *w)
{
	if (w->level)
		return !t->spt && t->big == (w->val & SPTE_BITS);
	return t->spt == pa_to_ptr((u64)w->spte & PAGE_MASK);
}

void shadow_map(struct shadow *s, u64 ga, u64 perm, const struct npt_walk *w)
{
	u64 *table = s->root, pfn = w->spa >> PAGE_SHIFT, new;
	unsigned int i;
	int level;
	u32 t;

	make_room(s);
	for (level = 3; level > 0; level--) {
		u64 *e = &table[ga >> (PAGE_SHIFT + 9 * level) & 511];

		if (!*e) {
			u64 *page = new_table(s);

			if (level == 1) {
				tables[index_of(page)].leaf = true;
				tables[index_of(page)].gpa = ga & ~(SZ_2M - 1);
				note_source(&tables[index_of(page)], w);
			}
			WRITE_ONCE(*e, (u64)page | TABLE_BITS);
		}
		table = pa_to_ptr(*e & PAGE_ADDR);
	}
	t = index_of(table);
	if (!same_source(&tables[t], w)) {
		/* KVM has replaced its table, the flush is still to come. */
		clear_leaf(t);
		note_source(&tables[t], w);
	}
	i = ga >> PAGE_SHIFT & 511;
	new = (pfn << PAGE_SHIFT) | LEAF_BITS | perm;
	if (table[i])
		remove_entry(t, i);
	values[t][i] = w->val & SPTE_BITS;
	tables[t].used++;
	link_entry(t, i, pfn);
	WRITE_ONCE(table[i], new);
}

bool shadow_writable(const struct shadow *s, u64 ga)
{
	const u64 *table = s->root;
	int level;

	for (level = 3; ; level--) {
		u64 e = table[ga >> (PAGE_SHIFT + 9 * level) & 511];

		if (!e || !level)
			return e & PTE_W;
		table = pa_to_ptr(e & PAGE_ADDR);
	}
}

static void sync_leaf(struct shadow *s, u32 t)
{
	const u64 *page = page_of(t);
	struct npt_walk w;
	unsigned int i;

	/* Only the source matters here; an entry of the last level may be absent. */
	npt_walk(s->ncr3, tables[t].gpa & ~CBIT, &w);
	if (!w.spte || (w.level && (w.val & (PTE_P | PTE_PS)) != (PTE_P | PTE_PS)) ||
	    !same_source(&tables[t], &w)) {
		shadow_stats.synced_away += tables[t].used;
		clear_leaf(t);
		return;
	}
	if (!tables[t].spt)
		return;
	for (i = 0; i < NR_ENTRIES; i++) {
		if (page[i] && (READ_ONCE(tables[t].spt[i]) & SPTE_BITS) != values[t][i]) {
			remove_entry(t, i);
			shadow_stats.synced_away++;
		}
	}
}

void shadow_sync(struct shadow *s)
{
	u32 t;

	shadow_stats.syncs++;
	for (t = s->tables; t; t = tables[t - 1].next)
		if (tables[t - 1].leaf && tables[t - 1].used)
			sync_leaf(s, t - 1);
}
