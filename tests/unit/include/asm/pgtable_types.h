/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_PGTABLE_TYPES_H
#define UNIT_ASM_PGTABLE_TYPES_H

enum pg_level {
	PG_LEVEL_NONE,
	PG_LEVEL_4K,
	PG_LEVEL_2M,
};

#endif
