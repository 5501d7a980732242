/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firmware of the security processor: commands and status codes of the
 * SEV API (55766) and of the SEV-SNP firmware ABI (56860), with the numbers of
 * include/linux/psp-sev.h and include/uapi/linux/psp-sev.h.
 */
#ifndef SNPSIM_PSP_H
#define SNPSIM_PSP_H

#include "types.h"

enum psp_command_id {
	CMD_INIT		= 0x001,
	CMD_SHUTDOWN		= 0x002,
	CMD_FACTORY_RESET	= 0x003,
	CMD_PLATFORM_STATUS	= 0x004,
	CMD_PDH_CERT_EXPORT	= 0x008,
	CMD_DF_FLUSH		= 0x00a,
	CMD_GET_ID		= 0x00c,
	CMD_INIT_EX		= 0x00d,
	CMD_SNP_INIT		= 0x081,
	CMD_SNP_SHUTDOWN	= 0x082,
	CMD_SNP_PLATFORM_STATUS	= 0x083,
	CMD_SNP_DF_FLUSH	= 0x084,
	CMD_SNP_INIT_EX		= 0x085,
	CMD_SNP_SHUTDOWN_EX	= 0x086,
	CMD_SNP_DECOMMISSION	= 0x090,
	CMD_SNP_ACTIVATE	= 0x091,
	CMD_SNP_GUEST_STATUS	= 0x092,
	CMD_SNP_GCTX_CREATE	= 0x093,
	CMD_SNP_GUEST_REQUEST	= 0x094,
	CMD_SNP_LAUNCH_START	= 0x0a0,
	CMD_SNP_LAUNCH_UPDATE	= 0x0a1,
	CMD_SNP_LAUNCH_FINISH	= 0x0a2,
	CMD_SNP_DBG_DECRYPT	= 0x0b0,
	CMD_SNP_DBG_ENCRYPT	= 0x0b1,
	CMD_SNP_PAGE_RECLAIM	= 0x0c7,
	CMD_SNP_CONFIG		= 0x0c9,
	CMD_SNP_COMMIT		= 0x0cb,
};

enum psp_status {
	PSP_SUCCESS			= 0x00,
	PSP_INVALID_PLATFORM_STATE	= 0x01,
	PSP_INVALID_GUEST_STATE		= 0x02,
	PSP_INVALID_CONFIG		= 0x03,
	PSP_INVALID_LEN			= 0x04,
	PSP_POLICY_FAILURE		= 0x07,
	PSP_INACTIVE			= 0x08,
	PSP_INVALID_ADDRESS		= 0x09,
	PSP_ASID_OWNED			= 0x0c,
	PSP_INVALID_ASID		= 0x0d,
	PSP_WBINVD_REQUIRED		= 0x0e,
	PSP_DFFLUSH_REQUIRED		= 0x0f,
	PSP_INVALID_GUEST		= 0x10,
	PSP_INVALID_COMMAND		= 0x11,
	PSP_ACTIVE			= 0x12,
	PSP_UNSUPPORTED			= 0x15,
	PSP_INVALID_PARAM		= 0x16,
	PSP_INVALID_PAGE_SIZE		= 0x19,
	PSP_INVALID_PAGE_STATE		= 0x1a,
	PSP_INVALID_PAGE_OWNER		= 0x1c,
	PSP_RMP_INIT_REQUIRED		= 0x20,
};

#define PSP_API_MAJOR	1
#define PSP_API_MINOR	55
#define PSP_BUILD	21

/**
 * psp_command() - execute one command
 * @cmd: its number
 * @buf: system physical address of its buffer; not looked at if it has none
 *
 * Call it with the lock held.
 *
 * Return: an enum psp_status.
 */
u32 psp_command(u32 cmd, u64 buf);

/*
 * Between psp.c (platform), psp_cert.c (its identity) and psp_guest.c (guests).
 */

/** psp_snp_initialized() - SNP_INIT was done */
bool psp_snp_initialized(void);

/** psp_ram() - a buffer's address as a pointer, NULL if it is not in RAM */
void *psp_ram(u64 pa, u64 size);

/**
 * psp_output_page() - check a page that the firmware is going to write to
 *
 * Return: PSP_SUCCESS; PSP_INVALID_ADDRESS; after SNP_INIT
 * PSP_INVALID_PAGE_STATE if it is not in the Firmware state.
 */
u32 psp_output_page(u64 pa);

/** psp_cert_command() - CMD_PDH_CERT_EXPORT and CMD_GET_ID; as psp_command() */
u32 psp_cert_command(u32 cmd, void *buf);

/** psp_guest_command() - execute a guest command; as psp_command() */
u32 psp_guest_command(u32 cmd, void *buf);

/** psp_nr_guests() - guest contexts that exist */
u32 psp_nr_guests(void);

/** psp_asids_require_flush() - after SNP_INIT: no ASID may be used before DF_FLUSH */
void psp_asids_require_flush(void);

/** psp_asids_flushed() - DF_FLUSH was done */
void psp_asids_flushed(void);

/** psp_asids_dirty() - an ASID was given back since the last DF_FLUSH */
bool psp_asids_dirty(void);

#endif /* SNPSIM_PSP_H */
