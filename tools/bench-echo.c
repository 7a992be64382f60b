#include "tools/bench-echo.h"

#include <stdio.h>

#include "proto/limit.h"
#include "tools/bench-turns.h"

#define ECHO_SMALL ((size_t)64)
#define ECHO_WINDOW ((size_t)256)
#define ECHO_LONG ((size_t)4096)
#define ECHO_BYTES ((size_t)128 << 20) /* outstanding at most, large payloads */
#define ECHO_LARGE ((size_t)4 << 20) /* from here on ECHO_BYTES counts */
#define ECHO_LEAST ((size_t)2) /* outstanding at least */
#define ECHO_TIMES 2 /* as many rounds where placement decides most */

static const char *const echo_args[] = {"--max-queue-size", "10000", NULL};
static const char *const echo_large_args[] = {"--max-queue-size", "10000",
    "--max-frame", "80M", NULL};
static const char *const echo_strict_args[] = {"--max-queue-size", "10000",
    "--prefetch-us", "0", NULL};

/* Takes all rounds of both sides. */
static void
echo_take(struct row *row, const struct side *morod, const struct side *relay)
{
	samples_append(&row->morod, &morod->rate);
	samples_append(&row->reference, &relay->rate);
}

/* Fills a row with rounds of one placement, if there is one; says which. */
static void
echo_fill(struct row *row, const struct side *morod, const struct side *relay)
{
	size_t n = relay->rate.n, least = n / 2 + 1;
	enum placement common = turns_common(morod, relay, least);
	double by = samples_median(&relay->rate);

	row->all_ratio = by > 0 ? samples_median(&morod->rate) / by : 0;
	if (common == PLACEMENT_N) {
		echo_take(row, morod, relay);
		row->placement = "all";
		report_note(row,
		    "all rounds, %zu of each: too few share a placement", n);
		return;
	}
	turns_select(&row->morod, morod, &morod->rate, common);
	turns_select(&row->reference, relay, &relay->rate, common);
	row->placement = placement_name(common);
	report_note(row,
	    "rounds as \"%s\": %zu of the relay's %zu, %zu of morod's %zu; "
	    "of all rounds %.2f",
	    row->placement, row->reference.n, n, row->morod.n, morod->rate.n,
	    row->all_ratio);
}

/* Measures throughput both ways and reports its ratio. */
static void
echo_row(struct bench *b, const char *name, const struct turns *t)
{
	struct side morod = {.rate = {NULL, 0, 0}};
	struct side relay = {.rate = {NULL, 0, 0}};
	struct row *row =
	    report_begin(&b->report, name, UNIT_RATE, true, "relay");

	turns_run(b, t, &morod, &relay);
	if (t->pinned)
		echo_take(row, &morod, &relay);
	else
		echo_fill(row, &morod, &relay);
	report_end(&b->report, row);
	turns_clear(&morod);
	turns_clear(&relay);
}

void
echo_pipeline(struct bench *b)
{
	static const size_t windows[] = {1, 16, 256, 1024, ECHO_LONG};
	struct turns t = {.payload = ECHO_SMALL,
	    .credit = TURNS_CREDIT,
	    .args = echo_args};
	char name[REPORT_NAME];

	report_title(&b->report, "pipeline: echo of 64 B, by window");
	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		t.window = windows[i];
		t.times = t.window == ECHO_WINDOW || t.window == ECHO_LONG
			      ? ECHO_TIMES
			      : 1;
		if (t.window == ECHO_WINDOW)
			snprintf(name, sizeof name, "pipeline.%zu.ratio",
			    t.payload);
		else
			snprintf(name, sizeof name, "pipeline.%zu.w%zu.ratio",
			    t.payload, t.window);
		echo_row(b, name, &t);
	}
}

void
echo_payload(struct bench *b)
{
	static const size_t sizes[] = {(size_t)4 << 10, (size_t)64 << 10,
	    (size_t)1 << 20, (size_t)16 << 20, (size_t)64 << 20};
	struct turns t = {.credit = TURNS_CREDIT, .args = echo_large_args};
	char name[REPORT_NAME];

	report_title(&b->report,
	    "payload: echo by size, window 256; from 4 MiB on 128 MiB");
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		t.payload = sizes[i];
		t.window = ECHO_WINDOW;
		if (t.payload >= ECHO_LARGE)
			t.window = ECHO_BYTES / t.payload;
		if (t.window < ECHO_LEAST)
			t.window = ECHO_LEAST;
		if (t.payload >= LIMIT_FRAME_DEFAULT && b->socket != NULL)
			continue; /* more than a default morod takes */
		snprintf(name, sizeof name, "pipeline.%zu.ratio", t.payload);
		echo_row(b, name, &t);
	}
}

void
echo_strict(struct bench *b)
{
	struct turns t = {.payload = ECHO_SMALL,
	    .window = ECHO_WINDOW,
	    .credit = 1,
	    .args = echo_strict_args,
	    .times = ECHO_TIMES};

	report_title(&b->report,
	    "strict: one task a worker (--prefetch-us 0; relay likewise)");
	echo_row(b, "strict.ratio", &t);
	t.pinned = true;
	t.times = 1;
	echo_row(b, "strict.pinned.ratio", &t);
}
