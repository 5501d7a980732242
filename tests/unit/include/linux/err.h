/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_ERR_H
#define UNIT_LINUX_ERR_H

#define IS_ERR(p)	((unsigned long)(p) >= -4095UL)
#define PTR_ERR(p)	((long)(p))
#define ERR_PTR(error)	((void *)(long)(error))

#endif
