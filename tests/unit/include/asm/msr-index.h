/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_ASM_MSR_INDEX_H
#define UNIT_ASM_MSR_INDEX_H

#define EFER_LMA	(1u << 10)

#endif
