/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_HASH_H
#define UNIT_LINUX_HASH_H

#include <linux/log2.h>
#include <linux/types.h>

/* The kernel's: 2^64 times the golden ratio, and the upper bits of that. */
static inline u32 hash_64(u64 val, unsigned int bits)
{
	return val * 0x61C8864680B583EBull >> (64 - bits);
}

#endif
