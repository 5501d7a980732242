// SPDX-License-Identifier: GPL-2.0-only
/*
 * RFLAGS at #VMEXIT: what TCG makes up is taken out.
 */
#include <stdarg.h>
#include "../rflags.h"
#include "../vmcb.h"
#include "ktap.h"

#define FIXED	2ul
#define AC	(1ul << 18)

void log(const char *fmt, ...)
{
	(void)fmt;
}

/* Nothing is changed that an x86 CPU may have. */
static void proper(void)
{
	u64 all = FIXED | RFLAGS_STATUS | RFLAGS_IF | RFLAGS_TF | RFLAGS_NT | RFLAGS_RF |
		  RFLAGS_VM | AC;

	expect(rflags_after_exit(FIXED, all), FIXED);
	expect(rflags_after_exit(all, FIXED), all);
	expect(rflags_after_exit(FIXED | RFLAGS_IF, FIXED), FIXED | RFLAGS_IF);
}

/* A pointer's lower half, as seen in a guest. */
static void made_up(void)
{
	expect(rflags_after_exit(0x819e2342, FIXED | RFLAGS_IF),
	       FIXED | RFLAGS_ZF | RFLAGS_IF);
	/* Interrupts are off: nobody has added them. */
	expect(rflags_after_exit(0x819e2142, FIXED | RFLAGS_IF), FIXED | RFLAGS_ZF);
	/* What was there stays there. */
	expect(rflags_after_exit(0x819e2342, FIXED | AC), FIXED | RFLAGS_ZF | RFLAGS_IF | AC);
}

int main(void)
{
	KTAP_START();
	RUN(proper);
	RUN(made_up);
	return ktap_end();
}
