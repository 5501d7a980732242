/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HOOKS_BENCH_H
#define HOOKS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct samples - what single operations took
 * @n: how many
 * @ticks: of the TSC, each
 *
 * An operation that the host's timer or another task hit shows only in the tails,
 * which is why each is timed by itself, and the median is what is compared.
 */
struct samples {
	unsigned int n;
	double ticks[1 << 16];
};

void samples_add(struct samples *s, double ticks);
/* One line of JSON: median, quartiles, mean. */
void samples_print(struct samples *s, const char *vm, const char *op,
		   unsigned int nvcpus, const char *config);

/* snp.c: SNP guests */
extern const unsigned int nr_snp_ops;
const char *snp_op_name(unsigned int op);
/* Is it of interest with that number of vCPUs? */
bool snp_op_for(unsigned int op, unsigned int nvcpus);
/*
 * Two kinds of samples, with their names, of an operation that has two; @kind[1] is
 * NULL for others.
 */
void snp_measure(unsigned int op, unsigned int nvcpus, struct samples *s,
		 const char *kind[2]);

/* plain.c: ordinary guests */
enum plain_what { PLAIN_TOUCH, PLAIN_OUT };
void plain_measure(enum plain_what what, struct samples *s);

/* plain.S */
extern const uint8_t plain_guest[], plain_guest_end[];

#endif
