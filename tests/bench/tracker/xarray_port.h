/* SPDX-License-Identifier: GPL-2.0-only */
/* What tools/testing of the kernel's source offers and no header of it declares. */
#ifndef BENCH_XARRAY_PORT_H
#define BENCH_XARRAY_PORT_H

extern int nr_allocated;	/* shared/linux.c: nodes in use */
void radix_tree_init(void);	/* makes the cache that nodes come from */

#endif
