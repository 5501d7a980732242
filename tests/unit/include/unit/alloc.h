/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_UNIT_ALLOC_H
#define UNIT_UNIT_ALLOC_H

/*
 * What tests ask of the allocator that stands for kvzalloc() and its like.
 */
#include <stddef.h>

#define UNIT_NEVER 0

/* Let the nth allocation from now fail, once; UNIT_NEVER: none. */
void unit_fail_alloc(unsigned int nth);
/* Has the failure asked for happened? */
_Bool unit_alloc_failed(void);
/*
 * Start a test with clean books and no failure due, whatever an earlier test
 * that failed has left.
 */
void unit_reset(void);
/* Bytes and objects that are allocated and not freed. */
size_t unit_live_bytes(void);
size_t unit_live_objects(void);
/* Bytes of those that no cgroup is charged for. */
size_t unit_uncharged_bytes(void);

#endif
