#include "tools/bench-priority.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/bench-clock.h"
#include "tools/bench-flood.h"
#include "tools/bench-paced.h"
#include "tools/bench-relay.h"
#include "tools/bench-turns.h"

#define PRIORITY_PAYLOAD ((size_t)64)
#define PRIORITY_WINDOW ((size_t)4096) /* outstanding of the flood */
#define PRIORITY_EVERY_NS CLOCK_NS_PER_MS /* between high calls */
#define PRIORITY_LARGE ((size_t)64 << 20) /* bytes of a large message */
#define PRIORITY_TIMES 2 /* measured so much longer than other scenarios */
#define P50 0.5
#define P99 0.99

static const char *const priority_args[] = {"--max-queue-size", "10000",
    "--max-frame", "65M", NULL};

/* The floods. */
static const struct {
	const char *name;
	const char *curve;
	unsigned int us; /* of a task; 0: echo */
	size_t payload; /* of an echo */
	size_t window; /* outstanding */
	/*
	 * The reference is the relay beside a morod under the same flood: what
	 * the machine alone makes calls wait that have nothing to do with it.
	 */
	bool beside;
} priority_floods[] = {
    {"echo", "high under echo, morod", 0, PRIORITY_PAYLOAD, PRIORITY_WINDOW,
	false},
    {"5us", "high under 5 us, morod", 5, 0, PRIORITY_WINDOW, false},
    {"100us", "high under 100 us, morod", 100, 0, PRIORITY_WINDOW, false},
    {"64mib", "high under 64 MiB, morod", 0, PRIORITY_LARGE, 1, true},
};

#define PRIORITY_FLOODS (sizeof priority_floods / sizeof priority_floods[0])

/* The figures of one flood, or of the relay: one of each a round. */
struct priority {
	struct samples p50_us, p99_us, flood, all_us;
	struct samples timer_us; /* when the calls left, all rounds */
};

/* How many high calls a round has. */
static size_t
priority_calls(const struct bench *b)
{
	uint64_t ns = PRIORITY_TIMES * bench_run_ns(b);

	return (size_t)(ns / PRIORITY_EVERY_NS) + 1;
}

/* A task of a flood. */
static void
priority_form(struct form *f, size_t which)
{
	unsigned int us = priority_floods[which].us;
	const uint8_t data[] = {0x81, 0xa2, 'u', 's', 0xcd, (uint8_t)(us >> 8),
	    (uint8_t)us};
	const struct form_task task = {.type = "debug:spin",
	    .data = data,
	    .data_len = sizeof data,
	    .priority = "low"};

	if (us == 0)
		/* a large payload ends the message: no options fit behind it */
		form_echo(f, priority_floods[which].payload,
		    priority_floods[which].payload == PRIORITY_LARGE ? NULL
								     : "low");
	else
		form_task(f, &task, NULL, NULL);
}

/* Adds the figures of a round. */
static void
priority_note(struct priority *p, struct samples *us)
{
	samples_add(&p->p50_us, samples_percentile(us, P50));
	samples_add(&p->p99_us, samples_percentile(us, P99));
	samples_append(&p->all_us, us);
	samples_clear(us);
}

/* One round of the relay: the same calls, and whatever runs beside them. */
static void
priority_relay(const struct bench *b, struct priority *p)
{
	struct samples us = {NULL, 0, 0};
	struct relay relay;
	struct form form;

	form_bare(&form, PRIORITY_PAYLOAD);
	relay_start(&relay, PRIORITY_PAYLOAD, b->workers, TURNS_CREDIT);
	paced_run(relay.fd, "the relay", &form, priority_calls(b),
	    PRIORITY_EVERY_NS, &us, &p->timer_us);
	priority_note(p, &us);
	relay_stop(&relay);
	form_clear(&form);
}

/* A morod under a flood. */
struct flooded {
	struct server server;
	struct flood flood;
	struct form low;
};

static void
flooded_start(struct flooded *f, const struct bench *b, size_t which)
{
	priority_form(&f->low, which);
	bench_server(b, &f->server, priority_args);
	flood_start(&f->flood, &f->server, &f->low,
	    priority_floods[which].window);
	clock_sleep(bench_warm_ns(b));
}

static void
flooded_stop(struct flooded *f)
{
	flood_check(&f->flood);
	flood_stop(&f->flood);
	server_stop(&f->server);
	form_clear(&f->low);
}

/* One round of the relay beside a morod that is flooded. */
static void
priority_beside(const struct bench *b, size_t which, struct priority *p)
{
	struct flooded flooded;

	flooded_start(&flooded, b, which);
	priority_relay(b, p);
	flooded_stop(&flooded);
}

/* One round of morod under a flood. */
static void
priority_morod(const struct bench *b, size_t which, struct priority *p)
{
	struct samples late = {NULL, 0, 0};
	struct flooded flooded;
	struct form high;
	uint64_t begin, n;
	int fd;

	form_echo(&high, PRIORITY_PAYLOAD, "high");
	flooded_start(&flooded, b, which);
	fd = server_connect(&flooded.server);
	begin = clock_ns();
	n = flood_count(&flooded.flood);
	paced_run(fd, "morod", &high, priority_calls(b), PRIORITY_EVERY_NS,
	    &late, &p->timer_us);
	n = flood_count(&flooded.flood) - n;
	samples_add(&p->flood,
	    (double)n * CLOCK_NS_PER_S / (double)(clock_ns() - begin));
	priority_note(p, &late);
	close(fd);
	flooded_stop(&flooded);
	form_clear(&high);
}

/* Reports a percentile under one flood. */
static void
priority_row(struct bench *b, size_t which, double percentile,
    struct priority *morod, struct priority *relay)
{
	bool median = percentile == P50;
	char name[REPORT_NAME];
	struct row *row;

	snprintf(name, sizeof name, "priority.%s.%s_us",
	    priority_floods[which].name, median ? "p50" : "p99");
	row = report_begin(&b->report, name, UNIT_US, false,
	    priority_floods[which].beside ? "relay beside a flooded morod"
					  : "relay without a flood");
	samples_append(&row->morod, median ? &morod->p50_us : &morod->p99_us);
	samples_append(&row->reference,
	    median ? &relay->p50_us : &relay->p99_us);
	report_note(row,
	    "the client itself got to sending %.0f us late, with the relay "
	    "%.0f us; the flood: %.0f tasks/s",
	    samples_percentile(&morod->timer_us, percentile),
	    samples_percentile(&relay->timer_us, percentile),
	    samples_median(&morod->flood));
	report_end(&b->report, row);
}

/* Reports one flood. */
static void
priority_rows(struct bench *b, size_t which, struct priority *morod,
    struct priority *relay)
{
	priority_row(b, which, P50, morod, relay);
	priority_row(b, which, P99, morod, relay);
	bench_curve(b, priority_floods[which].curve, &morod->all_us);
}

static void
priority_clear(struct priority *p)
{
	samples_clear(&p->p50_us);
	samples_clear(&p->p99_us);
	samples_clear(&p->flood);
	samples_clear(&p->all_us);
	samples_clear(&p->timer_us);
}

void
priority_run(struct bench *b)
{
	struct priority quiet = {.p50_us = {NULL, 0, 0}};
	struct priority beside = {.p50_us = {NULL, 0, 0}};
	struct priority morod[PRIORITY_FLOODS] = {{.p50_us = {NULL, 0, 0}}};

	report_title(&b->report,
	    "priority: high calls each ms (open loop) under floods of low "
	    "ones, window 4,096; and under one of 64 MiB");
	for (int i = 0; i < b->rounds; i++) {
		priority_relay(b, &quiet);
		for (size_t k = 0; k < PRIORITY_FLOODS; k++) {
			if (priority_floods[k].beside)
				priority_beside(b, k, &beside);
			priority_morod(b, k, &morod[k]);
		}
	}
	bench_curve(b, "no flood, relay", &quiet.all_us);
	for (size_t k = 0; k < PRIORITY_FLOODS; k++) {
		priority_rows(b, k, &morod[k],
		    priority_floods[k].beside ? &beside : &quiet);
		priority_clear(&morod[k]);
	}
	priority_clear(&quiet);
	priority_clear(&beside);
}
