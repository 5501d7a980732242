/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_KCONFIG_H
#define UNIT_LINUX_KCONFIG_H

/* All that the module asks for. */
#define IS_ENABLED(CONFIG_option)	1

#endif
