// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware of the security processor: platform commands.
 *
 * Two state machines side by side, that of the SEV API (UNINIT, INIT) and that
 * of SNP.  What a command checks, and the status it fails with, follows the
 * firmware ABI as far as drivers/crypto/ccp/sev-dev.c and KVM document it; the
 * README lists what is a choice of our own.
 */
#include "psp.h"
#include "host.h"
#include "hostmem.h"
#include "iommu.h"
#include "lib.h"
#include "psp_control.h"
#include "rmp.h"
#include "snp.h"
#include "stats.h"

#define TMR_SIZE		SZ_1M
#define SNP_TMR_SIZE		SZ_2M
#define INIT_FLAG_ES		BIT(0)
#define STATUS_FLAG_OWNED	BIT(0)
#define STATUS_FLAG_ES		BIT(8)

#define INIT_EX_RMP		BIT(0)
#define INIT_EX_LIST		BIT(1)
#define SHUTDOWN_EX_IOMMU	BIT(0)

struct cmd_init {
	u32 flags;
	u32 reserved;
	u64 tmr_address;
	u32 tmr_len;
} __packed;

struct cmd_init_ex {
	u32 length;
	u32 flags;
	u64 tmr_address;
	u32 tmr_len;
	u32 reserved;
	u64 nv_address;
	u32 nv_len;
} __packed;

struct cmd_platform_status {
	u8 api_major;
	u8 api_minor;
	u8 state;
	u32 flags;
	u8 build;
	u32 guest_count;
} __packed;

struct cmd_snp_addr {
	u64 address;
};

struct snp_platform_status {
	u8 api_major;
	u8 api_minor;
	u8 state;
	u8 is_rmp_initialized;
	u32 build;
	u32 mask;			/* MASK_CHIP_ID, MASK_CHIP_KEY, VLEK_EN */
	u32 guest_count;
	u64 current_tcb;
	u64 reported_tcb;
} __packed;

struct cmd_snp_init_ex {
	u32 flags;
	u32 reserved;
	u64 list_paddr;
	u8 reserved2[48];
} __packed;

struct range_list {
	u32 num_elements;
	u32 reserved;
	struct {
		u64 base;
		u32 page_count;
		u32 reserved;
	} ranges[];
};

struct cmd_snp_shutdown_ex {
	u32 len;
	u32 flags;
};

struct cmd_snp_config {
	u64 reported_tcb;
	u32 mask;			/* MASK_CHIP_ID, MASK_CHIP_KEY */
	u8 reserved[52];
} __packed;

struct cmd_snp_commit {
	u32 len;
};

static struct {
	bool sev_init;
	bool sev_es;
	bool snp_init;
	bool rmp_initialized;
	u64 reported_tcb;
	u32 mask;
} psp;

/*
 * Microcode 8, SNP firmware 27, boot loader 3.  From SNP firmware 27 on a Milan has no SEV-ES
 * guests beside SNP (AMD-SB-3023; drivers/crypto/ccp/sev-dev.c, sev_firmware_allows_es()).
 */
static const u64 current_tcb = 0x081b000000000003ul;

bool psp_snp_initialized(void)
{
	return psp.snp_init;
}

void *psp_ram(u64 pa, u64 size)
{
	pa &= ~CBIT;
	if (pa >= hostmem_top() || size > hostmem_top() - pa)
		return NULL;
	return pa_to_ptr(pa);
}

u32 psp_output_page(u64 pa)
{
	if (!psp_ram(pa, 1))
		return PSP_INVALID_ADDRESS;
	if (psp.snp_init && !rmp_is_firmware(pa))
		return PSP_INVALID_PAGE_STATE;
	return PSP_SUCCESS;
}

static bool all_firmware(u64 pa, u64 size)
{
	u64 end = pa + size;

	for (pa &= PAGE_MASK; pa < end; pa += PAGE_SIZE) {
		if (!rmp_is_firmware(pa))
			return false;
	}
	return true;
}

/* The trusted memory region, where a real PSP keeps the state of SEV-ES guests. */
static u32 check_tmr(u64 addr, u32 len)
{
	u64 size = psp.snp_init ? SNP_TMR_SIZE : TMR_SIZE;

	if (len < size)
		return PSP_INVALID_LEN;
	if (!psp_ram(addr, len) || addr & (size - 1))
		return PSP_INVALID_ADDRESS;
	if (psp.snp_init && !all_firmware(addr, len))
		return PSP_INVALID_PAGE_STATE;
	return PSP_SUCCESS;
}

static u32 sev_init(u32 flags, u64 tmr_address, u32 tmr_len)
{
	u32 status;

	if (psp.sev_init)
		return PSP_INVALID_PLATFORM_STATE;
	if (flags & ~INIT_FLAG_ES)
		return PSP_INVALID_PARAM;
	if (flags & INIT_FLAG_ES) {
		status = check_tmr(tmr_address, tmr_len);
		if (status)
			return status;
	}
	psp.sev_init = true;
	psp.sev_es = flags & INIT_FLAG_ES;
	return PSP_SUCCESS;
}

static u32 cmd_init(const struct cmd_init *b)
{
	return sev_init(b->flags, b->tmr_address, b->tmr_len);
}

static u32 cmd_init_ex(const struct cmd_init_ex *b)
{
	if (b->length < sizeof(*b))
		return PSP_INVALID_LEN;
	if (b->nv_len && !psp_ram(b->nv_address, b->nv_len))
		return PSP_INVALID_ADDRESS;
	if (psp.snp_init && b->nv_len && !all_firmware(b->nv_address, b->nv_len))
		return PSP_INVALID_PAGE_STATE;
	return sev_init(b->flags, b->tmr_address, b->tmr_len);
}

static u32 cmd_shutdown(void)
{
	psp.sev_init = false;
	psp.sev_es = false;
	return PSP_SUCCESS;
}

static u32 cmd_factory_reset(void)
{
	return psp.sev_init ? PSP_INVALID_PLATFORM_STATE : PSP_SUCCESS;
}

static u32 cmd_platform_status(struct cmd_platform_status *b)
{
	u32 status = psp_output_page((u64)b);

	if (status)
		return status;
	*b = (struct cmd_platform_status){
		.api_major = PSP_API_MAJOR,
		.api_minor = PSP_API_MINOR,
		.state = psp.sev_init,
		.flags = STATUS_FLAG_OWNED | (psp.sev_es ? STATUS_FLAG_ES : 0),
		.build = PSP_BUILD,
	};
	return PSP_SUCCESS;
}

static u32 cmd_df_flush(bool initialized)
{
	unsigned int i;

	if (!initialized)
		return PSP_INVALID_PLATFORM_STATE;
	for (i = 0; i < nr_cpus; i++) {
		if (READ_ONCE(cpus[i].wbinvd_needed))
			return PSP_WBINVD_REQUIRED;
	}
	psp_asids_flushed();
	return PSP_SUCCESS;
}

/* What SNP_INIT wants of every CPU; a comment in sev-dev.c tells about HSAVE_PA. */
static bool cpus_ready(void)
{
	u64 want = SYSCFG_SNP_EN | SYSCFG_MEM_ENCRYPT | SYSCFG_MFDM;
	unsigned int i;

	for (i = 0; i < nr_cpus; i++) {
		if ((READ_ONCE(cpus[i].syscfg) & want) != want || READ_ONCE(cpus[i].hsave_pa))
			return false;
	}
	return true;
}

static u32 fix_ranges(u64 list_paddr)
{
	const struct range_list *list = psp_ram(list_paddr, PAGE_SIZE);
	u32 i, max = (PAGE_SIZE - sizeof(*list)) / sizeof(list->ranges[0]);

	if (!list || list_paddr & ~PAGE_MASK)
		return PSP_INVALID_ADDRESS;
	if (list->num_elements > max)
		return PSP_INVALID_PARAM;
	for (i = 0; i < list->num_elements; i++) {
		u64 base = list->ranges[i].base;

		if (base & ~PAGE_MASK)
			return PSP_INVALID_ADDRESS;
		if (rmp_set_hv_fixed(base, list->ranges[i].page_count))
			return PSP_INVALID_PAGE_STATE;
	}
	return PSP_SUCCESS;
}

/* What the IOMMU writes to is nobody else's while SNP is on. */
static u32 take_iommu_buffers(void)
{
	u64 pa, size, end;
	unsigned int i;

	for (i = 0; iommu_buffer(i, &pa, &size); i++) {
		for (end = pa + size; pa < end; pa += PAGE_SIZE) {
			if (rmp_fw_claim(pa))
				return PSP_INVALID_PAGE_STATE;
		}
	}
	return PSP_SUCCESS;
}

/* Firmware from 1.53 on leaves them to the driver to make its own again: sev-dev.c */
static void release_iommu_buffers(void)
{
	u64 pa, size, end;
	unsigned int i;

	for (i = 0; iommu_buffer(i, &pa, &size); i++) {
		for (end = pa + size; pa < end; pa += PAGE_SIZE)
			rmp_reclaim(pa);
	}
}

static u32 snp_init(bool init_rmp, bool have_list, u64 list_paddr)
{
	u32 status;

	if (psp.snp_init || psp.sev_init)
		return PSP_INVALID_PLATFORM_STATE;
	if (!cpus_ready())
		return PSP_INVALID_CONFIG;
	if (!init_rmp && !psp.rmp_initialized)
		return PSP_RMP_INIT_REQUIRED;
	if (have_list) {
		status = fix_ranges(list_paddr);
		if (status)
			return status;
	}
	status = take_iommu_buffers();
	if (status)
		return status;
	rmp_protect_table(true);
	psp.snp_init = true;
	psp.rmp_initialized = true;
	psp.reported_tcb = current_tcb;
	psp.mask = 0;
	psp_asids_require_flush();
	return PSP_SUCCESS;
}

static u32 cmd_snp_init_ex(const struct cmd_snp_init_ex *b)
{
	if (b->flags & ~(INIT_EX_RMP | INIT_EX_LIST) || b->reserved)
		return PSP_INVALID_PARAM;
	return snp_init(b->flags & INIT_EX_RMP, b->flags & INIT_EX_LIST, b->list_paddr);
}

static u32 snp_shutdown(bool iommu)
{
	if (!psp.snp_init)
		return PSP_SUCCESS;
	if (psp.sev_init || psp_nr_guests())
		return PSP_INVALID_PLATFORM_STATE;
	if (psp_asids_dirty())
		return PSP_DFFLUSH_REQUIRED;
	if (iommu)
		release_iommu_buffers();
	rmp_protect_table(false);
	psp.snp_init = false;
	log("rmp: %lu pages are guests' still", rmp_guest_pages());
	snp_log_stats();
	stats_log();
	psp_control_log();
	return PSP_SUCCESS;
}

static u32 cmd_snp_shutdown_ex(const struct cmd_snp_shutdown_ex *b)
{
	if (b->len < sizeof(*b))
		return PSP_INVALID_LEN;
	return snp_shutdown(b->flags & SHUTDOWN_EX_IOMMU);
}

static u32 cmd_snp_platform_status(const struct cmd_snp_addr *b)
{
	u32 status = psp_output_page(b->address);
	struct snp_platform_status *s;

	if (status)
		return status;
	/* Before SNP_INIT no page is the firmware's; newer drivers pass part of one. */
	s = psp_ram(b->address, sizeof(*s));
	if (!s || (psp.snp_init && b->address & ~PAGE_MASK))
		return PSP_INVALID_ADDRESS;
	*s = (struct snp_platform_status){
		.api_major = PSP_API_MAJOR,
		.api_minor = PSP_API_MINOR,
		.state = psp.snp_init,
		.is_rmp_initialized = psp.rmp_initialized,
		.build = PSP_BUILD,
		.mask = psp.mask,
		.guest_count = psp_nr_guests(),
		.current_tcb = current_tcb,
		.reported_tcb = psp.reported_tcb,
	};
	/* "Status page will be transitioned to Reclaim state upon success": sev-dev.c */
	if (psp.snp_init)
		rmp_reclaim(b->address);
	return PSP_SUCCESS;
}

static u32 cmd_snp_config(const struct cmd_snp_config *b)
{
	unsigned int i;

	if (!psp.snp_init)
		return PSP_INVALID_PLATFORM_STATE;
	if (b->mask & ~3u)
		return PSP_INVALID_PARAM;
	for (i = 0; i < sizeof(b->reserved); i++) {
		if (b->reserved[i])
			return PSP_INVALID_PARAM;
	}
	psp.reported_tcb = b->reported_tcb ? b->reported_tcb : current_tcb;
	psp.mask = b->mask;
	return PSP_SUCCESS;
}

static u32 cmd_snp_commit(const struct cmd_snp_commit *b)
{
	return b->len < sizeof(*b) ? PSP_INVALID_LEN : PSP_SUCCESS;
}

/*
 * The driver hands the same page over after use whatever became of it, so a
 * page that is in the Reclaim state already is no failure.
 */
static u32 cmd_snp_page_reclaim(const struct cmd_snp_addr *b)
{
	bool big = b->address & 1;
	u64 pa = b->address & ~1ul & ~CBIT, size = big ? SZ_2M : PAGE_SIZE, p;

	if (!psp.snp_init)
		return PSP_INVALID_PLATFORM_STATE;
	if (pa & (size - 1) || !psp_ram(pa, size))
		return PSP_INVALID_ADDRESS;
	if (!rmp_get(pa) || !(rmp_get(pa)->lo & RMP_2M) != !big)
		return PSP_INVALID_PAGE_SIZE;
	for (p = pa; p < pa + size; p += PAGE_SIZE) {
		if (rmp_state_of(p) != RMP_STATE_RECLAIM && rmp_reclaim(p))
			return PSP_INVALID_PAGE_STATE;
	}
	return PSP_SUCCESS;
}

/*
 * All that enum sev_cmd lists.  Those which nothing here needs (imported
 * certificates, guests with SEV but without SNP, page swapping) end in PSP_UNSUPPORTED.
 */
static bool known_command(u32 cmd)
{
	static const struct {
		u16 first, last;
	} known[] = {
		{ 0x001, 0x00d }, { 0x020, 0x023 }, { 0x030, 0x036 }, { 0x040, 0x044 },
		{ 0x050, 0x053 }, { 0x060, 0x061 }, { 0x081, 0x086 }, { 0x090, 0x095 },
		{ 0x0a0, 0x0a2 }, { 0x0b0, 0x0b1 }, { 0x0c0, 0x0c3 }, { 0x0c6, 0x0cb },
		{ 0x0cd, 0x0cd },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (cmd >= known[i].first && cmd <= known[i].last)
			return true;
	}
	return false;
}

u32 psp_command(u32 cmd, u64 buf)
{
	void *b;

	switch (cmd) {
	case CMD_SHUTDOWN:
		return cmd_shutdown();
	case CMD_FACTORY_RESET:
		return cmd_factory_reset();
	case CMD_DF_FLUSH:
		return cmd_df_flush(psp.sev_init);
	case CMD_SNP_DF_FLUSH:
		return cmd_df_flush(psp.snp_init);
	case CMD_SNP_INIT:
		return snp_init(true, false, 0);
	case CMD_SNP_SHUTDOWN:
		return snp_shutdown(false);
	}

	if (!known_command(cmd))
		return PSP_INVALID_COMMAND;
	/* The others have a buffer, which never crosses a page. */
	b = psp_ram(buf, 1);
	if (!b)
		return PSP_INVALID_ADDRESS;

	switch (cmd) {
	case CMD_INIT:
		return cmd_init(b);
	case CMD_INIT_EX:
		return cmd_init_ex(b);
	case CMD_PLATFORM_STATUS:
		return cmd_platform_status(b);
	case CMD_PDH_CERT_EXPORT:
		if (!psp.sev_init)
			return PSP_INVALID_PLATFORM_STATE;
		return psp_cert_command(cmd, b);
	case CMD_GET_ID:
		return psp_cert_command(cmd, b);
	case CMD_SNP_INIT_EX:
		return cmd_snp_init_ex(b);
	case CMD_SNP_SHUTDOWN_EX:
		return cmd_snp_shutdown_ex(b);
	case CMD_SNP_PLATFORM_STATUS:
		return cmd_snp_platform_status(b);
	case CMD_SNP_CONFIG:
		return cmd_snp_config(b);
	case CMD_SNP_COMMIT:
		return cmd_snp_commit(b);
	case CMD_SNP_PAGE_RECLAIM:
		return cmd_snp_page_reclaim(b);
	case CMD_SNP_DECOMMISSION ... CMD_SNP_GUEST_REQUEST:
	case CMD_SNP_LAUNCH_START ... CMD_SNP_LAUNCH_FINISH:
	case CMD_SNP_DBG_DECRYPT:
	case CMD_SNP_DBG_ENCRYPT:
		if (!psp.snp_init)
			return PSP_INVALID_PLATFORM_STATE;
		return psp_guest_command(cmd, b);
	default:
		return PSP_UNSUPPORTED;
	}
}
