/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_INIT_H
#define UNIT_LINUX_INIT_H

#define __init
#define __exit

#endif
