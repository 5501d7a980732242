/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_WAIT_BIT_H
#define UNIT_LINUX_WAIT_BIT_H

#include <unit/wait.h>

#define wait_var_event(var, condition) do {	\
	(void)(var);				\
	unit_wait_begin();			\
	while (!(condition))			\
		unit_wait();			\
	unit_wait_end();			\
} while (0)

#define wake_up_var(var)	((void)(var), unit_wake())

#endif
