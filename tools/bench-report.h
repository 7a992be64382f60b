#ifndef MORO_TOOLS_BENCH_REPORT_H
#define MORO_TOOLS_BENCH_REPORT_H

/* The rows that were measured. */

#include <stdbool.h>
#include <stddef.h>

#include "tools/bench-samples.h"
#include "tools/bench-target.h"

#define REPORT_ROWS 128
#define REPORT_NAME 64
#define REPORT_NOTE 200

/* What a row's figures are. */
enum unit {
	UNIT_RATE, /* a second */
	UNIT_US,
	UNIT_MS,
	UNIT_S,
	UNIT_BYTES,
	UNIT_KIB,
	UNIT_COUNT,
};

struct row {
	char name[REPORT_NAME]; /* stable: the key in JSON */
	enum unit unit; /* of the figures of each round */
	bool is_ratio; /* value is morod's median by the reference's */
	struct samples morod; /* one figure a round */
	struct samples reference; /* likewise; may be empty */
	const char *against; /* what the reference is */
	double value, min, max;
	/* where only rounds of one placement may count: which; else NULL */
	const char *placement;
	double all_ratio; /* what the value would be of all rounds */
	const struct target *target; /* or NULL */
	bool met;
	char note[REPORT_NOTE];
};

struct report {
	bool quiet; /* print no table */
	size_t n;
	struct row rows[REPORT_ROWS];
};

/*
 * Begins a row; morod's and the reference's figures are then added to it, and
 * report_end() computes and prints. All rows stay to the end.
 */
struct row *report_begin(struct report *report, const char *name,
    enum unit unit, bool is_ratio, const char *against);

/* Says something about a row; the last one counts. */
void report_note(struct row *row, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void report_end(struct report *report, struct row *row);

/* A headline before rows, and a remark between them. */
void report_title(const struct report *report, const char *title);

/* Frees what the rows hold. */
void report_clear(struct report *report);

#endif
