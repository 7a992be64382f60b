/* Which row an end is counted in. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/series.h"

/* The reason under which such a fault is counted. */
static const char *
reason_of(enum outcome outcome, enum code code, const char *reason)
{
	struct fault fault;
	unsigned int row;

	fault_set(&fault, code, reason, "message");
	row = series_row(outcome, &fault);
	assert_int_equal(series_row_outcome(row), outcome);
	return series_row_reason(row);
}

/* A reason counts if it says more than the code. */
static void
test_reasons(void **state)
{
	static const struct {
		enum outcome outcome;
		enum code code;
		const char *reason;
		const char *counted;
	} rows[] = {
	    {OUTCOME_FAILED, CODE_WORKER_ERROR, "failed", "failed"},
	    {OUTCOME_FAILED, CODE_WORKER_ERROR, "poison", "poison"},
	    {OUTCOME_FAILED, CODE_WORKER_ERROR, "memory", "memory"},
	    {OUTCOME_FAILED, CODE_WORKER_ERROR, "who knows", "failed"},
	    {OUTCOME_FAILED, CODE_WORKER_ERROR, NULL, "failed"},
	    {OUTCOME_FAILED, CODE_INVALID_ARGUMENT, NULL, "invalid_argument"},
	    {OUTCOME_FAILED, CODE_TOO_LARGE, "size", "too_large"},
	    {OUTCOME_TIMED_OUT, CODE_TIMEOUT, "queue", "queue"},
	    {OUTCOME_TIMED_OUT, CODE_TIMEOUT, "run", "run"},
	    {OUTCOME_CANCELLED, CODE_CANCELLED, "client", "client"},
	    {OUTCOME_CANCELLED, CODE_CANCELLED, NULL, "disconnect"},
	    {OUTCOME_CANCELLED, CODE_SHUTTING_DOWN, NULL, "shutdown"},
	    {OUTCOME_REFUSED, CODE_SHUTTING_DOWN, NULL, "shutdown"},
	    {OUTCOME_REFUSED, CODE_QUEUE_FULL, "count", "count"},
	    {OUTCOME_REFUSED, CODE_QUEUE_FULL, "clientBytes", "clientBytes"},
	    {OUTCOME_REFUSED, CODE_QUEUE_FULL, "planets", "other"},
	    {OUTCOME_REFUSED, CODE_DUPLICATE_ID, "msgid", "duplicate_id"},
	    {OUTCOME_REFUSED, CODE_UNKNOWN_TASK, NULL, "unknown_task"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(reason_of(rows[i].outcome, rows[i].code,
					rows[i].reason),
		    rows[i].counted);
}

/* Every code that may be refused with, or that a worker may use, is counted. */
static void
test_all_codes(void **state)
{
	struct fault fault;

	for (int code = CODE_NONE + 1; code < CODE_N; code++) {
		fault_set(&fault, (enum code)code, "made up", "message");
		assert_int_equal(series_row_outcome(
				     series_row(OUTCOME_REFUSED, &fault)),
		    OUTCOME_REFUSED);
		assert_int_equal(series_row_outcome(
				     series_row(OUTCOME_FAILED, &fault)),
		    OUTCOME_FAILED);
	}
	assert_int_equal(series_row_outcome(SERIES_COMPLETED),
	    OUTCOME_COMPLETED);
}

/* Sums are those of their parts. */
static void
test_sums(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct series_sums *sums = calloc(1, sizeof *sums);
	unsigned int crashed = series_row_named(OUTCOME_FAILED, "crashed");

	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(sums);
	histogram_add(&a->wait, 100);
	histogram_add(&b->wait, 300);
	histogram_add(&b->run, 7);
	a->counts[crashed] = 2;
	b->counts[crashed] = 3;
	b->counts[series_row_named(OUTCOME_FAILED, "failed")] = 4;
	series_sum(sums, a);
	series_sum(sums, b);
	assert_int_equal(sums->wait_minute.count, 2);
	assert_int_equal(sums->wait_all.sum, 400);
	assert_int_equal(sums->run_all.max, 7);
	assert_int_equal(sums->counts[crashed], 5);
	free(a);
	free(b);
	free(sums);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reasons),
	    cmocka_unit_test(test_all_codes),
	    cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
