// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware of the security processor: who the platform is.
 *
 * QEMU asks for it (query-sev-capabilities), and libvirt takes a host on which
 * that fails for one without SEV.  There is no secret here to certify anything
 * with: the certificates have a header and no keys.
 */
#include "psp.h"
#include "lib.h"

#define CERT_SIZE	2084		/* one certificate, 55766 appendix C.1 */
#define CHAIN_SIZE	(3 * CERT_SIZE)	/* PEK, OCA, CEK */
#define CHIP_IDS_SIZE	(2 * 64)	/* of two sockets; a missing one's is zero */

struct cmd_pdh_cert_export {
	u64 pdh_address;
	u32 pdh_len;
	u32 reserved;
	u64 chain_address;
	u32 chain_len;
} __packed;

struct cmd_get_id {
	u64 address;
	u32 len;
} __packed;

struct cert_header {
	u32 version;
	u8 api_major;
	u8 api_minor;
} __packed;

/* The firmware writes to its own pages only, and so to each of a buffer's. */
static u32 output(u64 pa, u32 size, u8 **p)
{
	u64 page;
	u32 status;

	*p = psp_ram(pa, size);
	if (!*p)
		return PSP_INVALID_ADDRESS;
	for (page = pa & PAGE_MASK; page < pa + size; page += PAGE_SIZE) {
		status = psp_output_page(page);
		if (status)
			return status;
	}
	memset(*p, 0, size);
	return PSP_SUCCESS;
}

static void put_cert(u8 *p)
{
	*(struct cert_header *)p = (struct cert_header){
		.version = 1,
		.api_major = PSP_API_MAJOR,
		.api_minor = PSP_API_MINOR,
	};
}

static u32 pdh_cert_export(struct cmd_pdh_cert_export *b)
{
	bool too_short = b->pdh_len < CERT_SIZE || b->chain_len < CHAIN_SIZE;
	u8 *pdh, *chain;
	unsigned int i;
	u32 status;

	/* That is how a caller learns what to allocate. */
	b->pdh_len = CERT_SIZE;
	b->chain_len = CHAIN_SIZE;
	if (too_short)
		return PSP_INVALID_LEN;
	status = output(b->pdh_address, CERT_SIZE, &pdh);
	if (status)
		return status;
	status = output(b->chain_address, CHAIN_SIZE, &chain);
	if (status)
		return status;
	put_cert(pdh);
	for (i = 0; i < CHAIN_SIZE / CERT_SIZE; i++)
		put_cert(chain + i * CERT_SIZE);
	return PSP_SUCCESS;
}

static u32 get_id(struct cmd_get_id *b)
{
	bool too_short = b->len < CHIP_IDS_SIZE;
	unsigned int i;
	u32 status;
	u8 *ids;

	b->len = CHIP_IDS_SIZE;
	if (too_short)
		return PSP_INVALID_LEN;
	status = output(b->address, CHIP_IDS_SIZE, &ids);
	if (status)
		return status;
	for (i = 0; i < CHIP_IDS_SIZE / 2; i++)
		ids[i] = i + 1;
	return PSP_SUCCESS;
}

u32 psp_cert_command(u32 cmd, void *buf)
{
	return cmd == CMD_GET_ID ? get_id(buf) : pdh_cert_export(buf);
}
