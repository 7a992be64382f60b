#include "tools/bench-memory.h"

#include <unistd.h>

#include "tools/bench-clock.h"
#include "tools/bench-load.h"
#include "tools/bench-proc.h"
#include "tools/bench-relay.h"
#include "tools/bench-turns.h"

#define MEMORY_PAYLOAD ((size_t)64)
#define MEMORY_WINDOW ((size_t)256)
#define MEMORY_KIB 1024.0
#define MEMORY_SETTLE 7.5 /* so many measurements after the last task: 3 s */
#define MEMORY_IDLE 12.5 /* idle for so many measurements: 5 s */

/* The rows. */
struct memory {
	struct row *worker, *dispatcher, *wakeups;
};

/* Runs some tasks, so that what is idle has worked. */
static void
memory_work(const struct bench *b, int fd, const char *peer,
    const struct form *form)
{
	struct load_run run = {.run_ns = bench_run_ns(b)};
	struct load l;

	load_init(&l, fd, peer, form, MEMORY_WINDOW);
	load_measure(&l, &run);
	load_clear(&l);
}

/* Looks at processes while they are idle. */
static void
memory_look(const struct bench *b, pid_t dispatcher, const pid_t *workers,
    int n, struct samples *worker, struct samples *dispatch,
    struct samples *wakeups)
{
	uint64_t before;

	clock_sleep((uint64_t)(MEMORY_SETTLE * (double)bench_run_ns(b)));
	for (int i = 0; i < n; i++)
		samples_add(worker,
		    (double)proc_private(workers[i]) / MEMORY_KIB);
	samples_add(dispatch, (double)proc_private(dispatcher) / MEMORY_KIB);
	before = proc_sleeps(dispatcher);
	clock_sleep((uint64_t)(MEMORY_IDLE * (double)bench_run_ns(b)));
	samples_add(wakeups, (double)(proc_sleeps(dispatcher) - before));
}

/* The bare relay's processes. */
static void
memory_relay(const struct bench *b, struct memory *m)
{
	struct relay relay;
	struct form form;

	form_bare(&form, MEMORY_PAYLOAD);
	relay_start(&relay, MEMORY_PAYLOAD, b->workers, TURNS_CREDIT);
	memory_work(b, relay.fd, "the relay", &form);
	memory_look(b, relay.pid, relay.workers, relay.n_workers,
	    &m->worker->reference, &m->dispatcher->reference,
	    &m->wakeups->reference);
	relay_stop(&relay);
	form_clear(&form);
}

void
memory_run(struct bench *b)
{
	struct report *report = &b->report;
	struct server server;
	struct memory m;
	struct form form;
	int fd;

	report_title(report, "memory: private memory (USS) and wake-ups, idle");
	m.worker = report_begin(report, "memory.worker_uss_kib", UNIT_KIB,
	    false, "relay");
	m.dispatcher = report_begin(report, "memory.dispatcher_uss_kib",
	    UNIT_KIB, false, "relay");
	m.wakeups =
	    report_begin(report, "idle.wakeups", UNIT_COUNT, false, "relay");
	form_echo(&form, MEMORY_PAYLOAD, NULL);
	bench_server(b, &server, NULL);
	fd = server_connect(&server);
	memory_work(b, fd, "morod", &form);
	memory_look(b, server.dispatcher, server.workers, server.n_workers,
	    &m.worker->morod, &m.dispatcher->morod, &m.wakeups->morod);
	close(fd);
	server_stop(&server);
	form_clear(&form);
	memory_relay(b, &m);
	report_note(m.wakeups, "of the dispatcher, in %.1f s",
	    MEMORY_IDLE * b->seconds);
	report_end(report, m.worker);
	report_end(report, m.dispatcher);
	report_end(report, m.wakeups);
}
