/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_BITFIELD_H
#define UNIT_LINUX_BITFIELD_H

#include <linux/bits.h>

/* What does not fit is cut off, as it is by the kernel's. */
#define FIELD_PREP(mask, value) \
	(((typeof(mask))(value) << __builtin_ctzll(mask)) & (mask))
#define FIELD_GET(mask, word) \
	((typeof(mask))(((word) & (mask)) >> __builtin_ctzll(mask)))

#endif
