/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmocka and what it needs in front of it.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#endif
