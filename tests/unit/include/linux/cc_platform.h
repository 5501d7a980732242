/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_CC_PLATFORM_H
#define UNIT_LINUX_CC_PLATFORM_H

#include <stdbool.h>

enum cc_attr { CC_ATTR_GUEST_SEV_SNP = 1, CC_ATTR_HOST_SEV_SNP };

/* The test says. */
bool cc_platform_has(enum cc_attr attr);

#endif
