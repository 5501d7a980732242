/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_CTYPE_H
#define UNIT_LINUX_CTYPE_H

#include_next <ctype.h>

/* The kernel's is of Latin-1. */
#undef isgraph
#define isgraph(c)	unit_isgraph(c)

static inline int unit_isgraph(unsigned char c)
{
	return (c > ' ' && c < 0x7f) || c > 0xa0;
}

#endif
