/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a test wants the security processor to be: the registers of control.h.
 *
 * Everything here wants the lock of smp.h held.
 */
#ifndef SNPSIM_PSP_CONTROL_H
#define SNPSIM_PSP_CONTROL_H

#include "types.h"

u32 psp_control_read(u32 reg);
void psp_control_write(u32 reg, u32 val);

/**
 * struct psp_order - what is to become of a command
 * @silent: it gets no answer and is not executed
 * @delay_us: it is executed after so much time; 0: at once
 * @refusal: not 0: it is not executed either, and this is its status
 */
struct psp_order {
	bool silent;
	u32 delay_us;
	u32 refusal;
};

/** psp_control_order() - once for each command when it comes; counts it */
struct psp_order psp_control_order(u32 cmd);

/** psp_control_done() - the command is answered with @status */
void psp_control_done(u32 cmd, u32 status);

/** psp_control_log() - write the counters to the log */
void psp_control_log(void);

#endif /* SNPSIM_PSP_CONTROL_H */
