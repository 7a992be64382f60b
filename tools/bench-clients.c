#include "tools/bench-clients.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tools/bench-load.h"
#include "tools/bench-spawn.h"

#define CLIENTS_IDLE 10000
#define CLIENTS_SPARE 200 /* descriptors for other things */
#define CLIENTS_PAYLOAD ((size_t)64)
#define CLIENTS_WINDOW ((size_t)256)

static const char *const clients_args[] = {"--max-clients", "11000",
    "--max-queue-size", "10000", NULL};

/* The figures, one of each a round. */
struct clients {
	struct samples bytes; /* of an idle connection */
	struct samples alone; /* answers a second */
	struct samples among;
};

/* Raises the limit of descriptors; gives how many connections that allows. */
static int
clients_possible(void)
{
	struct rlimit limit;
	int n;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= CLIENTS_IDLE + CLIENTS_SPARE)
		return CLIENTS_IDLE;
	n = (int)limit.rlim_cur - CLIENTS_SPARE;
	return n > 1 ? n : 1;
}

/* What one busy client gets. */
static double
clients_rate(const struct bench *b, int fd, const struct form *form)
{
	struct load_run run = {.warm_ns = bench_warm_ns(b),
	    .run_ns = bench_run_ns(b)};
	struct load l;

	load_init(&l, fd, "morod", form, CLIENTS_WINDOW);
	load_measure(&l, &run);
	load_clear(&l);
	return run.rate;
}

/* One round with n idle connections. */
static void
clients_round(const struct bench *b, int n, struct clients *c)
{
	int *idle = spawn_alloc((size_t)n * sizeof *idle);
	struct server server;
	struct form form;
	double before;
	int fd;

	form_echo(&form, CLIENTS_PAYLOAD, NULL);
	bench_server(b, &server, clients_args);
	fd = server_connect(&server);
	samples_add(&c->alone, clients_rate(b, fd, &form));
	server_sync(fd);
	before = server_memory(&server);
	for (int i = 0; i < n; i++)
		idle[i] = server_connect(&server);
	server_sync(idle[n - 1]); /* all before it are accepted, too */
	samples_add(&c->bytes, (server_memory(&server) - before) / n);
	samples_add(&c->among, clients_rate(b, fd, &form));
	for (int i = 0; i < n; i++)
		close(idle[i]);
	close(fd);
	server_stop(&server);
	form_clear(&form);
	free(idle);
}

void
clients_run(struct bench *b)
{
	struct clients c = {.bytes = {NULL, 0, 0}};
	int n = clients_possible();
	struct row *row;

	report_title(&b->report, "clients: 10,000 idle connections");
	for (int i = 0; i < b->rounds; i++)
		clients_round(b, n, &c);
	row = report_begin(&b->report, "clients.bytes_per_client", UNIT_BYTES,
	    false, NULL);
	row->morod = c.bytes;
	if (n < CLIENTS_IDLE)
		report_note(row, "only %d: the descriptor limit", n);
	report_end(&b->report, row);
	row = report_begin(&b->report, "clients.ratio", UNIT_RATE, true,
	    "morod without idle clients");
	row->morod = c.among;
	row->reference = c.alone;
	report_note(row, "one busy client, window 256; the reference is morod "
			 "without the idle ones");
	report_end(&b->report, row);
}
