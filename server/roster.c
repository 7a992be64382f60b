#include "server/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/page.h"
#include "server/channel.h"
#include "server/config-keys.h"
#include "server/log.h"
#include "server/now.h"
#include "server/obituary.h"
#include "server/process.h"
#include "server/program.h"
#include "worker/module.h"
#include "worker/worker.h"

#define ROSTER_SHORT_LIFE_MS 1000
#define ROSTER_PACE_MIN_MS 100
#define ROSTER_PACE_MAX_MS 5000

struct roster_slot {
	bool used; /* it is to have a worker */
	pid_t pid; /* 0: empty */
	uint32_t generation; /* of the worker that is there, or was */
	uint32_t restarts; /* deaths that nobody wanted */
	bool wanted; /* the dispatcher kills it, or we do */
	bool
	    announced; /* the dispatcher knows of it, and writes its obituary */
	uint64_t started; /* ms */
	uint64_t pace; /* ms before the next start; 0: at once */
	uint64_t start_at; /* while empty: ms, when the next one starts */
};

struct roster {
	const struct config *config;
	uint32_t n;
	struct roster_slot slots[];
};

/* What one start hands out: our ends and the worker's. */
struct roster_birth {
	int pair[2]; /* the dispatcher's end, the worker's end */
	int output[2]; /* what the worker prints: its other end, its end */
	int memfd;
	struct page *page;
};

struct roster *
roster_new(const struct config *config)
{
	uint32_t n = config_slots(config);
	struct roster *r;

	r = calloc(1, sizeof *r + n * sizeof r->slots[0]);
	if (r == NULL)
		return NULL;
	r->config = config;
	r->n = n;
	roster_reset(r);
	return r;
}

void
roster_configure(struct roster *r, const struct config *config)
{
	r->config = config;
}

void
roster_reset(struct roster *r)
{
	const struct config *config = r->config;
	uint32_t first = 0;

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct pool_config *p = &config->pools[i];

		for (uint32_t k = 0; k < p->slots; k++)
			r->slots[first + k].used =
			    p->serve == NULL && k < p->workers.min;
		first += p->slots;
	}
}

void
roster_want(struct roster *r, uint32_t slot, enum channel_wish wish,
    uint64_t now)
{
	bool on = wish == WISH_WORKER;
	struct roster_slot *s;

	if (slot >= r->n || r->slots[slot].used == on)
		return;
	s = &r->slots[slot];
	s->used = on;
	if (on && s->pid == 0) {
		s->pace = 0;
		s->start_at = now;
	}
	if (on || s->pid == 0)
		return;
	s->wanted = true;
	if (wish == WISH_NONE)
		kill(s->pid, SIGKILL); /* our own, not reaped: no other's */
}

void
roster_free(struct roster *r)
{
	free(r);
}

static void
roster_birth_clear(struct roster_birth *b)
{
	if (b->page != MAP_FAILED)
		munmap(b->page, sizeof(struct page));
	for (int i = 0; i < 2; i++) {
		if (b->pair[i] != -1)
			close(b->pair[i]);
		if (b->output[i] != -1)
			close(b->output[i]);
	}
	if (b->memfd != -1)
		close(b->memfd);
}

/* The same after an error, which stays in errno. */
static void
roster_birth_fail(struct roster_birth *b)
{
	int saved = errno;

	roster_birth_clear(b);
	errno = saved;
}

/* Makes the pipe; only who reads it must not wait. Returns 0 or -1. */
static int
roster_birth_output(struct roster_birth *b)
{
	if (pipe2(b->output, O_CLOEXEC) == -1)
		return -1;
	return fcntl(b->output[0], F_SETFL, O_NONBLOCK);
}

/* Makes the socketpair, the pipe and the shared page. Returns 0 or -1 with errno. */
static int
roster_birth_init(struct roster_birth *b)
{
	b->pair[0] = b->pair[1] = b->memfd = -1;
	b->output[0] = b->output[1] = -1;
	b->page = MAP_FAILED;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->pair) == -1)
		goto fail;
	if (roster_birth_output(b) == -1)
		goto fail;
	b->memfd = memfd_create("morod-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* a worker that made it shorter would kill the dispatcher by SIGBUS */
	if (b->memfd == -1 || ftruncate(b->memfd, sizeof(struct page)) == -1 ||
	    fcntl(b->memfd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1)
		goto fail;
	b->page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
	    MAP_SHARED, b->memfd, 0);
	if (b->page == MAP_FAILED)
		goto fail;
	return 0;
fail:
	roster_birth_fail(b);
	return -1;
}

/* Where the keys of workers are; not freed: the process ends with them. */
static struct keyring_source *
roster_keys(const struct roster *r)
{
	struct keyring_source *keys =
	    calloc(r->config->n_keys + 1, sizeof *keys);

	if (keys == NULL)
		fatal("out of memory");
	for (size_t i = 0; i < r->config->n_keys; i++)
		keys[i] = config_key_source(&r->config->keys[i]);
	return keys;
}

/* The worker's side of the fork; does not return. */
static _Noreturn void
roster_child(struct roster *r, uint32_t i, struct roster_birth *b)
{
	const struct pool_config *pool = config_slot_pool(r->config, i);
	struct program_setup program = {
	    .pool = pool,
	    .number = i + 1,
	    .sock = b->pair[1],
	    .output = b->output[1],
	    .server = r->config->socket,
	};
	struct keyring_source *keys = roster_keys(r);
	struct worker_setup setup = {
	    .number = i + 1,
	    .sock = b->pair[1],
	    .output = b->output[1],
	    .page = b->page,
	    .limits = config_limits(r->config),
	    .max_file = r->config->max_file,
	    .prefetch_us = r->config->prefetch_us,
	    .quota = {.memory = pool->worker_memory,
		.cpu_ms = pool->worker_cpu_ms,
		.files = pool->worker_files},
	    .keys = keys,
	    .n_keys = pool->exec != NULL ? 0 : r->config->n_keys,
	    .keys_fd = r->config->keys_fd,
	    .runs_programs = pool->exec != NULL,
	    .debug_tasks = r->config->debug_tasks,
	};

	if (pool->command != NULL)
		program_exec(&program);
	worker_main(&setup);
}

/* Tells the dispatcher of a new worker, and hands it the descriptors. */
static void
roster_announce(struct roster *r, uint32_t i, struct roster_birth *b,
    int channel)
{
	struct roster_slot *s = &r->slots[i];
	struct message m = {
	    .type = MSG_MASTER_SPAWNED,
	    .slot = i,
	    .generation = s->generation,
	    .restarts = s->restarts,
	    .pid = s->pid,
	};
	int fds[SPAWNED_FDS] = {
	    [SPAWNED_SOCKET] = b->pair[0],
	    [SPAWNED_PIDFD] = process_pidfd(s->pid),
	    [SPAWNED_PAGE] = b->memfd,
	    [SPAWNED_OUTPUT] = b->output[0],
	};

	if (fds[SPAWNED_PIDFD] == -1) {
		log_error("pidfd of worker %u: %s", i + 1, strerror(errno));
		kill(s->pid, SIGKILL); /* our child, not reaped: no other */
		return;
	}
	s->announced = channel_send(channel, &m, fds, SPAWNED_FDS, 0) == 0;
	if (!s->announced)
		log_debug("dispatcher is gone, ignoring: %s", strerror(errno));
	close(fds[SPAWNED_PIDFD]);
}

/* Starts a worker in a slot. False: it failed, and is tried again later. */
static bool
roster_start(struct roster *r, uint32_t i, int channel, uint64_t now)
{
	struct roster_slot *s = &r->slots[i];
	struct roster_birth b;
	pid_t pid = -1;

	if (roster_birth_init(&b) == 0) {
		module_before_fork();
		pid = process_fork();
		if (pid == 0)
			roster_child(r, i, &b);
		if (pid == -1)
			roster_birth_fail(&b);
	}
	if (pid == -1) {
		log_error("cannot start worker %u: %s; next try in %d ms",
		    i + 1, strerror(errno), ROSTER_PACE_MIN_MS);
		s->start_at = now + ROSTER_PACE_MIN_MS;
		return false;
	}
	s->pid = pid;
	s->generation++;
	s->started = now;
	s->wanted = false;
	s->announced = false;
	roster_announce(r, i, &b, channel);
	roster_birth_clear(&b);
	log_debug("worker %u started, pid %d", i + 1, (int)pid);
	return true;
}

void
roster_fill(struct roster *r, int channel, uint64_t now)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct roster_slot *s = &r->slots[i];

		if (s->used && s->pid == 0 && s->start_at <= now &&
		    !roster_start(r, i, channel, now))
			return;
	}
}

uint64_t
roster_next(const struct roster *r)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct roster_slot *s = &r->slots[i];

		if (s->used && s->pid == 0 && s->start_at < next)
			next = s->start_at;
	}
	return next;
}

void
roster_wanted(struct roster *r, uint32_t slot, uint32_t generation)
{
	if (slot < r->n && r->slots[slot].generation == generation)
		r->slots[slot].wanted = true;
}

/* Sets when the slot is filled again. */
static void
roster_pace(struct roster_slot *s, uint64_t now)
{
	bool short_life = now - s->started < ROSTER_SHORT_LIFE_MS;

	if (s->wanted) {
		s->start_at = now;
		return;
	}
	if (!short_life)
		s->pace = 0;
	else if (s->pace == 0)
		s->pace = ROSTER_PACE_MIN_MS;
	else if (s->pace < ROSTER_PACE_MAX_MS / 2)
		s->pace *= 2;
	else
		s->pace = ROSTER_PACE_MAX_MS;
	s->start_at = now + s->pace;
}

/*
 * Leaves the line to the dispatcher, which knows of the task that it ran. A
 * dispatcher that is dead, and not reaped yet, took its workers with it: they
 * end when their sockets do, and there is a line about the one cause.
 */
static bool
roster_tell_death(const struct roster_slot *s, const struct message *m,
    int channel)
{
	bool gone = channel == -1;

	if (!s->announced)
		return false;
	if (!gone) {
		if (channel_send(channel, m, NULL, 0, 0) == 0)
			return true;
		gone = errno == EPIPE || errno == ECONNRESET;
	}
	return gone && m->status == 0;
}

void
roster_reaped(struct roster *r, pid_t pid, int status, int channel,
    uint64_t now)
{
	struct roster_slot *s;
	uint32_t i = 0;

	while (i < r->n && r->slots[i].pid != pid)
		i++;
	if (i == r->n)
		return;
	s = &r->slots[i];
	struct message m = {
	    .type = MSG_MASTER_REAPED,
	    .slot = i,
	    .generation = s->generation,
	    .pid = pid,
	    .status = status,
	};
	roster_pace(s, now);
	s->restarts += !s->wanted;
	m.n = s->start_at - now;
	s->pid = 0;
	if (!roster_tell_death(s, &m, channel) && !s->wanted)
		obituary_write_stranger(&m);
}

void
roster_expect_exits(struct roster *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		r->slots[i].wanted = true;
}

void
roster_kill_all(struct roster *r)
{
	roster_expect_exits(r);
	for (uint32_t i = 0; i < r->n; i++) {
		/* a dispatcher that comes meanwhile knows nothing of it */
		r->slots[i].announced = false;
		if (r->slots[i].pid != 0)
			kill(r->slots[i].pid, SIGKILL);
	}
}

uint32_t
roster_wants(const struct roster *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++)
		n += r->slots[i].used;
	return n;
}

uint32_t
roster_alive(const struct roster *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++)
		n += r->slots[i].pid != 0;
	return n;
}
