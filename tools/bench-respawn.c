#include "tools/bench-respawn.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-clock.h"
#include "tools/bench-load.h"
#include "tools/bench-relay.h"
#include "tools/bench-spawn.h"

#define RESPAWN_SERVERS 3 /* side by side: each may lose a worker a second */
#define RESPAWN_LIFE_NS (1150 * CLOCK_NS_PER_MS) /* then it is not paced */
#define RESPAWN_PAYLOAD ((size_t)64)

static const char *const respawn_args[] = {"--log-level", "error", NULL};

/* A morod of one worker, and a connection to it. */
struct respawn {
	struct server server;
	struct load load;
	int fd;
};

/* One call, answered. */
static void
respawn_call(struct load *l)
{
	load_add(l);
	load_send(l);
	load_drain(l);
}

/* Kills the worker and asks at once; gives the time to the answer in ms. */
static double
respawn_kill(struct respawn *r)
{
	uint64_t begin;

	server_find(&r->server);
	if (r->server.n_workers != 1)
		cleanup_die("a morod of one worker has %d",
		    r->server.n_workers);
	begin = clock_ns();
	kill(r->server.workers[0], SIGKILL);
	respawn_call(&r->load);
	return (double)(clock_ns() - begin) / CLOCK_NS_PER_MS;
}

/* Forks a bare worker; gives our end of its socket. */
static int
respawn_bare_fork(pid_t *pid)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		cleanup_die("cannot make a socketpair: %s", strerror(errno));
	*pid = spawn_fork();
	if (*pid == 0)
		relay_worker(fd[1], RESPAWN_PAYLOAD);
	close(fd[1]);
	return fd[0];
}

/* The same without morod: kill, reap, fork, first answer. */
static double
respawn_bare(const struct form *form)
{
	struct load l;
	uint64_t begin;
	pid_t pid;
	int fd = respawn_bare_fork(&pid);

	load_init(&l, fd, "the bare worker", form, 1);
	respawn_call(&l);
	load_clear(&l);
	close(fd);
	begin = clock_ns();
	spawn_kill(pid);
	fd = respawn_bare_fork(&pid);
	load_init(&l, fd, "the bare worker", form, 1);
	respawn_call(&l);
	begin = clock_ns() - begin;
	load_clear(&l);
	close(fd);
	spawn_kill(pid);
	return (double)begin / CLOCK_NS_PER_MS;
}

void
respawn_run(struct bench *b)
{
	static struct respawn all[RESPAWN_SERVERS];
	struct form form, bare;
	struct row *row;

	report_title(&b->report,
	    "respawn: a worker is killed; to the next one's first answer");
	form_echo(&form, RESPAWN_PAYLOAD, NULL);
	form_bare(&bare, RESPAWN_PAYLOAD);
	row = report_begin(&b->report, "respawn.p50_ms", UNIT_MS, false,
	    "kill, reap, fork, answer of a bare process");
	for (int i = 0; i < RESPAWN_SERVERS; i++) {
		server_start(&all[i].server, 1, respawn_args, i);
		all[i].fd = server_connect(&all[i].server);
		load_init(&all[i].load, all[i].fd, "morod", &form, 1);
		respawn_call(&all[i].load);
	}
	for (int k = 0; k < b->rounds; k++) {
		clock_sleep(RESPAWN_LIFE_NS);
		for (int i = 0; i < RESPAWN_SERVERS; i++) {
			samples_add(&row->reference, respawn_bare(&bare));
			samples_add(&row->morod, respawn_kill(&all[i]));
		}
	}
	for (int i = 0; i < RESPAWN_SERVERS; i++) {
		load_clear(&all[i].load);
		close(all[i].fd);
		server_stop(&all[i].server);
	}
	report_note(row,
	    "%zu deaths; the reference is a bare process that is "
	    "killed, reaped and forked anew",
	    row->morod.n);
	report_end(&b->report, row);
	form_clear(&form);
	form_clear(&bare);
}
