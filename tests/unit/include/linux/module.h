/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_MODULE_H
#define UNIT_LINUX_MODULE_H

/* The test says which there are. */
void *unit_symbol_get(const char *name);
void unit_symbol_put(const char *name);

#define symbol_get(symbol)	((typeof(symbol) *)unit_symbol_get(#symbol))
#define symbol_put(symbol)	unit_symbol_put(#symbol)

#endif
