#include "tools/bench-samples.h"

#include <stdlib.h>
#include <string.h>

#include "tools/bench-cleanup.h"

#define SAMPLES_FIRST 64 /* room to begin with */

/* Makes room for n more. */
static void
samples_reserve(struct samples *s, size_t n)
{
	size_t cap = s->cap > 0 ? s->cap : SAMPLES_FIRST;
	double *v;

	while (cap - s->n < n)
		cap *= 2;
	if (cap == s->cap)
		return;
	v = reallocarray(s->v, cap, sizeof *v);
	if (v == NULL)
		cleanup_die("out of memory");
	s->v = v;
	s->cap = cap;
}

void
samples_add(struct samples *s, double value)
{
	if (s->n == s->cap)
		samples_reserve(s, 1);
	s->v[s->n++] = value;
}

void
samples_append(struct samples *s, const struct samples *more)
{
	if (more->n == 0)
		return;
	samples_reserve(s, more->n);
	memcpy(s->v + s->n, more->v, more->n * sizeof *s->v);
	s->n += more->n;
}

void
samples_clear(struct samples *s)
{
	free(s->v);
	memset(s, 0, sizeof *s);
}

static int
samples_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
samples_percentile(struct samples *s, double p)
{
	size_t at;

	if (s->n == 0)
		return 0;
	qsort(s->v, s->n, sizeof *s->v, samples_compare);
	at = (size_t)(p * (double)s->n);
	return s->v[at < s->n ? at : s->n - 1];
}

double
samples_median(const struct samples *s)
{
	struct samples copy = {NULL, 0, 0};
	double value;

	if (s->n == 0)
		return 0;
	samples_append(&copy, s);
	qsort(copy.v, copy.n, sizeof *copy.v, samples_compare);
	value = (copy.v[(copy.n - 1) / 2] + copy.v[copy.n / 2]) / 2;
	samples_clear(&copy);
	return value;
}

double
samples_min(const struct samples *s)
{
	double least = s->n > 0 ? s->v[0] : 0;

	for (size_t i = 1; i < s->n; i++)
		least = s->v[i] < least ? s->v[i] : least;
	return least;
}

double
samples_max(const struct samples *s)
{
	double most = s->n > 0 ? s->v[0] : 0;

	for (size_t i = 1; i < s->n; i++)
		most = s->v[i] > most ? s->v[i] : most;
	return most;
}
