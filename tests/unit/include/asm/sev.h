/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_SEV_H
#define UNIT_ASM_SEV_H

#include <linux/types.h>
#include <asm/pgtable_types.h>

int snp_lookup_rmpentry(u64 pfn, bool *assigned, int *level);
int rmp_make_shared(u64 pfn, enum pg_level level);

#endif
