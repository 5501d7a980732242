/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_INCLUDE_LINUX_KERNEL_H
#define UNIT_INCLUDE_LINUX_KERNEL_H

#include <linux/array_size.h>
#include <linux/minmax.h>
#include <linux/sprintf.h>

#endif
