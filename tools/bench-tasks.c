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

#define TASKS_FDS 32 /* what morod allows a connection */

_Static_assert(2 * REQUEST_FILES <= TASKS_FDS, "each task has two descriptors");

#define TASKS_LONGER 2 /* times as long is BARE_LONG measured */
#define TASKS_LOOK_NS (50 * CLOCK_NS_PER_US) /* between looks at the counters */
#define TASKS_LINE 64 /* bytes between counters: a cache line each */

/* Many workers have more outstanding than the queue takes by itself. */
#define TASKS_ARGS "--max-queue-size", "10000"

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
		bare->work(bare);
		counter->n++;
	}
}

/* Waits until one more is done: a measurement begins and ends with one. */
static uint64_t
tasks_next(const struct counter *counters, int n)
{
	uint64_t before = tasks_sum(counters, n), now;

	do {
		clock_sleep(TASKS_LOOK_NS);
		now = tasks_sum(counters, n);
	} while (now == before);
	return now;
}

/* How long it is measured. */
static struct load_run
tasks_run_of(const struct bench *b, const struct bare *bare)
{
	unsigned int times = bare->flags & BARE_LONG ? TASKS_LONGER : 1;
	struct load_run run = {.warm_ns = bench_warm_ns(b),
	    .run_ns = times * bench_run_ns(b)};

	return run;
}

/* As many bare processes as morod has workers; times done a second. */
static double
tasks_bare(const struct bench *b, const struct bare *bare)
{
	size_t len = (size_t)b->workers * sizeof(struct counter);
	struct counter *counters = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct load_run run = tasks_run_of(b, bare);
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
	clock_sleep(run.warm_ns);
	n = tasks_next(counters, b->workers);
	begin = clock_ns();
	clock_sleep(run.run_ns);
	n = tasks_next(counters, b->workers) - n;
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
	size_t window = (size_t)bare->outstanding * (size_t)b->workers;

	return form->fds != NULL && window > REQUEST_FILES ? REQUEST_FILES
							   : window;
}

/* A connection to a morod for one kind of task, and the request. */
static int
tasks_open(const struct bench *b, const struct bare *bare, bool by_fd,
    struct server *server, struct form *form)
{
	bool module = (bare->flags & BARE_MODULE) != 0;
	const char *const args[] = {TASKS_ARGS, module ? "--module" : NULL,
	    b->modules, NULL};
	int fd;

	bare->form(bare, form, by_fd);
	bench_server(b, server, args);
	fd = server_connect(server);
	if (by_fd)
		server_hello_fd(fd);
	return fd;
}

static void
tasks_close(int fd, struct server *server, struct form *form)
{
	close(fd);
	server_stop(server);
	form_clear(form);
}

/* The same by morod. */
static double
tasks_morod(const struct bench *b, const struct bare *bare, bool by_fd)
{
	struct load_run run = tasks_run_of(b, bare);
	struct server server;
	struct form form;
	struct load l;
	int fd = tasks_open(b, bare, by_fd, &server, &form);

	load_init(&l, fd, "morod", &form, tasks_window(b, bare, &form));
	load_measure(&l, &run);
	load_clear(&l);
	tasks_close(fd, &server, &form);
	return run.rate;
}

/* Whether morod does it at all: an older one refuses what it does not know. */
static bool
tasks_is_offered(const struct bench *b, const struct bare *bare)
{
	bool by_fd = (bare->flags & BARE_BY_FD) != 0, is;
	struct server server;
	struct form form;
	char text[LOAD_ERROR];
	int fd = tasks_open(b, bare, by_fd, &server, &form);

	is = load_is_taken(fd, &form, text);
	tasks_close(fd, &server, &form);
	if (!is)
		fprintf(stderr,
		    "moro-bench: tasks.%s: morod refuses it, skipping: %s\n",
		    bare->name, text);
	return is;
}

/* Reports one way to hand over the input; takes morod's figures. */
static void
tasks_row(struct bench *b, const struct bare *bare, const char *ratio,
    const struct samples *reference, struct samples *morod, const char *how)
{
	char name[REPORT_NAME];
	struct row *row;

	snprintf(name, sizeof name, "tasks.%s.%s", bare->name, ratio);
	row = report_begin(&b->report, name, UNIT_RATE, true,
	    "bare processes that call the library");
	samples_append(&row->reference, reference);
	row->morod = *morod;
	memset(morod, 0, sizeof *morod);
	report_note(row, "%s; against %s", how, bare->note);
	report_end(&b->report, row);
}

/* Measures one type: by descriptor first where its input may come so. */
static void
tasks_type(struct bench *b, const struct bare *bare)
{
	bool by_fd = (bare->flags & BARE_BY_FD) != 0;
	bool in_message = !by_fd || (bare->flags & BARE_INLINE) != 0;
	int rounds = bare->flags & BARE_BRIEF ? (b->rounds + 1) / 2 : b->rounds;
	const char *ratio = bare->ratio != NULL ? bare->ratio : "ratio";
	struct samples reference = {NULL, 0, 0};
	struct samples fd_rates = {NULL, 0, 0}, message_rates = {NULL, 0, 0};

	for (int i = 0; i < rounds; i++) {
		samples_add(&reference, tasks_bare(b, bare));
		if (by_fd)
			samples_add(&fd_rates, tasks_morod(b, bare, true));
		if (in_message)
			samples_add(&message_rates,
			    tasks_morod(b, bare, false));
	}
	if (by_fd)
		tasks_row(b, bare, ratio, &reference, &fd_rates,
		    "input and large results by descriptor");
	if (in_message)
		tasks_row(b, bare, by_fd ? "inline_ratio" : ratio, &reference,
		    &message_rates, "input and result in messages");
	samples_clear(&reference);
}

/* Whether any row of a family is wanted, and can be measured. */
static bool
tasks_wants(const struct bench *b, const struct bare_family *family)
{
	for (const struct bare *one = family->rows; one->name != NULL; one++) {
		if (bench_wants(b, "tasks", one->name))
			return family->offered == NULL || family->offered(b);
	}
	return false;
}

/* Measures the rows of a family that are wanted. */
static void
tasks_family(struct bench *b, const struct bare_family *family)
{
	family->init();
	for (const struct bare *one = family->rows; one->name != NULL; one++) {
		if (!bench_wants(b, "tasks", one->name))
			continue;
		if ((one->flags & BARE_OPTIONAL) == 0 ||
		    tasks_is_offered(b, one))
			tasks_type(b, one);
	}
	family->clear();
}

const char *
tasks_part(size_t i)
{
	for (size_t f = 0; bare_families[f] != NULL; f++) {
		const struct bare *one = bare_families[f]->rows;

		for (; one->name != NULL; one++) {
			if (i-- == 0)
				return one->name;
		}
	}
	return NULL;
}

void
tasks_run(struct bench *b)
{
	report_title(&b->report,
	    "tasks: against as many bare processes that call the library; "
	    "1 MiB, tokens and passwords small");
	bare_init();
	for (size_t i = 0; bare_families[i] != NULL; i++) {
		if (tasks_wants(b, bare_families[i]))
			tasks_family(b, bare_families[i]);
	}
	bare_clear();
}
