/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP output for tests that run on the build machine.
 */
#ifndef SNPSIM_UNIT_KTAP_H
#define SNPSIM_UNIT_KTAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int ktap_count, ktap_failed, ktap_checks_failed;

/* One comparison within a test; says what was expected. */
#define expect(actual, wanted) do {						\
	unsigned long a_ = (unsigned long)(actual), w_ = (unsigned long)(wanted);	\
										\
	if (a_ != w_) {								\
		printf("# %s:%d: %s is %#lx, expected %#lx\n", __FILE__,	\
		       __LINE__, #actual, a_, w_);				\
		ktap_checks_failed++;						\
	}									\
} while (0)

static inline void ktap_run(const char *name, void (*test)(void))
{
	ktap_checks_failed = 0;
	test();
	ktap_count++;
	if (ktap_checks_failed)
		ktap_failed++;
	printf("%sok %d %s\n", ktap_checks_failed ? "not " : "", ktap_count, name);
}

static inline int ktap_end(void)
{
	printf("1..%d\n# %d passed, %d failed\n", ktap_count, ktap_count - ktap_failed,
	       ktap_failed);
	return ktap_failed ? 1 : 0;
}

#define KTAP_START() do {		\
	setvbuf(stdout, NULL, _IOLBF, 0);	\
	printf("KTAP version 1\n");		\
} while (0)
#define RUN(test)	ktap_run(#test, test)

/* What the tested files want from lib.h. */
void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("Bail out! ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	exit(1);
}

#endif /* SNPSIM_UNIT_KTAP_H */
