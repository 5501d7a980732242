// SPDX-License-Identifier: GPL-2.0-only
#include "sample.h"

int sample_sum(const int *of, int n)
{
	int sum = 0, i;

	sample_lock();
	for (i = 0; i < n; i++) {
		if (of[i] < 0)
			break;
		sum += of[i];
	}
	sample_unlock();
	return sum;
}

int sample_mean(const int *of, int n)
{
	return sample_sum(of, n) / n;
}

int sample_less(int a, int b)
{
	/* Nobody tests which of two equal ones. */
	return a <= b ? a : b;
}

int sample_log(int n)
{
	int log = 0;

	while (n > 1) {
		n /= 2;
		log++;
	}
	return log;
}

static int between(int low,
		   int high)
{
	/* Shifting by nothing is the same to either side. */
	return (high - low) << 0;
}

enum size sample_size(int n)
{
	if (between(2, n) > MOST)
		return LARGE;
	return SMALL;
}
