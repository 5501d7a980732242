/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few functions of a C library that a freestanding program needs.
 */
#ifndef SNPSIM_LIB_H
#define SNPSIM_LIB_H

#include "types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/**
 * log() - write one line to QEMU's debug console
 * @fmt: %s %u %x %lu %lx %d %%, without a newline
 *
 * From any context; lines of several CPUs do not mix.
 */
void log(const char *fmt, ...) __printf(1, 2);

/**
 * die() - log a line and end QEMU with a failure
 */
void die(const char *fmt, ...) __printf(1, 2) __noreturn;

#endif /* SNPSIM_LIB_H */
