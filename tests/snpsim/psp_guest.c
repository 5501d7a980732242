// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware of the security processor: the life of an SNP guest.
 *
 *	GCTX_CREATE -> INIT -> LAUNCH_START -> LAUNCH -> LAUNCH_FINISH -> RUNNING
 *
 * ACTIVATE binds an ASID to a guest from LAUNCH on; DECOMMISSION ends a guest
 * in any state.  The state is in the guest context page, which the RMP keeps
 * the host from writing to, as on hardware.
 */
#include "host.h"
#include "lib.h"
#include "psp.h"
#include "rmp.h"

enum guest_state {
	GSTATE_INIT,
	GSTATE_LAUNCH,
	GSTATE_RUNNING,
};

/* A guest context page */
struct gctx {
	u64 magic;
	u64 policy;
	u32 asid;			/* 0: not activated */
	u32 state;
};

#define GCTX_MAGIC		0x4e53504758544347ul

#define POLICY_ABI_MINOR(p)	((p) & 0xff)
#define POLICY_ABI_MAJOR(p)	((p) >> 8 & 0xff)
#define POLICY_RESERVED_MBO	BIT(17)		/* must be one */
#define POLICY_DEBUG		BIT(19)
#define POLICY_RESERVED		(~(BIT(26) - 1))

enum page_type {
	PAGE_TYPE_NORMAL	= 1,
	PAGE_TYPE_VMSA		= 2,
	PAGE_TYPE_ZERO		= 3,
	PAGE_TYPE_UNMEASURED	= 4,
	PAGE_TYPE_SECRETS	= 5,
	PAGE_TYPE_CPUID		= 6,
};

struct cmd_addr {
	u64 gctx;
};

struct cmd_activate {
	u64 gctx;
	u32 asid;
} __packed;

struct cmd_launch_start {
	u64 gctx;
	u64 policy;
	u64 ma_gctx;
	u32 flags;			/* MA_EN, IMI_EN */
	u32 desired_tsc_khz;
	u8 gosvw[16];
} __packed;

struct cmd_launch_update {
	u64 gctx;
	u32 flags;			/* PAGE_SIZE 0, PAGE_TYPE 3:1, IMI_PAGE 4 */
	u32 reserved;
	u64 address;
	u32 vmpl_perms;			/* VMPL1 15:8, VMPL2 23:16, VMPL3 31:24 */
	u32 reserved2;
} __packed;

struct cmd_launch_finish {
	u64 gctx;
	u64 id_block;
	u64 id_auth;
	u8 flags;			/* ID_BLOCK_EN, AUTH_KEY_EN, VCEK_DIS */
	u8 reserved[7];
	u8 host_data[32];
} __packed;

struct cmd_guest_status {
	u64 gctx;
	u64 address;
} __packed;

struct guest_status {
	u64 policy;
	u32 asid;
	u8 state;
	u8 reserved[3];
} __packed;

struct cmd_dbg {
	u64 gctx;
	u64 src;
	u64 dst;
} __packed;

#define SECRETS_VERSION		3
#define CPUID_MAX		64
#define CPUID_XSAVEC		BIT(1)		/* Dh.1 EAX */

struct cpuid_page {
	u32 count;
	u32 reserved;
	u64 reserved2;
	struct {
		u32 eax_in, ecx_in;
		u64 xcr0_in, xss_in;
		u32 eax, ebx, ecx, edx;
		u64 reserved;
	} fn[CPUID_MAX];
};

static u32 nr_guests;
static bool asid_owned[SEV_MIN_ASID];
static bool asid_dirty[SEV_MIN_ASID];

u32 psp_nr_guests(void)
{
	return nr_guests;
}

static void require_wbinvd(void)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++)
		WRITE_ONCE(cpus[i].wbinvd_needed, true);
}

void psp_asids_require_flush(void)
{
	memset(asid_dirty, true, sizeof(asid_dirty));
	require_wbinvd();
}

void psp_asids_flushed(void)
{
	memset(asid_dirty, false, sizeof(asid_dirty));
}

bool psp_asids_dirty(void)
{
	unsigned int i;

	for (i = 0; i < SEV_MIN_ASID; i++) {
		if (asid_dirty[i])
			return true;
	}
	return false;
}

static struct gctx *find_gctx(u64 pa)
{
	struct gctx *g = psp_ram(pa, PAGE_SIZE);

	if (!g || pa & ~PAGE_MASK || rmp_state_of(pa) != RMP_STATE_CONTEXT ||
	    g->magic != GCTX_MAGIC)
		return NULL;
	return g;
}

static u32 cmd_gctx_create(const struct cmd_addr *b)
{
	struct gctx *g = psp_ram(b->gctx, PAGE_SIZE);

	if (!g || b->gctx & ~PAGE_MASK)
		return PSP_INVALID_ADDRESS;
	if (rmp_fw_take(b->gctx))
		return PSP_INVALID_PAGE_STATE;
	memset(g, 0, PAGE_SIZE);
	g->magic = GCTX_MAGIC;
	nr_guests++;
	return PSP_SUCCESS;
}

/* The ASID may be used again when every CPU has written back its caches. */
static void deactivate(struct gctx *g)
{
	if (!g->asid)
		return;
	asid_owned[g->asid] = false;
	asid_dirty[g->asid] = true;
	g->asid = 0;
	require_wbinvd();
}

static u32 cmd_decommission(struct gctx *g)
{
	deactivate(g);
	memset(g, 0, PAGE_SIZE);
	rmp_fw_release((u64)g);
	nr_guests--;
	return PSP_SUCCESS;
}

static u32 cmd_activate(struct gctx *g, const struct cmd_activate *b)
{
	if (g->state == GSTATE_INIT)
		return PSP_INVALID_GUEST_STATE;
	if (g->asid)
		return PSP_ACTIVE;
	if (!b->asid || b->asid >= SEV_MIN_ASID)
		return PSP_INVALID_ASID;
	if (asid_owned[b->asid])
		return PSP_ASID_OWNED;
	if (asid_dirty[b->asid])
		return PSP_DFFLUSH_REQUIRED;
	asid_owned[b->asid] = true;
	g->asid = b->asid;
	return PSP_SUCCESS;
}

static u32 cmd_launch_start(struct gctx *g, const struct cmd_launch_start *b)
{
	u32 version = POLICY_ABI_MAJOR(b->policy) << 8 | POLICY_ABI_MINOR(b->policy);

	if (g->state != GSTATE_INIT)
		return PSP_INVALID_GUEST_STATE;
	if (b->flags & ~3u)
		return PSP_INVALID_PARAM;
	if (b->flags)
		return PSP_UNSUPPORTED;		/* migration agents */
	if (!(b->policy & POLICY_RESERVED_MBO) || b->policy & POLICY_RESERVED ||
	    version > (PSP_API_MAJOR << 8 | PSP_API_MINOR))
		return PSP_POLICY_FAILURE;
	g->policy = b->policy;
	g->state = GSTATE_LAUNCH;
	return PSP_SUCCESS;
}

/*
 * The firmware checks the table against what the CPU can do.  TCG lacks XSAVEC,
 * without which a Linux guest refuses the table; so it is put in.
 */
static void fill_cpuid(struct cpuid_page *p)
{
	u32 i;

	for (i = 0; i < p->count; i++) {
		if (p->fn[i].eax_in == 0xd && p->fn[i].ecx_in == 1)
			p->fn[i].eax |= CPUID_XSAVEC;
	}
}

static void fill_page(u64 pa, enum page_type type)
{
	switch (type) {
	case PAGE_TYPE_ZERO:
		memset(pa_to_ptr(pa), 0, PAGE_SIZE);
		break;
	case PAGE_TYPE_SECRETS:
		memset(pa_to_ptr(pa), 0, PAGE_SIZE);	/* no VM communication keys */
		*(u32 *)pa_to_ptr(pa) = SECRETS_VERSION;
		break;
	case PAGE_TYPE_CPUID:
		fill_cpuid(pa_to_ptr(pa));
		break;
	default:
		break;
	}
}

static u32 check_launch_page(const struct gctx *g, u64 pa, bool big)
{
	const struct rmp_entry *e = rmp_get(pa);

	if (!e)
		return PSP_INVALID_ADDRESS;
	if (rmp_state_of(pa) != RMP_STATE_PRE_GUEST)
		return PSP_INVALID_PAGE_STATE;
	if (!(e->lo & RMP_2M) != !big)
		return PSP_INVALID_PAGE_SIZE;
	if (RMP_ASID(e->lo) != g->asid)
		return PSP_INVALID_PAGE_OWNER;
	return PSP_SUCCESS;
}

static u32 cmd_launch_update(struct gctx *g, const struct cmd_launch_update *b)
{
	bool big = b->flags & 1;
	u64 pa = b->address & ~CBIT, size = big ? SZ_2M : PAGE_SIZE, p;
	enum page_type type = b->flags >> 1 & 7;
	u32 status;

	if (g->state != GSTATE_LAUNCH)
		return PSP_INVALID_GUEST_STATE;
	if (!g->asid)
		return PSP_INACTIVE;
	if (type < PAGE_TYPE_NORMAL || type > PAGE_TYPE_CPUID || b->flags & ~0x1fu ||
	    (big && type != PAGE_TYPE_NORMAL && type != PAGE_TYPE_ZERO &&
	     type != PAGE_TYPE_UNMEASURED))
		return PSP_INVALID_PARAM;
	if (b->flags & BIT(4) || b->vmpl_perms >> 8)
		return PSP_UNSUPPORTED;		/* IMI; permissions for other VMPLs */
	if (pa & (size - 1) || !psp_ram(pa, size))
		return PSP_INVALID_ADDRESS;
	for (p = pa; p < pa + size; p += PAGE_SIZE) {
		status = check_launch_page(g, p, big);
		if (status)
			return status;
	}
	if (type == PAGE_TYPE_CPUID && ((struct cpuid_page *)pa_to_ptr(pa))->count > CPUID_MAX)
		return PSP_INVALID_PARAM;

	for (p = pa; p < pa + size; p += PAGE_SIZE) {
		fill_page(p, type);
		if (rmp_launch_page(p, rmp_get(p)->lo & RMP_GPA, g->asid,
				    type == PAGE_TYPE_VMSA, true))
			die("launch page %lx: the RMP entry has changed", p);
	}
	return PSP_SUCCESS;
}

/* No launch digest is computed, so an ID block can't be checked. */
static u32 cmd_launch_finish(struct gctx *g, const struct cmd_launch_finish *b)
{
	if (g->state != GSTATE_LAUNCH)
		return PSP_INVALID_GUEST_STATE;
	if (!g->asid)
		return PSP_INACTIVE;
	if (b->flags & 3)
		return PSP_UNSUPPORTED;
	g->state = GSTATE_RUNNING;
	return PSP_SUCCESS;
}

static u32 cmd_guest_status(const struct gctx *g, const struct cmd_guest_status *b)
{
	u32 status = psp_output_page(b->address);
	struct guest_status *s;

	if (status)
		return status;
	if (b->address & ~PAGE_MASK)
		return PSP_INVALID_ADDRESS;
	s = psp_ram(b->address, sizeof(*s));
	*s = (struct guest_status){
		.policy = g->policy,
		.asid = g->asid,
		.state = g->state,
	};
	return PSP_SUCCESS;
}

/* Whatever the size of the entry, and whoever runs the page: nobody asks for either. */
static bool may_debug(u64 pa, bool encrypt)
{
	switch (rmp_state_of(pa)) {
	case RMP_STATE_PRE_GUEST:
	case RMP_STATE_PRE_SWAP:
		return true;
	case RMP_STATE_GUEST_INVALID:
	case RMP_STATE_GUEST_VALID:
		return !encrypt;	/* a running guest's pages are read only */
	default:
		return false;
	}
}

static bool in_rmp(u64 pa)
{
	return pa >= rmp_base() && pa <= rmp_end();
}

/*
 * In the order of AMD's own firmware, see RULES.md: pages first, the policy last. A
 * guest without an ASID owns no page, so there is no case for PSP_INACTIVE.
 */
static u32 cmd_dbg(const struct cmd_dbg *b, bool encrypt)
{
	u64 gctx = b->gctx & ~CBIT, src = b->src & ~CBIT, dst = b->dst & ~CBIT;
	u64 guest_page = encrypt ? dst : src;
	const struct gctx *g;

	if ((gctx | src | dst) & ~PAGE_MASK || in_rmp(gctx) || in_rmp(src) || in_rmp(dst))
		return PSP_INVALID_PARAM;
	g = find_gctx(gctx);
	if (!g)
		return PSP_INVALID_GUEST;
	if (!may_debug(guest_page, encrypt) || (!encrypt && !rmp_is_firmware(dst)))
		return PSP_INVALID_PAGE_STATE;
	if (RMP_ASID(rmp_get(guest_page)->lo) != g->asid)
		return PSP_INVALID_PAGE_OWNER;
	if (!(g->policy & POLICY_DEBUG))
		return PSP_POLICY_FAILURE;
	if (!psp_ram(src, PAGE_SIZE))
		return PSP_INVALID_ADDRESS;
	memcpy(pa_to_ptr(dst), pa_to_ptr(src), PAGE_SIZE);
	return PSP_SUCCESS;
}

u32 psp_guest_command(u32 cmd, void *buf)
{
	struct gctx *g;

	switch (cmd) {
	case CMD_SNP_GCTX_CREATE:
		return cmd_gctx_create(buf);
	case CMD_SNP_DBG_DECRYPT:
		return cmd_dbg(buf, false);
	case CMD_SNP_DBG_ENCRYPT:
		return cmd_dbg(buf, true);
	}

	/* All the others begin with the address of the guest context page. */
	g = find_gctx(((const struct cmd_addr *)buf)->gctx);
	if (!g)
		return PSP_INVALID_GUEST;

	switch (cmd) {
	case CMD_SNP_DECOMMISSION:
		return cmd_decommission(g);
	case CMD_SNP_ACTIVATE:
		return cmd_activate(g, buf);
	case CMD_SNP_GUEST_STATUS:
		return cmd_guest_status(g, buf);
	case CMD_SNP_LAUNCH_START:
		return cmd_launch_start(g, buf);
	case CMD_SNP_LAUNCH_UPDATE:
		return cmd_launch_update(g, buf);
	case CMD_SNP_LAUNCH_FINISH:
		return cmd_launch_finish(g, buf);
	default:
		return PSP_UNSUPPORTED;		/* GUEST_REQUEST: needs the guest's keys */
	}
}
