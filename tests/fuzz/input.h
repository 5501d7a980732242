/* SPDX-License-Identifier: GPL-2.0-only */
/* The fuzzer's bytes as numbers. When they are used up, everything is 0. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *data;
	size_t left;
};

static inline uint64_t input_number(struct input *in, unsigned int bytes)
{
	uint64_t n = 0;

	while (bytes-- && in->left) {
		n = n << 8 | *in->data++;
		in->left--;
	}
	return n;
}

static inline uint64_t input_below(struct input *in, uint64_t n)
{
	return input_number(in, n > 256 ? 4 : 1) % n;
}

/* Called by libFuzzer, or by replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
