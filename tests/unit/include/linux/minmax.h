/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_MINMAX_H
#define UNIT_LINUX_MINMAX_H

/* As the kernel's they may differ in size, not in sign. */
#define unit_is_signed(x)	((typeof(x))-1 < (typeof(x))1)
#define unit_same_sign(x, y)	\
	_Static_assert(unit_is_signed(x) == unit_is_signed(y), "signed and unsigned")

#define max(x, y) ({				\
	typeof(x) max_x = (x);			\
	typeof(y) max_y = (y);			\
	unit_same_sign(max_x, max_y);		\
	max_x > max_y ? max_x : max_y;		\
})

#define min(x, y) ({				\
	typeof(x) min_x = (x);			\
	typeof(y) min_y = (y);			\
	unit_same_sign(min_x, min_y);		\
	min_x < min_y ? min_x : min_y;		\
})

#define max_t(type, x, y)	max((type)(x), (type)(y))
#define min_t(type, x, y)	min((type)(x), (type)(y))

#endif
