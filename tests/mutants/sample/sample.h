/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SAMPLE_H
#define SAMPLE_H

#define MOST 4

enum size { SMALL, LARGE = 3 };

void sample_lock(void);
void sample_unlock(void);

int sample_sum(const int *of, int n);
int sample_mean(const int *of, int n);
int sample_less(int a, int b);
int sample_log(int n);
enum size sample_size(int n);

#endif
