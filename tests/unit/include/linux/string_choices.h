/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_STRING_CHOICES_H
#define UNIT_LINUX_STRING_CHOICES_H

static inline const char *str_yes_no(_Bool v)
{
	return v ? "yes" : "no";
}

#endif
