/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver of the security processor, for tests in which nobody asks it anything.
 */
#ifndef UNIT_FAKE_PSP_H
#define UNIT_FAKE_PSP_H

#include <stdbool.h>

/* The kernel has one. */
extern bool fake_has_psp;

#endif
