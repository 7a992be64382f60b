#ifndef MORO_TOOLS_BENCH_SAMPLES_H
#define MORO_TOOLS_BENCH_SAMPLES_H

/* Figures, and what they come to. */

#include <stddef.h>

/* All zero: empty. */
struct samples {
	double *v; /* owned */
	size_t n;
	size_t cap;
};

void samples_add(struct samples *s, double value);
void samples_append(struct samples *s, const struct samples *more);
void samples_clear(struct samples *s);

/* The value that a share p of all (0 to 1) does not exceed. Sorts. */
double samples_percentile(struct samples *s, double p);

/* The middle one, or the mean of the two in the middle; 0 of none. */
double samples_median(const struct samples *s);
double samples_min(const struct samples *s);
double samples_max(const struct samples *s);

#endif
