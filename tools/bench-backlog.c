#include "tools/bench-backlog.h"

#include <unistd.h>

#include "tools/bench-load.h"

#define BACKLOG_PAYLOAD ((size_t)64)
#define BACKLOG_TASKS ((size_t)1000000)
#define BACKLOG_WINDOW ((size_t)4096) /* outstanding, where none are queued */
#define BACKLOG_HOLD_MS 2500 /* how long workers are held: filling takes less */

static const char *const backlog_args[] = {"--max-queue-size", "1100000",
    "--max-client-tasks", "1100000", NULL};

/* The figures, one of each a round. */
struct backlog {
	struct samples bytes; /* of a waiting task */
	struct samples deep; /* answers a second, with a million waiting */
	struct samples shallow; /* likewise with some thousands outstanding */
};

/* A task that holds a worker. */
static void
backlog_hold_form(struct form *f)
{
	static const uint8_t data[] = {0x81, 0xa2, 'm', 's', 0xcd,
	    BACKLOG_HOLD_MS >> 8, BACKLOG_HOLD_MS & 0xff};
	static const struct form_task task = {.type = "debug:sleep",
	    .data = data,
	    .data_len = sizeof data,
	    .priority = "high"};

	form_task(f, &task, NULL, NULL);
}

/* What a client with so many outstanding gets. */
static double
backlog_shallow(const struct bench *b, const struct server *s,
    const struct form *form)
{
	struct load_run run = {.warm_ns = bench_warm_ns(b),
	    .run_ns = bench_run_ns(b)};
	int fd = server_connect(s);
	struct load l;

	load_init(&l, fd, "morod", form, BACKLOG_WINDOW);
	load_measure(&l, &run);
	load_clear(&l);
	close(fd);
	return run.rate;
}

/*
 * Fills the queue while the workers are held, looks at the memory, and goes
 * on with as many outstanding: each answer is followed by a new task at the
 * queue's end.
 */
static void
backlog_deep(const struct bench *b, const struct server *s,
    const struct form *form, struct backlog *out)
{
	struct load_run run = {.run_ns = bench_run_ns(b)};
	int holder_fd = server_connect(s), fd = server_connect(s);
	struct load holder, l;
	struct form hold;
	double before;

	backlog_hold_form(&hold);
	load_init(&holder, holder_fd, "morod", &hold, (size_t)b->workers);
	load_fill(&holder);
	server_sync(holder_fd);
	before = server_memory(s);
	load_init(&l, fd, "morod", form, BACKLOG_TASKS);
	load_fill(&l);
	server_sync(fd);
	samples_add(&out->bytes,
	    (server_memory(s) - before) / (double)BACKLOG_TASKS);
	load_drain(&holder); /* now work begins */
	run.warm_ns = bench_warm_ns(b);
	load_measure(&l, &run);
	samples_add(&out->deep, run.rate);
	load_clear(&l);
	load_clear(&holder);
	close(fd);
	close(holder_fd);
	form_clear(&hold);
}

void
backlog_run(struct bench *b)
{
	struct backlog out = {.bytes = {NULL, 0, 0}};
	struct server server;
	struct form form;
	struct row *row;

	report_title(&b->report, "backlog: 1,000,000 tasks of 64 B wait");
	form_echo(&form, BACKLOG_PAYLOAD, NULL);
	for (int i = 0; i < b->rounds; i++) {
		bench_server(b, &server, backlog_args);
		samples_add(&out.shallow, backlog_shallow(b, &server, &form));
		backlog_deep(b, &server, &form, &out);
		server_stop(&server);
	}
	row = report_begin(&b->report, "backlog.bytes_per_task", UNIT_BYTES,
	    false, NULL);
	row->morod = out.bytes;
	report_end(&b->report, row);
	row = report_begin(&b->report, "backlog.ratio", UNIT_RATE, true,
	    "morod with 4,096 outstanding");
	row->morod = out.deep;
	row->reference = out.shallow;
	report_note(row, "1,000,000 outstanding against 4,096");
	report_end(&b->report, row);
	form_clear(&form);
}
