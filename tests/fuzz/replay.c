// SPDX-License-Identifier: GPL-2.0-only
/* replay FILE...: runs inputs that libFuzzer has found, without libFuzzer. */
#include <stdio.h>
#include <stdlib.h>
#include "input.h"

#define MAX_INPUT (1 << 20)

int main(int argc, char **argv)
{
	static uint8_t data[MAX_INPUT];

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t n;

		if (!f) {
			perror(argv[i]);
			return 1;
		}
		n = fread(data, 1, sizeof(data), f);
		fclose(f);
		LLVMFuzzerTestOneInput(data, n);
	}
	return 0;
}
