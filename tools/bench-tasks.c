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

#define TASKS_LINE 64 /* bytes between counters: a cache line each */

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

/* The same by morod. */
static double
tasks_morod(const struct bench *b, const struct bare *bare,
    const struct form *form)
{
	struct load_run run = {.warm_ns = bench_warm_ns(b),
	    .run_ns = bench_run_ns(b)};
	struct server server;
	struct load l;
	int fd;

	bench_server(b, &server, NULL);
	fd = server_connect(&server);
	load_init(&l, fd, "morod", form, bare->window * (size_t)b->workers);
	load_measure(&l, &run);
	load_clear(&l);
	close(fd);
	server_stop(&server);
	return run.rate;
}

/* One type. */
static void
tasks_type(struct bench *b, const struct bare *bare)
{
	char name[REPORT_NAME];
	struct row *row;
	struct form form;

	snprintf(name, sizeof name, "tasks.%s.ratio", bare->type);
	row = report_begin(&b->report, name, UNIT_RATE, true,
	    "bare processes that call the library");
	bare->form(&form);
	for (int i = 0; i < b->rounds; i++) {
		samples_add(&row->reference, tasks_bare(b, bare));
		samples_add(&row->morod, tasks_morod(b, bare, &form));
	}
	form_clear(&form);
	report_end(&b->report, row);
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
