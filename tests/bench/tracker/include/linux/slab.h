/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_LINUX_SLAB_H
#define BENCH_LINUX_SLAB_H

#include "alloc.h"

#define kvzalloc(size, flags)	bench_zalloc(size)
#define kvfree(p)		bench_free(p)

#endif
