/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DEMO_H
#define DEMO_H

/* One guest bug, four ways, as text.  0 if each way showed what it should. */
int demo(void);

#endif
