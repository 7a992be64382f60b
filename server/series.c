#include "server/series.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Every reason by outcome. The last of an outcome takes what has no row: peers
 * may send any reason, and must not make us remember it.
 */
static const struct {
	enum outcome outcome;
	const char *reason;
} series_rows[] = {
    [SERIES_COMPLETED] = {OUTCOME_COMPLETED, "completed"},
    {OUTCOME_FAILED, "crashed"},
    {OUTCOME_FAILED, "poison"},
    {OUTCOME_FAILED, "memory"},
    {OUTCOME_FAILED, "cpu"},
    {OUTCOME_FAILED, "pool_down"},
    {OUTCOME_FAILED, "invalid_argument"},
    {OUTCOME_FAILED, "too_large"},
    {OUTCOME_FAILED, "unsupported"},
    {OUTCOME_FAILED, "not_found"},
    {OUTCOME_FAILED, "permission_denied"},
    {OUTCOME_FAILED, "unknown_task"},
    {OUTCOME_FAILED, "internal"},
    {OUTCOME_FAILED, "failed"},
    {OUTCOME_TIMED_OUT, "queue"},
    {OUTCOME_TIMED_OUT, "run"},
    {OUTCOME_TIMED_OUT, "other"},
    {OUTCOME_CANCELLED, "client"},
    {OUTCOME_CANCELLED, "admin"},
    {OUTCOME_CANCELLED, "shutdown"},
    {OUTCOME_CANCELLED, "disconnect"},
    {OUTCOME_CANCELLED, "other"},
    {OUTCOME_REFUSED, "count"},
    {OUTCOME_REFUSED, "type"},
    {OUTCOME_REFUSED, "client"},
    {OUTCOME_REFUSED, "clientBytes"},
    {OUTCOME_REFUSED, "bytes"},
    {OUTCOME_REFUSED, "fds"},
    {OUTCOME_REFUSED, "pool_down"},
    {OUTCOME_REFUSED, "shutdown"},
    {OUTCOME_REFUSED, "duplicate_id"},
    {OUTCOME_REFUSED, "invalid_argument"},
    {OUTCOME_REFUSED, "invalid_option"},
    {OUTCOME_REFUSED, "too_large"},
    {OUTCOME_REFUSED, "unknown_task"},
    {OUTCOME_REFUSED, "permission_denied"},
    {OUTCOME_REFUSED, "unsupported"},
    {OUTCOME_REFUSED, "protocol_error"},
    {OUTCOME_REFUSED, "internal"},
    {OUTCOME_REFUSED, "other"},
    {OUTCOME_RETRIED, "crash"},
    {OUTCOME_RETRIED, "error"},
    {OUTCOME_RETRIED, "other"},
};

_Static_assert(COUNT(series_rows) == SERIES_ROWS, "one count a row");

unsigned int
series_row_named(enum outcome outcome, const char *reason)
{
	unsigned int last = SERIES_COMPLETED;

	for (unsigned int i = 0; i < COUNT(series_rows); i++) {
		if (series_rows[i].outcome != outcome)
			continue;
		/* a code stands there in capitals */
		if (strcasecmp(series_rows[i].reason, reason) == 0)
			return i;
		last = i;
	}
	return last;
}

/* What a fault counts as: its reason if that says more than the code. */
static const char *
series_fault_reason(const struct fault *fault)
{
	switch (fault->code) {
	case CODE_QUEUE_FULL:
	case CODE_WORKER_ERROR:
	case CODE_TIMEOUT:
		return fault->reason;
	case CODE_CANCELLED:
		/* whose client left is told no reason */
		return fault->reason[0] != '\0' ? fault->reason : "disconnect";
	case CODE_SHUTTING_DOWN:
		return "shutdown";
	default:
		return code_name(fault->code);
	}
}

unsigned int
series_row(enum outcome outcome, const struct fault *fault)
{
	return series_row_named(outcome, series_fault_reason(fault));
}

const char *
series_outcome_name(enum outcome outcome)
{
	static const char *const names[OUTCOMES] = {
	    [OUTCOME_COMPLETED] = "completed",
	    [OUTCOME_FAILED] = "failed",
	    [OUTCOME_TIMED_OUT] = "timedOut",
	    [OUTCOME_CANCELLED] = "cancelled",
	    [OUTCOME_REFUSED] = "refused",
	    [OUTCOME_RETRIED] = "retried",
	};

	return names[outcome];
}

enum outcome
series_row_outcome(unsigned int row)
{
	assert(row < COUNT(series_rows));
	return series_rows[row].outcome;
}

const char *
series_row_reason(unsigned int row)
{
	assert(row < COUNT(series_rows));
	return series_rows[row].reason;
}

struct series *
series_new(void)
{
	return calloc(1, sizeof(struct series));
}

void
series_sum_counts(uint64_t to[SERIES_ROWS], const uint64_t counts[SERIES_ROWS])
{
	for (unsigned int i = 0; i < SERIES_ROWS; i++)
		to[i] += counts[i];
}

void
series_sum(struct series_sums *to, const struct series *s)
{
	histogram_sum_minute(&to->wait_minute, &s->wait);
	histogram_sum_all(&to->wait_all, &s->wait);
	histogram_sum_minute(&to->run_minute, &s->run);
	histogram_sum_all(&to->run_all, &s->run);
	series_sum_counts(to->counts, s->counts);
}
