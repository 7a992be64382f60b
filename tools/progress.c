#include "tools/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/columns.h"

#define PROGRESS_PIECE 48 /* bytes of a number or a pair of them */
#define PROGRESS_BAR_MIN 8 /* columns of a bar, its brackets apart */
#define PROGRESS_BAR_MAX 30
#define PROGRESS_NOTE_MIN 6 /* a shorter one says nothing */
#define PROGRESS_NOTE_SHARE 3 /* with a note the bar gets a third */
#define PROGRESS_PLAIN 1e5 /* counts below are shown digit by digit */
#define PROGRESS_DONE 100.0 /* percent */

#define S_PER_MIN 60
#define S_PER_H 3600
#define S_PER_DAY 86400
#define PROGRESS_DAYS 100 /* nobody waits longer */

/* The line in the making. */
struct line {
	char *out;
	size_t len;
	int columns; /* taken so far */
	int max; /* that may be taken */
};

/* The parts of a line, in the order in which they stand. */
enum piece {
	PIECE_PERCENT,
	PIECE_BAR,
	PIECE_COUNT,
	PIECE_RATE,
	PIECE_LEFT,
	PIECE_NOTE,
	PIECE_N,
};

/* The same, the most important first. */
static const enum piece progress_order[PIECE_N] = {
    PIECE_COUNT,
    PIECE_PERCENT,
    PIECE_BAR,
    PIECE_LEFT,
    PIECE_RATE,
    PIECE_NOTE,
};

/* A number that is none, or below 0, counts as nothing. */
static double
progress_sane(double n)
{
	return n > 0 ? n : 0;
}

/* Writes an amount: "999", "12.3M"; bytes by powers of 1,024. */
static void
progress_amount(char out[PROGRESS_PIECE], double n, bool bytes)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
	double step = bytes ? 1024 : 1000;
	size_t i = 0, last = sizeof units / sizeof units[0] - 1;

	if (!isfinite(n)) {
		strcpy(out, "?");
		return;
	}
	if (!bytes && n < PROGRESS_PLAIN) {
		snprintf(out, PROGRESS_PIECE, n == floor(n) ? "%.0f" : "%.1f",
		    n);
		return;
	}
	while (i < last && n >= step) {
		n /= step;
		i++;
	}
	snprintf(out, PROGRESS_PIECE, i > 0 && n < 100 ? "%.1f%s" : "%.0f%s",
	    n < step ? n : step, units[i]);
}

/* Whether it is known how much there is to do. */
static bool
progress_bounded(const struct progress_view *v)
{
	return v->total > 0 && isfinite(v->total);
}

/* How much of it is done, 0 to 1. */
static double
progress_part(const struct progress_view *v)
{
	double part = progress_sane(v->done) / v->total;

	return part < 1 ? part : 1;
}

static void
progress_percent(char out[PROGRESS_PIECE], const struct progress_view *v)
{
	if (progress_bounded(v))
		snprintf(out, PROGRESS_PIECE, "%3.0f%%",
		    floor(progress_part(v) * PROGRESS_DONE));
}

static void
progress_count(char out[PROGRESS_PIECE], const struct progress_view *v)
{
	char total[PROGRESS_PIECE];
	size_t len;

	progress_amount(out, progress_sane(v->done), v->bytes);
	if (!(v->total >= 0))
		return;
	progress_amount(total, v->total, v->bytes);
	len = strlen(out);
	snprintf(out + len, PROGRESS_PIECE - len, "/%.*s",
	    (int)(PROGRESS_PIECE - len) - 2, total);
}

static void
progress_rate(char out[PROGRESS_PIECE], const struct progress_view *v)
{
	if (!(v->rate > 0))
		return;
	progress_amount(out, v->rate, v->bytes);
	strcat(out, "/s");
}

/* Writes the time that is left, if it can be told. */
static void
progress_left(char out[PROGRESS_PIECE], const struct progress_view *v)
{
	double s;
	long n;

	if (!progress_bounded(v) || !(v->rate > 0))
		return;
	s = ceil(v->total * (1 - progress_part(v)) / v->rate);
	if (!(s < (double)PROGRESS_DAYS * S_PER_DAY))
		return;
	n = (long)s;
	if (n >= S_PER_DAY)
		snprintf(out, PROGRESS_PIECE, "%ldd %ldh left", n / S_PER_DAY,
		    n % S_PER_DAY / S_PER_H);
	else if (n >= S_PER_H)
		snprintf(out, PROGRESS_PIECE, "%ld:%02ld:%02ld left",
		    n / S_PER_H, n % S_PER_H / S_PER_MIN, n % S_PER_MIN);
	else
		snprintf(out, PROGRESS_PIECE, "%ld:%02ld left", n / S_PER_MIN,
		    n % S_PER_MIN);
}

/* Appends text whose every byte takes one column, and a space before it. */
static void
line_add(struct line *l, const char *text)
{
	int len = (int)strlen(text);

	if (l->columns > 0) {
		l->out[l->len++] = ' ';
		l->columns++;
	}
	memcpy(l->out + l->len, text, (size_t)len + 1);
	l->len += (size_t)len;
	l->columns += len;
}

/* Appends a bar of so many columns, brackets included. */
static void
line_add_bar(struct line *l, const struct progress_view *v, int columns)
{
	char bar[PROGRESS_BAR_MAX + 3];
	int n = columns - 2, full = (int)(progress_part(v) * n);

	bar[0] = '[';
	memset(bar + 1, '#', (size_t)full);
	memset(bar + 1 + full, '-', (size_t)(n - full));
	strcpy(bar + 1 + n, "]");
	line_add(l, bar);
}

/* Appends the note in what is left of the line. */
static void
line_add_note(struct line *l, const char *note)
{
	l->out[l->len++] = ' ';
	l->columns += 1 + columns_fit(l->out + l->len, PROGRESS_LINE - l->len,
			      note, l->max - l->columns - 1);
}

/*
 * Decides what fits: the columns of each part, 0: left out. What is left over
 * goes to the bar, or to bar and note.
 */
static void
progress_lay_out(const struct progress_view *v,
    char text[PIECE_N][PROGRESS_PIECE], int max, int columns[PIECE_N])
{
	int least[PIECE_N], used = -1;

	for (int i = 0; i < PIECE_N; i++)
		least[i] = (int)strlen(text[i]);
	least[PIECE_BAR] = progress_bounded(v) ? PROGRESS_BAR_MIN + 2 : 0;
	least[PIECE_NOTE] =
	    v->note != NULL && v->note[0] != '\0' ? PROGRESS_NOTE_MIN : 0;
	memset(columns, 0, PIECE_N * sizeof columns[0]);
	if (least[PIECE_COUNT] > max)
		return;
	for (int i = 0; i < PIECE_N; i++) {
		enum piece p = progress_order[i];

		/* a less important part may be short enough */
		if (least[p] == 0 || used + 1 + least[p] > max)
			continue;
		columns[p] = least[p];
		used += 1 + least[p];
	}
	if (columns[PIECE_BAR] == 0)
		return;
	columns[PIECE_BAR] += columns[PIECE_NOTE] != 0
				  ? (max - used) / PROGRESS_NOTE_SHARE
				  : max - used;
	if (columns[PIECE_BAR] > PROGRESS_BAR_MAX + 2)
		columns[PIECE_BAR] = PROGRESS_BAR_MAX + 2;
}

int
progress_format(char out[PROGRESS_LINE], const struct progress_view *v,
    int columns)
{
	struct line l = {.out = out, .max = columns - 1};
	char text[PIECE_N][PROGRESS_PIECE] = {{0}};
	int taken[PIECE_N];

	out[0] = '\0';
	progress_percent(text[PIECE_PERCENT], v);
	progress_count(text[PIECE_COUNT], v);
	progress_rate(text[PIECE_RATE], v);
	progress_left(text[PIECE_LEFT], v);
	progress_lay_out(v, text, l.max, taken);
	for (int i = 0; i < PIECE_N; i++) {
		if (taken[i] == 0)
			continue;
		if (i == PIECE_BAR)
			line_add_bar(&l, v, taken[i]);
		else if (i == PIECE_NOTE)
			line_add_note(&l, v->note);
		else
			line_add(&l, text[i]);
	}
	return l.columns;
}
