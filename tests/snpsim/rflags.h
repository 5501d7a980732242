/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RFLAGS at #VMEXIT.
 *
 * QEMU before 8.0 starts from outdated knowledge when CMPXCHG8B and CMPXCHG16B
 * compute their flags (target/i386: no gen_update_cc_op() before the helper), and
 * may take any register's value for them.  ZF is right, and the program itself
 * never sees the rest; but #VMEXIT saves it or'ed into RFLAGS, as long as no other
 * instruction has computed flags, and VMRUN takes VM, TF or NT from there: a guest
 * that is in virtual 8086 mode all of a sudden, and dies of a double fault.
 */
#ifndef SNPSIM_RFLAGS_H
#define SNPSIM_RFLAGS_H

#include "types.h"

/**
 * rflags_after_exit() - RFLAGS without what was never in it
 * @now: as #VMEXIT has saved it
 * @before: as it was when the guest was entered
 *
 * A wrong value gives itself away by reserved bits.  Then system flags are those
 * from @before, but IF, which may well have changed since, and is right if it is
 * clear.  The status flags stay as TCG has them.
 */
u64 rflags_after_exit(u64 now, u64 before);

#endif /* SNPSIM_RFLAGS_H */
