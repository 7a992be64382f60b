#include "tools/bench-pingpong.h"

#include <stdio.h>

#include "tools/bench-turns.h"

#define PINGPONG_SMALL ((size_t)64)
#define PINGPONG_LARGE ((size_t)1 << 20) /* copying outweighs waking */

/* Both sides, where they are free to run and pinned to one CPU. */
struct pingpong {
	size_t payload;
	struct side morod, relay;
	struct side pinned_morod, pinned_relay;
};

/* One of the figures of a side. */
typedef const struct samples *(*pingpong_figure_cb)(const struct side *side);

static const struct samples *
pingpong_p50(const struct side *side)
{
	return &side->p50_us;
}

static const struct samples *
pingpong_p99(const struct side *side)
{
	return &side->p99_us;
}

/* Fills a row with figures that compare, and says which they are. */
static void
pingpong_fill(struct row *row, const struct pingpong *p,
    pingpong_figure_cb figure)
{
	/* fewer than half of the rounds tell too little */
	enum placement common =
	    turns_common(&p->morod, &p->relay, p->relay.rate.n / 2 + 1);

	if (p->payload >= PINGPONG_LARGE) {
		samples_append(&row->morod, figure(&p->morod));
		samples_append(&row->reference, figure(&p->relay));
		report_note(row, "all rounds: here copying outweighs waking");
	} else if (common != PLACEMENT_N) {
		turns_select(&row->morod, &p->morod, figure(&p->morod), common);
		turns_select(&row->reference, &p->relay, figure(&p->relay),
		    common);
		report_note(row,
		    "rounds on %s: %zu of the relay's %zu, %zu of morod's %zu",
		    placement_name(common), turns_count(&p->relay, common),
		    p->relay.rate.n, turns_count(&p->morod, common),
		    p->morod.rate.n);
	} else if (p->pinned_morod.rate.n > 0) {
		samples_append(&row->morod, figure(&p->pinned_morod));
		samples_append(&row->reference, figure(&p->pinned_relay));
		report_note(row, "too few rounds in one placement: these are "
				 "the pinned ones");
	} else {
		samples_append(&row->morod, figure(&p->morod));
		samples_append(&row->reference, figure(&p->relay));
		report_note(row,
		    "too few rounds in one placement: not comparable");
	}
}

/* Reports one figure: of comparable rounds, and of pinned ones if there are. */
static void
pingpong_rows(struct bench *b, const struct pingpong *p, const char *which,
    pingpong_figure_cb figure)
{
	char name[REPORT_NAME];
	struct row *row;

	snprintf(name, sizeof name, "pingpong.%zu.%s_ratio", p->payload, which);
	row = report_begin(&b->report, name, UNIT_US, true, "relay");
	pingpong_fill(row, p, figure);
	report_end(&b->report, row);
	if (p->pinned_morod.rate.n == 0)
		return;
	snprintf(name, sizeof name, "pingpong.%zu.pinned.%s_ratio", p->payload,
	    which);
	row = report_begin(&b->report, name, UNIT_US, true, "relay");
	samples_append(&row->morod, figure(&p->pinned_morod));
	samples_append(&row->reference, figure(&p->pinned_relay));
	report_end(&b->report, row);
}

/* One size. */
static void
pingpong_size(struct bench *b, size_t payload, bool pinned)
{
	struct turns t = {.payload = payload,
	    .window = 1,
	    .credit = TURNS_CREDIT,
	    .latency = true};
	struct pingpong p = {.payload = payload};

	turns_run(b, &t, &p.morod, &p.relay);
	if (pinned) {
		t.pinned = true;
		turns_run(b, &t, &p.pinned_morod, &p.pinned_relay);
	}
	if (payload == PINGPONG_SMALL) {
		bench_curve(b, "64 B, pinned, relay", &p.pinned_relay.all_us);
		bench_curve(b, "64 B, pinned, morod", &p.pinned_morod.all_us);
	}
	pingpong_rows(b, &p, "p50", pingpong_p50);
	pingpong_rows(b, &p, "p99", pingpong_p99);
	if (payload == PINGPONG_SMALL) {
		bench_curve(b, "64 B, relay", &p.relay.all_us);
		bench_curve(b, "64 B, morod", &p.morod.all_us);
	}
	turns_clear(&p.morod);
	turns_clear(&p.relay);
	turns_clear(&p.pinned_morod);
	turns_clear(&p.pinned_relay);
}

void
pingpong_run(struct bench *b)
{
	static const size_t sizes[] = {PINGPONG_SMALL, (size_t)4 << 10,
	    (size_t)64 << 10, PINGPONG_LARGE};

	report_title(&b->report, "pingpong: one call at a time (closed loop)");
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		/* a server that runs already cannot be pinned */
		pingpong_size(b, sizes[i],
		    sizes[i] < PINGPONG_LARGE && b->socket == NULL);
}
