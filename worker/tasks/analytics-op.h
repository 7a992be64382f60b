#ifndef MORO_TASKS_ANALYTICS_OP_H
#define MORO_TASKS_ANALYTICS_OP_H

/* The operations of metrics, and what they make of a group's state. */

#include "worker/tasks/analytics-request.h"

#define ANALYTICS_OP_TAKES                                                \
	"count, sum, avg, min, max, distinct, percentiles, first, last, " \
	"or p with a percentage such as p95"

extern const struct analytics_op analytics_op_first;
extern const struct analytics_op analytics_op_last;

/*
 * Reads an operation's name: sets op and single, and the percentages where the
 * name has them or they have a default. False: there is none of that name.
 */
bool analytics_op_read(struct analytics_metric *m, const char *text,
    size_t len);

/* Whether it takes percentages. */
bool analytics_op_takes_percents(const struct analytics_op *op);

/* A percentage as a number. */
struct analytics_number analytics_op_percent(uint32_t thousandths);

#endif
