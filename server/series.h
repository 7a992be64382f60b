#ifndef MORO_SERVER_SERIES_H
#define MORO_SERVER_SERIES_H

/*
 * What became of the tasks of one type and priority: how long they waited and
 * ran, and how many ended how. Sums over types or priorities are made when
 * somebody asks.
 */

#include <stdint.h>

#include "proto/fault.h"
#include "server/histogram.h"

enum outcome {
	OUTCOME_COMPLETED,
	OUTCOME_FAILED, /* an error of the task or of its worker */
	OUTCOME_TIMED_OUT,
	OUTCOME_CANCELLED,
	OUTCOME_REFUSED, /* never accepted */
	OUTCOME_RETRIED, /* no end: it ran once more */
	OUTCOMES,
};

#define SERIES_ROWS 43 /* rows of the table in series.c */
#define SERIES_COMPLETED 0 /* the row of the many */
/* From 1 ms on a run is long, and more is noted of it; in 1/16 us. */
#define SERIES_LONG ((uint64_t)1000 << HISTOGRAM_US_BITS)

struct series {
	struct histogram wait; /* accepted until handed to a worker */
	struct histogram run; /* of those that a worker began */
	uint64_t counts[SERIES_ROWS];
};

/* All of several series. */
struct series_sums {
	struct histogram_sums wait_minute, wait_all, run_minute, run_all;
	uint64_t counts[SERIES_ROWS];
};

/* The row of an outcome with the fault that was answered, or NULL. */
unsigned int series_row(enum outcome outcome, const struct fault *fault);

/* The same with a reason's name. */
unsigned int series_row_named(enum outcome outcome, const char *reason);

/* "timedOut", as it stands in stats. */
const char *series_outcome_name(enum outcome outcome);

/* What a row counts: the outcome, and the reason as it stands in stats. */
enum outcome series_row_outcome(unsigned int row);
const char *series_row_reason(unsigned int row);

/* Gives an empty one, or NULL: no memory. free() releases it. */
struct series *series_new(void);

/* Adds a series, or counts alone. */
void series_sum(struct series_sums *to, const struct series *s);
void series_sum_counts(uint64_t to[SERIES_ROWS],
    const uint64_t counts[SERIES_ROWS]);

#endif
