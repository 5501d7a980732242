// SPDX-License-Identifier: GPL-2.0-only
#include "sample.h"

#include <assert.h>
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int locked;

void sample_lock(void)
{
	pthread_mutex_lock(&mutex);
	locked = 1;
}

void sample_unlock(void)
{
	assert(locked);
	locked = 0;
	pthread_mutex_unlock(&mutex);
}

int main(void)
{
	const int of[] = { 2, 3, 1, 0, 4, -1, 7 };

	assert(sample_sum(of, 2) == 5);
	assert(sample_sum(of, 7) == 10);
	assert(sample_mean(of, 2) == 2);
	assert(sample_less(1, 2) == 1);
	assert(sample_less(2, 1) == 1);
	assert(sample_log(8) == 3);
	assert(sample_size(6) == SMALL);
	assert(sample_size(7) == LARGE);
	return 0;
}
