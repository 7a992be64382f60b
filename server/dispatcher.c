#include "server/dispatcher.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/answer.h"
#include "server/batch.h"
#include "server/client.h"
#include "server/conn-input.h"
#include "server/control-log.h"
#include "server/log-task.h"
#include "server/now.h"
#include "server/process.h"
#include "server/reload.h"
#include "server/role.h"
#include "server/room.h"
#include "server/stop.h"
#include "worker/sandbox.h"
#include "worker/type.h"

#define ACCEPT_BATCH 64 /* connections in one turn */
#define ACCEPT_RETRY_MS 100
#define BROKEN_LINES 10 /* a second, about what is no message */
#define DENIED_LINES 5 /* likewise, about what is not allowed */
#define ACCEPT_WARN_MS 10000 /* between two lines in the log */
#define RESERVE_FDS 32 /* not for clients */
#define FILES_MAX 1024 /* descriptors of their files, or: */
#define FILES_SHARE 4 /* a quarter of what there is */
#define ADMIN_CLIENTS 2 /* connections above the limit, for admins */
#define DISMISS_MS 300 /* for last words; the master kills after 500 */
#define NS_PER_US 1000

int
dispatcher_tell(struct dispatcher *d, enum message_type type, uint32_t slot,
    uint32_t generation)
{
	struct message m = {
	    .type = type,
	    .slot = slot,
	    .generation = generation,
	};

	return channel_send(d->channel, &m, NULL, 0, MSG_DONTWAIT);
}

int
dispatcher_tell_number(struct dispatcher *d, enum message_type type, uint64_t n)
{
	struct message m = {.type = type, .n = n};

	return channel_send(d->channel, &m, NULL, 0, MSG_DONTWAIT);
}

uint64_t
dispatcher_bytes(const struct dispatcher *d)
{
	return d->task_bytes + d->loop.out_bytes;
}

/* Accepting failed for want of something: stops it for a moment. */
static void
dispatcher_accept_later(struct dispatcher *d, const char *why)
{
	uint64_t now = loop_now(&d->loop);

	if (d->accept_warned == 0 || now - d->accept_warned > ACCEPT_WARN_MS) {
		log_warning("cannot accept clients now: %s", why);
		d->accept_warned = now;
	}
	event_del(d->accept_event);
	deadline_set(d->loop.deadlines, &d->accept_retry, now, ACCEPT_RETRY_MS);
}

static void
dispatcher_accept_again_cb(void *owner, uint64_t now)
{
	struct dispatcher *d = owner;

	event_add(d->accept_event, NULL);
}

/* Whether there is no place for one more client, or for an admin. */
static bool
dispatcher_is_full(const struct dispatcher *d, int fd)
{
	uint64_t max = d->max_clients;

	if (d->n_clients < max)
		return false;
	return d->n_clients >= max + ADMIN_CLIENTS || !role_is_admin(d, fd);
}

/* Tells a client that there is no place for it, and closes. */
static void
dispatcher_turn_away(struct dispatcher *d, int fd)
{
	uint64_t now = loop_now(&d->loop);

	if (d->accept_warned == 0 || now - d->accept_warned > ACCEPT_WARN_MS) {
		log_warning("clients turned away: %u are there",
		    (unsigned int)d->n_clients);
		d->accept_warned = now;
	}
	d->counters.clients_refused++;
	answer_refusal(fd, d->max_clients);
	close(fd);
}

static void
dispatcher_accept_cb(evutil_socket_t listen_fd, short what, void *arg)
{
	struct dispatcher *d = arg;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(listen_fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1) {
			if (errno != EAGAIN && errno != ECONNABORTED &&
			    errno != EINTR)
				dispatcher_accept_later(d, strerror(errno));
			return;
		}
		if (dispatcher_is_full(d, fd)) {
			dispatcher_turn_away(d, fd);
			continue;
		}
		if (client_new(d, fd) == -1) {
			close(fd);
			dispatcher_accept_later(d, "out of memory");
			return;
		}
	}
}

/* The slot that a message is about; NULL: there is none. */
static struct slot *
dispatcher_slot(struct dispatcher *d, uint32_t number)
{
	struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		/* below `first` it is another's, and wraps to be too large */
		if (number - p->first < p->n_slots)
			return &p->slots[number - p->first];
	}
	return NULL;
}

void
dispatcher_drain(struct dispatcher *d)
{
	struct route *r, *next;
	struct pool *p;

	d->draining = d->closed = true;
	/* what is accepted is to be finished, also what was paused */
	TAILQ_FOREACH(p, &d->pools, link) {
		p->paused = false;
		p->queue.held = 0;
	}
	HASH_ITER(hh, d->routes, r, next)
	route_set_hold(r, ROUTE_PAUSED, false);
}

/* Both bounds of the default pool's workers go up or down by one. */
static void
dispatcher_scale(struct dispatcher *d, int64_t by)
{
	struct pool *p = TAILQ_FIRST(&d->pools);
	int64_t min = (int64_t)p->scale.min + by;
	int64_t max = (int64_t)p->scale.max + by;

	if (max < 1 || max >= p->n_slots) {
		log_warning("pool %s keeps its bounds: it can have 1 to %u "
			    "workers",
		    p->config->name, (unsigned int)p->n_slots - 1);
		return;
	}
	pool_set_bounds(p, min > 0 ? (uint32_t)min : 1, (uint32_t)max);
}

static void
dispatcher_message(struct dispatcher *d, const struct message *m,
    const int *fds, size_t n)
{
	struct slot *s = dispatcher_slot(d, m->slot);

	if (m->type == MSG_MASTER_SPAWNED && s != NULL && n == SPAWNED_FDS) {
		slot_spawned(s, m, fds);
		return;
	}
	if (m->type == MSG_MASTER_RELOADED)
		reload_take(d, m->n != 0, fds, n);
	while (n > 0)
		close(fds[--n]);
	switch (m->type) {
	case MSG_MASTER_REAPED:
		if (s != NULL)
			slot_reaped(s, m);
		break;
	case MSG_MASTER_DRAIN:
		dispatcher_drain(d);
		break;
	case MSG_MASTER_RELOADED:
		break; /* done above */
	case MSG_MASTER_SCALE:
		dispatcher_scale(d, (int64_t)m->n);
		break;
	case MSG_MASTER_STOP:
		d->draining = d->closed = true;
		d->stopping = true;
		d->at_once = m->n != 0;
		break;
	default:
		log_error("message %d of the master, ignoring", (int)m->type);
		break;
	}
}

static void
dispatcher_channel_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dispatcher *d = arg;
	struct message m;
	int fds[FDPASS_MAX];
	size_t n;

	for (;;) {
		int rc = channel_receive(fd, &m, fds, &n);

		if (rc == -1 && errno == EAGAIN)
			return;
		if (rc == -1 && errno != ECONNRESET) {
			/* A worker came whose descriptors did not. */
			log_error("message of the master: %s", strerror(errno));
			return;
		}
		if (rc <= 0) {
			d->orphaned = d->stopping = d->at_once = true;
			return;
		}
		dispatcher_message(d, &m, fds, n);
	}
}

/* Whether every accepted task is answered and every answer is sent. */
static bool
dispatcher_is_drained(const struct dispatcher *d)
{
	const struct client *c;

	if (task_slab_used(d->tasks) > 0)
		return false;
	TAILQ_FOREACH(c, &d->clients, link) {
		if (c->conn.out.bytes > 0 && !client_is_stranger(c))
			return false;
	}
	return true;
}

static bool
dispatcher_is_whole(const struct dispatcher *d)
{
	const struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		if (!pool_is_whole(p))
			return false;
	}
	return true;
}

/*
 * Everything is finished: clients are told so that have sent more meanwhile.
 * Returns whether nothing came of that.
 */
static bool
dispatcher_hear_out(struct dispatcher *d)
{
	struct client *c, *next;

	if (!d->heard_out) {
		d->heard_out = true;
		for (c = TAILQ_FIRST(&d->clients); c != NULL; c = next) {
			next = TAILQ_NEXT(c, link);
			client_hear_out(c);
		}
		loop_flush(&d->loop);
	}
	return dispatcher_is_drained(d);
}

/* Tells the master what it must know; a full channel means: next turn. */
static void
dispatcher_report(struct dispatcher *d)
{
	if (!d->ready_told && dispatcher_is_whole(d))
		d->ready_told =
		    dispatcher_tell(d, MSG_DISPATCHER_READY, 0, 0) == 0;
	reload_report(d);
	if (d->shutdown_asked)
		d->shutdown_asked =
		    dispatcher_tell_number(d, MSG_DISPATCHER_SHUTDOWN,
			d->shutdown_now) == -1;
	if (d->level_changed)
		control_log_report(d);
	if (d->draining && !d->shutdown_asked && dispatcher_is_drained(d) &&
	    dispatcher_hear_out(d) &&
	    dispatcher_tell(d, MSG_DISPATCHER_DRAINED, 0, 0) == 0)
		d->loop.stop = true;
}

/* Hands out what batches have, as long as that makes room for more of it. */
static void
dispatcher_feed(struct dispatcher *d)
{
	struct pool *p;

	for (int i = 0; i < BATCH_MEMBERS_MAX && batch_turn(d); i++) {
		TAILQ_FOREACH(p, &d->pools, link) {
			pool_dispatch(p);
		}
	}
}

void
dispatcher_turn(void *arg)
{
	struct dispatcher *d = arg;
	struct pool *p;

	if (d->stopping) {
		stop_turn(d);
		return;
	}
	d->loop.turn_frames = LOOP_FRAMES;
	TAILQ_FOREACH(p, &d->pools, link) {
		if (p->attention)
			pool_tend(p);
		if (p->breaker.state == POOL_DOWN)
			pool_refuse_all(p);
		pool_dispatch(p);
		if (pool_is_mixed(p))
			d->loop.turn_frames = LOOP_FRAMES_FEW;
	}
	dispatcher_feed(d);
	room_turn(d);
	task_settle_fresh(d->tasks);
	loop_flush(&d->loop);
	dispatcher_report(d);
}

/* The pool of that name; the configuration has seen to it that it is there. */
static struct pool *
dispatcher_pool(struct dispatcher *d, const char *name)
{
	struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		if (strcmp(p->config->name, name) == 0)
			break;
	}
	return p;
}

/* Sends each type that is offered to its pool. */
static int
dispatcher_routes(struct dispatcher *d)
{
	for (size_t i = 0; i < d->config->n_tasks; i++) {
		const struct task_config *t = &d->config->tasks[i];

		if ((t->type->flags & TYPE_DEBUG) && !d->config->debug_tasks)
			continue;
		if (route_add(&d->routes, t, dispatcher_pool(d, t->pool)) == -1)
			return -1;
	}
	return 0;
}

/* Makes the pools; their slots are numbered in the order of the master's. */
static int
dispatcher_pools(struct dispatcher *d)
{
	uint32_t first = 0;

	for (size_t i = 0; i < d->config->n_pools; i++) {
		struct pool *p = pool_new(d, &d->config->pools[i], first);

		if (p == NULL)
			return -1;
		TAILQ_INSERT_TAIL(&d->pools, p, link);
		d->n_pools++;
		first += p->n_slots;
	}
	return dispatcher_routes(d);
}

static int
dispatcher_events(struct dispatcher *d)
{
	d->accept_event = event_new(d->loop.base, d->listen_fd,
	    EV_READ | EV_PERSIST, dispatcher_accept_cb, d);
	d->channel_event = event_new(d->loop.base, d->channel,
	    EV_READ | EV_PERSIST, dispatcher_channel_cb, d);
	if (d->accept_event == NULL || d->channel_event == NULL)
		return -1;
	deadline_init(&d->accept_retry, dispatcher_accept_again_cb, d);
	stop_init(d);
	if (event_add(d->accept_event, NULL) == -1)
		return -1;
	return event_add(d->channel_event, NULL);
}

/*
 * The descriptors of workers: twice those of one, for a new one may come before
 * the old one is forgotten; one that dials in has its connection.
 */
static uint64_t
dispatcher_worker_fds(const struct config *config)
{
	uint64_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct pool_config *p = &config->pools[i];

		n += p->workers.max * (p->serve != NULL ? 1 : 2 * SPAWNED_FDS);
	}
	return n;
}

/*
 * Limits clients and their files to the descriptors that are left when every
 * worker has its own.
 */
static void
dispatcher_share_fds(struct dispatcher *d)
{
	const struct config *config = d->config;
	uint64_t reserve = RESERVE_FDS + dispatcher_worker_fds(config);
	uint64_t left = UINT64_MAX;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		left = rl.rlim_cur > reserve ? rl.rlim_cur - reserve : 1;
	d->max_fds = left / FILES_SHARE < FILES_MAX
			 ? (uint32_t)(left / FILES_SHARE)
			 : FILES_MAX;
	left -= d->max_fds;
	d->max_clients = config->max_clients;
	if (d->max_clients <= left)
		return;
	log_warning("%llu descriptors do not allow %llu clients",
	    (unsigned long long)rl.rlim_cur,
	    (unsigned long long)config->max_clients);
	d->max_clients = left;
}

void
dispatcher_configure(struct dispatcher *d, const struct config *config)
{
	d->config = config;
	dispatcher_share_fds(d);
	d->prefetch_ns = config->prefetch_us * NS_PER_US;
	d->loop.in_max = config->max_queued_bytes;
	conn_input_feed(&d->loop);
}

int
dispatcher_init(struct dispatcher *d, const struct dispatcher_setup *setup)
{
	memset(d, 0, sizeof *d);
	d->limits = config_limits(setup->config);
	TAILQ_INIT(&d->reloads);
	d->listen_fd = setup->listen_fd;
	d->socket_group = setup->socket_group;
	d->channel = setup->channel;
	TAILQ_INIT(&d->batches);
	TAILQ_INIT(&d->pools);
	TAILQ_INIT(&d->clients);
	TAILQ_INIT(&d->waiting);
	log_limit_init(&d->broken, BROKEN_LINES);
	log_limit_init(&d->denied, DENIED_LINES);
	d->started = now_wall();
	d->started_ms = now_ms();
	metrics_init(&d->metrics, d->started_ms);
	d->tasks = task_slab_new();
	if (d->tasks == NULL || msgids_init(&d->msgids) == -1 ||
	    loop_init(&d->loop) == -1)
		return -1;
	dispatcher_configure(d, setup->config);
	if (dispatcher_pools(d) == -1)
		return -1;
	return dispatcher_events(d);
}

/* Has all workers end, and logs what they say at that. */
static void
dispatcher_dismiss(struct dispatcher *d)
{
	uint64_t until = now_ms() + DISMISS_MS;
	struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		for (uint32_t i = 0; i < p->n_slots; i++)
			slot_dismiss(&p->slots[i]);
	}
	TAILQ_FOREACH(p, &d->pools, link) {
		for (uint32_t i = 0; i < p->n_slots; i++)
			slot_last_words(&p->slots[i], until);
	}
}

/* Answers that are not sent yet get one try. */
void
dispatcher_clear(struct dispatcher *d)
{
	struct client *c;
	struct pool *p;

	reload_refuse_all(d);
	loop_flush(&d->loop);
	while ((c = TAILQ_FIRST(&d->clients)) != NULL)
		client_close(c);
	dispatcher_dismiss(d);
	while ((p = TAILQ_FIRST(&d->pools)) != NULL) {
		for (uint32_t i = 0; i < p->n_slots; i++)
			slot_clear(&p->slots[i]);
		stop_tasks(d);
		loop_flush(&d->loop);
		TAILQ_REMOVE(&d->pools, p, link);
		pool_free(p);
	}
	event_free(d->accept_event);
	event_free(d->channel_event);
	route_free_all(&d->routes);
	reload_clear(d);
	poison_clear(&d->poison);
	log_task_clear(d);
	loop_clear(&d->loop);
	msgids_clear(&d->msgids);
	task_slab_free(d->tasks);
	chunk_clear();
	libevent_global_shutdown();
}

/*
 * The end of a turn of the process. It dies with the master, as by the signal
 * that is on its way: who is not answered knows that the server is gone, and a
 * last answer would say that it stops as it should.
 */
static void
dispatcher_live(void *arg)
{
	const struct dispatcher *d = arg;

	if (d->orphaned)
		_exit(EXIT_FAILURE);
	dispatcher_turn(arg);
}

int
dispatcher_main(const struct dispatcher_setup *setup)
{
	static struct dispatcher d;

	if (dispatcher_init(&d, setup) == -1)
		fatal("cannot set up the dispatcher: out of memory");
	if (sandbox_enter(SANDBOX_DISPATCHER) == -1)
		fatal("cannot enter the sandbox: %s", strerror(errno));
	loop_run(&d.loop, dispatcher_live, &d);
	dispatcher_clear(&d);
	return EXIT_SUCCESS;
}
