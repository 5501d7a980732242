// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of control.h: what tests want of the security processor, and
 * counters of its commands.
 */
#include "psp_control.h"

#include "control.h"
#include "lib.h"
#include "psp.h"
#include "rmp.h"

static struct {
	u32 slow, slow_us, silent, refuse;
	u32 commands, dbg, dbg_failed, reclaim;
} control;

static u32 kind_of(u32 cmd)
{
	switch (cmd) {
	case CMD_SNP_DBG_DECRYPT:
	case CMD_SNP_DBG_ENCRYPT:
		return SNPSIM_DBG;
	case CMD_SNP_PAGE_RECLAIM:
		return SNPSIM_RECLAIM;
	default:
		return SNPSIM_OTHERS;
	}
}

u32 psp_control_read(u32 reg)
{
	switch (reg) {
	case SNPSIM_ID:
		return SNPSIM_ID_VALUE;
	case SNPSIM_PSP_SLOW:
		return control.slow;
	case SNPSIM_PSP_SLOW_US:
		return control.slow_us;
	case SNPSIM_PSP_SILENT:
		return control.silent;
	case SNPSIM_PSP_REFUSE:
		return control.refuse;
	case SNPSIM_PSP_COMMANDS:
		return control.commands;
	case SNPSIM_PSP_DBG:
		return control.dbg;
	case SNPSIM_PSP_DBG_FAILED:
		return control.dbg_failed;
	case SNPSIM_PSP_RECLAIM:
		return control.reclaim;
	case SNPSIM_RMP_FIRMWARE:
		return rmp_count(RMP_STATE_FIRMWARE);
	case SNPSIM_RMP_RECLAIM:
		return rmp_count(RMP_STATE_RECLAIM);
	default:
		return ~0u;
	}
}

void psp_control_write(u32 reg, u32 val)
{
	switch (reg) {
	case SNPSIM_PSP_SLOW:
		control.slow = val;
		break;
	case SNPSIM_PSP_SLOW_US:
		control.slow_us = val;
		break;
	case SNPSIM_PSP_SILENT:
		control.silent = val;
		break;
	case SNPSIM_PSP_REFUSE:
		control.refuse = val;
		break;
	}
}

/* The status if it is this one's turn, else 0. */
static u32 refusal(u32 kind)
{
	u32 r = control.refuse;

	if (!SNPSIM_REFUSE_NTH(r) || !(SNPSIM_REFUSE_KINDS(r) & kind))
		return 0;
	control.refuse = SNPSIM_REFUSE_NTH(r) > 1 ? r - SNPSIM_REFUSE(1, 0, 0) : 0;
	return control.refuse ? 0 : SNPSIM_REFUSE_STATUS(r);
}

struct psp_order psp_control_order(u32 cmd)
{
	u32 kind = kind_of(cmd);

	control.commands++;
	control.dbg += kind == SNPSIM_DBG;
	control.reclaim += kind == SNPSIM_RECLAIM;
	return (struct psp_order){
		.silent = control.silent & kind,
		.delay_us = control.slow & kind ? control.slow_us : 0,
		.refusal = refusal(kind),
	};
}

void psp_control_done(u32 cmd, u32 status)
{
	control.dbg_failed += kind_of(cmd) == SNPSIM_DBG && status;
}

void psp_control_log(void)
{
	log("PSP: %u commands, %u of them for debugging (%u failed), %u to reclaim a page",
	    control.commands, control.dbg, control.dbg_failed, control.reclaim);
}
