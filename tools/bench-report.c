#include "tools/bench-report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-table.h"

struct row *
report_begin(struct report *report, const char *name, enum unit unit,
    bool is_ratio, const char *against)
{
	struct row *row;

	if (report->n == REPORT_ROWS)
		cleanup_die("too many rows");
	row = &report->rows[report->n++];
	snprintf(row->name, sizeof row->name, "%s", name);
	row->unit = unit;
	row->is_ratio = is_ratio;
	row->against = against;
	row->target = target_find(name);
	return row;
}

void
report_note(struct row *row, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(row->note, sizeof row->note, format, ap);
	va_end(ap);
}

/*
 * A ratio of medians. Its range is that of the rounds, each morod's by its
 * own reference's, which ran next to it, if each has one.
 */
static void
report_divide(struct row *row)
{
	double by = samples_median(&row->reference);
	struct samples ratios = {NULL, 0, 0};

	row->value = by > 0 ? samples_median(&row->morod) / by : 0;
	for (size_t i = 0; i < row->morod.n; i++) {
		if (row->morod.n == row->reference.n)
			by = row->reference.v[i];
		samples_add(&ratios, by > 0 ? row->morod.v[i] / by : 0);
	}
	row->min = samples_min(&ratios);
	row->max = samples_max(&ratios);
	samples_clear(&ratios);
}

void
report_end(struct report *report, struct row *row)
{
	if (row->is_ratio) {
		report_divide(row);
	} else {
		row->value = samples_median(&row->morod);
		row->min = samples_min(&row->morod);
		row->max = samples_max(&row->morod);
	}
	row->met = row->target != NULL && target_met(row->target, row->value);
	if (!report->quiet)
		table_row(row);
}

void
report_title(const struct report *report, const char *title)
{
	if (!report->quiet)
		table_title(title);
}

void
report_clear(struct report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		samples_clear(&report->rows[i].morod);
		samples_clear(&report->rows[i].reference);
	}
	report->n = 0;
}
