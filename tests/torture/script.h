/* SPDX-License-Identifier: GPL-2.0-only */
/* The steps of a VM as a file, to be stored, edited and run again. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "step.h"

/* @before is what each line begins with. */
void script_print(FILE *f, const struct steps *s, const char *before);
/* False, with a message on stderr, if there are no steps, or what is none. */
bool script_read(const char *file, struct steps *s);
/* Are they the same once they were printed and read? If not, @i is the first that is not. */
bool script_keeps(const struct steps *s, size_t *i);

#endif
