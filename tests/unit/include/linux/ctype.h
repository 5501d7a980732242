/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_CTYPE_H
#define UNIT_LINUX_CTYPE_H

#include_next <ctype.h>

#endif
