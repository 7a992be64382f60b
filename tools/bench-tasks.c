#include "tools/bench-tasks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/bench-bare.h"
#include "tools/bench-cleanup.h"
#include "tools/bench-clock.h"
#include "tools/bench-load.h"
#include "tools/bench-spawn.h"

#define TASKS_LARGE_WINDOW 4 /* outstanding, a worker */
#define TASKS_SMALL_WINDOW 128
#define TASKS_FDS 32 /* what morod allows a connection */

_Static_assert(2 * BARE_FILES <= TASKS_FDS, "each task has two descriptors");

#define TASKS_LINE 64 /* bytes between counters: a cache line each */

/* Many workers have more outstanding than the queue takes by itself. */
static const char *const tasks_args[] = {"--max-queue-size", "10000", NULL};

/* Counters in memory that is shared with the bare processes. */
struct counter {
	volatile uint64_t n;
	char apart[TASKS_LINE - sizeof(uint64_t)];
};

/* The sum over n processes. */
static uint64_t
tasks_sum(const struct counter *counters, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += counters[i].n;
	return sum;
}

/* A bare process: works until it is killed. */
static void
tasks_loop(const struct bare *bare, struct counter *counter)
{
	for (;;) {
		bare->work();
		counter->n++;
	}
}

/* As many bare processes as morod has workers; times done a second. */
static double
tasks_bare(const struct bench *b, const struct bare *bare)
{
	size_t len = (size_t)b->workers * sizeof(struct counter);
	struct counter *counters = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[SERVER_WORKERS_MAX];
	uint64_t begin, n;
	double rate;

	if (counters == MAP_FAILED)
		cleanup_die("cannot map memory: %s", strerror(errno));
	for (int i = 0; i < b->workers; i++) {
		pids[i] = spawn_fork();
		if (pids[i] == 0)
			tasks_loop(bare, &counters[i]);
	}
	clock_sleep(bench_warm_ns(b));
	begin = clock_ns();
	n = tasks_sum(counters, b->workers);
	clock_sleep(bench_run_ns(b));
	n = tasks_sum(counters, b->workers) - n;
	rate = (double)n * CLOCK_NS_PER_S / (double)(clock_ns() - begin);
	for (int i = 0; i < b->workers; i++)
		spawn_kill(pids[i]);
	munmap(counters, len);
	return rate;
}

/* How many tasks are kept outstanding in morod. */
static size_t
tasks_window(const struct bench *b, const struct bare *bare,
    const struct form *form)
{
	size_t each = bare->large ? TASKS_LARGE_WINDOW : TASKS_SMALL_WINDOW;
	size_t window = each * (size_t)b->workers;

	return form->fds != NULL && window > BARE_FILES ? BARE_FILES : window;
}

/* The same by morod. */
static double
tasks_morod(const struct bench *b, const struct bare *bare, bool by_fd)
{
	struct load_run run = {.warm_ns = bench_warm_ns(b),
	    .run_ns = bench_run_ns(b)};
	struct server server;
	struct form form;
	struct load l;
	int fd;

	bare->form(&form, by_fd);
	bench_server(b, &server, tasks_args);
	fd = server_connect(&server);
	if (by_fd)
		server_hello_fd(fd);
	load_init(&l, fd, "morod", &form, tasks_window(b, bare, &form));
	load_measure(&l, &run);
	load_clear(&l);
	close(fd);
	server_stop(&server);
	form_clear(&form);
	return run.rate;
}

/* Reports one way to hand over the input; takes morod's figures. */
static void
tasks_row(struct bench *b, const char *type, const char *which,
    const struct samples *reference, struct samples *morod, const char *note)
{
	char name[REPORT_NAME];
	struct row *row;

	snprintf(name, sizeof name, "tasks.%s.%s", type, which);
	row = report_begin(&b->report, name, UNIT_RATE, true,
	    "bare processes that call the library");
	samples_append(&row->reference, reference);
	row->morod = *morod;
	memset(morod, 0, sizeof *morod);
	if (note != NULL)
		report_note(row, "%s", note);
	report_end(&b->report, row);
}

/* One type: by descriptor first where its input is large. */
static void
tasks_type(struct bench *b, const struct bare *bare)
{
	struct samples reference = {NULL, 0, 0};
	struct samples by_fd = {NULL, 0, 0}, in_message = {NULL, 0, 0};

	for (int i = 0; i < b->rounds; i++) {
		samples_add(&reference, tasks_bare(b, bare));
		if (bare->large)
			samples_add(&by_fd, tasks_morod(b, bare, true));
		samples_add(&in_message, tasks_morod(b, bare, false));
	}
	if (bare->large)
		tasks_row(b, bare->type, "ratio", &reference, &by_fd,
		    "input and large results by descriptor");
	tasks_row(b, bare->type, bare->ratio, &reference, &in_message,
	    bare->note);
	samples_clear(&reference);
}

void
tasks_run(struct bench *b)
{
	report_title(&b->report,
	    "tasks: against as many bare processes that call the library; "
	    "1 MiB, tokens small");
	bare_init();
	for (const struct bare *one = bare_table; one->type != NULL; one++)
		tasks_type(b, one);
	bare_clear();
}
