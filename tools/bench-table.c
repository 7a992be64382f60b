#include "tools/bench-table.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TABLE_FIGURE 12 /* bytes of one figure, its NUL included */
#define TABLE_CELL 48
#define TABLE_KILO 1e3
#define TABLE_MEGA 1e6
#define TABLE_SMALL 10 /* below it two digits behind the point are shown */
#define TABLE_DISTURBED 0.1 /* CPUs that others may have used */
#define TABLE_MIDDLE 100 /* below it one */

/* Prints a number with three or so digits. */
static void
table_number(char *out, size_t size, double v, const char *suffix)
{
	int digits = v < TABLE_SMALL ? 2 : v < TABLE_MIDDLE ? 1 : 0;

	snprintf(out, size, "%.*f%s", digits, v, suffix);
}

/* Prints a figure of a unit. */
static void
table_figure(char *out, size_t size, double v, enum unit unit)
{
	if (unit != UNIT_RATE || v < TABLE_KILO)
		table_number(out, size, v, "");
	else if (v < TABLE_MEGA)
		table_number(out, size, v / TABLE_KILO, "k");
	else
		table_number(out, size, v / TABLE_MEGA, "M");
}

/* Prints the median and the range of figures. */
static void
table_cell(char *out, size_t size, const struct samples *s, enum unit unit)
{
	char median[TABLE_FIGURE], min[TABLE_FIGURE], max[TABLE_FIGURE];

	if (s->n == 0) {
		snprintf(out, size, "-");
		return;
	}
	table_figure(median, sizeof median, samples_median(s), unit);
	table_figure(min, sizeof min, samples_min(s), unit);
	table_figure(max, sizeof max, samples_max(s), unit);
	snprintf(out, size, "%s [%s .. %s]", median, min, max);
}

static const char *
table_unit(enum unit unit)
{
	static const char *const names[] = {
	    [UNIT_RATE] = "/s",
	    [UNIT_US] = "us",
	    [UNIT_MS] = "ms",
	    [UNIT_S] = "s",
	    [UNIT_BYTES] = "B",
	    [UNIT_KIB] = "KiB",
	    [UNIT_COUNT] = "",
	};

	return names[unit];
}

void
table_head(int rounds, int workers)
{
	struct utsname u;

	uname(&u);
	printf("moro-bench %s: %d rounds, %d workers, %ld CPUs, Linux %s %s\n"
	       "Figures are medians [min .. max] of the rounds; the reference "
	       "is the bare relay\nif nothing else is said.\n",
	    MORO_VERSION, rounds, workers, sysconf(_SC_NPROCESSORS_ONLN),
	    u.release, u.machine);
	fflush(stdout);
}

void
table_end(double wall_s, double others)
{
	printf("\n%.0f s in all; meanwhile other processes kept %.2f CPUs busy"
	       "%s\n",
	    wall_s, others,
	    others > TABLE_DISTURBED ? ": too many for good figures" : "");
	fflush(stdout);
}

void
table_title(const char *title)
{
	printf("\n%s\n  %-34s %-4s%-25s %-25s %-22s %-8s\n", title, "", "",
	    "reference", "morod", "ratio", "must");
	fflush(stdout);
}

void
table_row(const struct row *row)
{
	char reference[TABLE_CELL], morod[TABLE_CELL], ratio[TABLE_CELL] = "";

	table_cell(reference, sizeof reference, &row->reference, row->unit);
	table_cell(morod, sizeof morod, &row->morod, row->unit);
	if (row->is_ratio)
		snprintf(ratio, sizeof ratio, "%.2f [%.2f .. %.2f]", row->value,
		    row->min, row->max);
	printf("  %-34s %-4s%-25s %-25s %-22s", row->name,
	    table_unit(row->unit), reference, morod, ratio);
	if (row->target != NULL)
		printf(" %s %-5g %s",
		    row->target->at_least ? ">=" : "<=", row->target->must,
		    row->met ? "met" : "MISSED");
	fputc('\n', stdout);
	if (row->note[0] != '\0')
		printf("      (%s)\n", row->note);
	fflush(stdout);
}
