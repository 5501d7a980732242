/* SPDX-License-Identifier: GPL-2.0-only */
/* What module and program agree on. */
#ifndef VIOLATE_H
#define VIOLATE_H

#define VIOLATE_DEVICE	"/dev/violate"

/*
 * Ways to touch a page without asking.  To have the kernel do it, write the name to
 * the device.  To do it in user space, map one page at offset (index * page size) and
 * touch it.
 */
#define VIOLATE_CASES(x)						\
	/* shared by a PSC, never made private again; touched as private */	\
	x(forgotten)							\
	/* shared and made private again; written through the old, shared mapping */	\
	x(stale)							\
	/* never anything but private; written as shared */		\
	x(never_shared)							\
	/* shared by a PSC; PVALIDATE without a PSC to private (kernel only) */	\
	x(pvalidate)							\
	/* never asked for; touched as private, and as shared (parameter gfn) */	\
	x(first_touch)							\
	x(initial_shared)

#define VIOLATE_NAME(name)	#name,
#define VIOLATE_NUMBER(name)	VIOLATE_##name,

enum { VIOLATE_CASES(VIOLATE_NUMBER) VIOLATE_NR };

#endif
