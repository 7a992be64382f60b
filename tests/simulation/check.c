/* What must hold: see sim.h. */
#include "tests/simulation/sim.h"

#include <inttypes.h>
#include <string.h>

#include "server/client.h"
#include "server/fdset.h"
#include "server/life.h"
#include "server/pool.h"

#define CHECK_TYPES 128 /* in the registry, at most */
#define CHECK_LATE_MS 2 /* limits are cut to milliseconds */

/* What was counted of the tasks in their places. */
struct tally {
	uint64_t tasks, owned, requests, bytes, members, heads;
	uint32_t queued[CHECK_TYPES], running[CHECK_TYPES];
	uint32_t unparked[CHECK_TYPES][PRIORITY_N];
};

static struct tally tally;

#define EXPECT(is, want, what)                                            \
	do {                                                              \
		uint64_t is_ = (uint64_t)(is), want_ = (uint64_t)(want);  \
                                                                          \
		if (is_ != want_)                                         \
			sim_fail("%s: %" PRIu64 ", and counted %" PRIu64, \
			    what, is_, want_);                            \
	} while (0)

#define REQUIRE(holds, what)                  \
	do {                                  \
		if (!(holds))                 \
			sim_fail("%s", what); \
	} while (0)

/* The connection of a client, by the pid that it was given. */
static struct peer *
check_peer(const struct client *c)
{
	uint32_t serial = (uint32_t)c->pid - SIM_PIDS;

	for (int i = 0; i < SIM_PEERS; i++) {
		if (sim.peers[i].serial == serial && sim.peers[i].fd != -1)
			return &sim.peers[i];
	}
	return NULL;
}

/* What its client knows of a task. */
static void
check_request(const struct task *t, uint64_t now)
{
	struct peer *p = check_peer(t->client);
	struct request *q;

	tally.requests++;
	if (p == NULL)
		return; /* it left in this very step */
	if (t->msgid == 0 || t->msgid > p->n_requests)
		return; /* of rubbish that happened to be a message */
	q = &p->requests[t->msgid];
	if (!q->accepted) {
		q->accepted = true;
		sim.n_tasks++;
		if (q->timeout_ms != 0)
			q->due_ms = now + q->timeout_ms;
	}
	if (p->honest)
		REQUIRE(q->sent > q->answered,
		    "a task is there whose request is answered");
	if (q->timeout_ms != 0 && q->sent == 1 && !sim.starved)
		REQUIRE(now <= q->due_ms + CHECK_LATE_MS,
		    "a timeout was not kept");
}

/* Limits in time; the same sum as life-limits.c has. */
static void
check_limits(const struct task *t, uint64_t now)
{
	const struct task_extra *e = t->extra;
	uint64_t next = e->due;
	bool asked = e->cancelled != CANCEL_NONE;

	if (!asked && e->queue_due < next)
		next = e->queue_due;
	if ((asked || t->state == TASK_RUNNING || t->state == TASK_DELAYED) &&
	    e->run_due < next)
		next = e->run_due;
	if (next == UINT64_MAX || sim.starved)
		return; /* without memory there may be no deadline */
	REQUIRE(deadline_is_set(&e->deadline), "a limit has no deadline");
	REQUIRE(e->deadline.at <= next, "a deadline is later than its limit");
	REQUIRE(e->deadline.at > now, "a deadline was forgotten");
}

/* A task that stands in a place where tasks of this state are. */
static void
check_task(const struct task *t, enum task_state state)
{
	uint64_t now = sim.dispatcher.loop.now;
	unsigned int type = t->route->index;

	EXPECT(t->state, state, "state of a task");
	REQUIRE(task_find(sim.dispatcher.tasks, task_wire_number(t)) == t,
	    "a task is not in the slab");
	REQUIRE(hand_begun(task_wire_number(t)) <= t->attempt,
	    "a task was begun more often than it is known");
	tally.tasks++;
	tally.bytes += task_own_bytes(t);
	tally.owned += t->client != NULL;
	tally.members += t->member;
	tally.heads += state == TASK_GATHERING;
	tally.queued[type] += state == TASK_QUEUED;
	tally.running[type] += state == TASK_RUNNING;
	if (state == TASK_QUEUED && t->unparked)
		tally.unparked[type][t->priority]++;
	if (t->client != NULL && task_is_request(t))
		check_request(t, now);
	if (t->extra != NULL)
		check_limits(t, now);
	if (t->member && t->extra != NULL && t->extra->head != NULL)
		EXPECT(t->extra->head->state, TASK_GATHERING,
		    "a member's head");
}

static void
check_queue(const struct queue *q, const struct pool *p, bool parked)
{
	const struct lane *lane;
	const struct task *t;

	for (int i = 0; i < PRIORITY_N; i++) {
		uint32_t n = 0;

		TAILQ_FOREACH(lane, &q->rings[i], link) {
			uint32_t there = 0;

			TAILQ_FOREACH(t, &lane->tasks, link) {
				check_task(t, TASK_QUEUED);
				EXPECT(t->parked, parked, "parked");
				EXPECT(t->priority, i, "priority");
				REQUIRE(t->route->pool == p, "another's task");
				there++;
			}
			EXPECT(lane->n, there, "tasks of a lane");
			REQUIRE(there > 0, "an empty lane in a ring");
			n += there;
		}
		EXPECT(q->n[i], n, "tasks of a priority");
	}
}

static void
check_slot(const struct slot *s)
{
	uint32_t n = 0, ordinary = 0, fds = 0;
	uint64_t bytes = 0, ns = 0;
	const struct task *t;

	TAILQ_FOREACH(t, &s->running, link) {
		check_task(t, TASK_RUNNING);
		REQUIRE(t->slot == s, "a task is another slot's");
		n++;
		ordinary += t->priority != PRIORITY_HIGH;
		bytes += t->data_len;
		fds += t->n_fds;
		ns += t->counts ? t->cost_ns : 0;
	}
	EXPECT(s->n_running, n, "tasks of a slot");
	EXPECT(s->n_ordinary, ordinary, "ordinary tasks of a slot");
	EXPECT(s->held_bytes, bytes, "bytes that a slot holds");
	EXPECT(s->held_fds, fds, "files that a slot holds");
	EXPECT(s->held_ns, ns, "time that a slot holds");
	REQUIRE((s->worker == NULL) == (s->state == SLOT_EMPTY),
	    "a slot's state is not its worker's");
	if (s->state == SLOT_BUSY)
		REQUIRE(n > 0, "a busy slot has nothing to do");
	if (s->state == SLOT_IDLE || s->state == SLOT_EMPTY ||
	    s->state == SLOT_STARTING)
		EXPECT(n, 0, "tasks of a slot that has none");
}

static void
check_slots(const struct pool *p)
{
	uint32_t busy = 0, open = 0, listed = 0, ordinary = 0;
	const struct slot *s;

	for (uint32_t i = 0; i < p->n_slots; i++) {
		s = &p->slots[i];
		check_slot(s);
		busy += s->n_running > 0;
		open += s->open;
		ordinary += s->n_ordinary > 0;
		if (i >= p->n_top)
			REQUIRE(s->worker == NULL && !s->wanted,
			    "a slot beyond the top is used");
	}
	TAILQ_FOREACH(s, &p->open, link)
		listed += s->open;
	EXPECT(p->n_busy, busy, "busy slots");
	EXPECT(p->n_open, open, "open slots");
	EXPECT(listed, open, "open slots in the list");
	EXPECT(p->n_ordinary, ordinary, "slots with ordinary tasks");
}

static void
check_pool(const struct pool *p)
{
	const struct dispatcher *d = &sim.dispatcher;
	struct route *r, *next;
	const struct task *t;
	uint32_t parked = 0, delayed = 0;

	check_queue(&p->queue, p, false);
	HASH_ITER(hh, d->routes, r, next)
	{
		if (r->pool != p)
			continue;
		check_queue(&r->parked, p, true);
		parked += queue_size(&r->parked);
	}
	EXPECT(p->n_parked, parked, "parked tasks");
	TAILQ_FOREACH(t, &p->delayed, link) {
		check_task(t, TASK_DELAYED);
		delayed++;
	}
	EXPECT(p->n_delayed, delayed, "delayed tasks");
	check_slots(p);
}

static void
check_routes(void)
{
	struct route *r, *next;

	HASH_ITER(hh, sim.dispatcher.routes, r, next)
	{
		EXPECT(r->n_queued, tally.queued[r->index],
		    "waiting of a type");
		EXPECT(r->n_running, tally.running[r->index],
		    "running of a type");
		for (int i = 0; i < PRIORITY_N; i++)
			EXPECT(r->n_unparked[i], tally.unparked[r->index][i],
			    "unparked of a type");
		if (r->max_running != 0)
			REQUIRE(r->n_running <= r->max_running ||
				    sim.reloads > 0,
			    "more of a type run than may");
	}
}

static void
check_client(const struct client *c, uint64_t *owned)
{
	uint32_t n = 0, fds = 0;
	uint64_t bytes = 0;
	const struct task *t;
	struct peer *p = check_peer(c);

	if (p != NULL && !p->seen) {
		p->seen = true;
		if (p->honest)
			p->wild = 0;
	}
	TAILQ_FOREACH(t, &c->tasks, client_link) {
		REQUIRE(t->client == c, "a task is another client's");
		n++;
		bytes += task_own_bytes(t);
		fds += t->n_fds;
	}
	EXPECT(c->n_tasks, n, "tasks of a client");
	EXPECT(c->task_bytes, bytes, "bytes of a client's tasks");
	EXPECT(c->n_task_fds, fds, "files of a client's tasks");
	*owned += n;
}

/* What the loop counts of all connections. */
static void
check_loop(uint64_t out, uint64_t in)
{
	const struct dispatcher *d = &sim.dispatcher;
	const struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		for (uint32_t i = 0; i < p->n_slots; i++) {
			const struct slot_link *w = p->slots[i].worker;

			if (w == NULL)
				continue;
			out += w->conn.out.bytes;
			in += w->conn.in_large;
		}
	}
	EXPECT(d->loop.out_bytes, out, "output");
	EXPECT(d->loop.in_bytes, in, "large input");
	REQUIRE(TAILQ_EMPTY(&d->loop.closed), "a connection is not freed");
}

static void
check_clients(void)
{
	const struct dispatcher *d = &sim.dispatcher;
	const struct client *c;
	uint64_t owned = 0, out = 0, in = 0;
	uint32_t n = 0, subscribed = 0, waiting = 0, listed = 0;

	TAILQ_FOREACH(c, &d->clients, link) {
		check_client(c, &owned);
		n++;
		subscribed += c->subscribed;
		waiting += c->waits_for != NULL;
		out += c->conn.out.bytes;
		in += c->conn.in_large;
	}
	TAILQ_FOREACH(c, &d->waiting, waiting_link)
		listed++;
	EXPECT(d->n_clients, n, "clients");
	EXPECT(d->n_subscribed, subscribed, "subscribed clients");
	EXPECT(listed, waiting, "clients that wait");
	EXPECT(owned, tally.owned, "tasks of all clients");
	check_loop(out, in);
}

/* Submitted is what has ended and what has not. */
static void
check_counters(void)
{
	const struct dispatcher *d = &sim.dispatcher;
	uint64_t ended = 0;

	for (int i = 0; i < OUTCOMES; i++) {
		if (i != OUTCOME_RETRIED)
			ended += d->counters.ended[i];
	}
	EXPECT(d->counters.submitted, ended + tally.tasks - tally.heads,
	    "submitted");
	EXPECT(task_slab_used(d->tasks), tally.tasks, "tasks in the slab");
	EXPECT(d->msgids.n, tally.requests, "message ids");
	if (tally.heads == 0)
		EXPECT(d->task_bytes, tally.bytes, "bytes of tasks");
	else
		REQUIRE(d->task_bytes >= tally.bytes, "bytes are missing");
}

/* Whether tasks of a queue may be handed out: of an open type, and no pause. */
static bool
check_offers(const struct queue *q, uint8_t held, const struct pool *p)
{
	const struct lane *lane;
	const struct task *t;
	int lowest = p->config->reserve > 0 ? PRIORITY_HIGH : PRIORITY_LOW;

	for (int i = 0; i <= lowest; i++) {
		if (held & 1u << i)
			continue;
		TAILQ_FOREACH(lane, &q->rings[i], link) {
			TAILQ_FOREACH(t, &lane->tasks, link) {
				if (route_is_open(t->route))
					return true;
			}
		}
	}
	return false;
}

/* Whether a task waits that a free worker could have. */
static bool
check_idles(const struct pool *p)
{
	const struct slot *s = TAILQ_FIRST(&p->open);
	struct route *r, *next;

	if (p->served || p->paused || p->breaker.state != POOL_UP ||
	    s == NULL || s->state != SLOT_IDLE)
		return false;
	if (check_offers(&p->queue, p->queue.held, p))
		return true;
	HASH_ITER(hh, sim.dispatcher.routes, r, next)
	{
		if (r->pool == p && check_offers(&r->parked, p->queue.held, p))
			return true;
	}
	return false;
}

static void
check_liveness(void)
{
	const struct dispatcher *d = &sim.dispatcher;
	const struct pool *p;

	if (d->stopping || sim.starved || loop_is_busy(&sim.dispatcher.loop))
		return;
	TAILQ_FOREACH(p, &d->pools, link)
		REQUIRE(!check_idles(p), "a task waits, and a worker is free");
}

void
check_turn(void)
{
	const struct dispatcher *d = &sim.dispatcher;
	const struct pool *p;
	const struct task *t;

	memset(&tally, 0, sizeof tally);
	TAILQ_FOREACH(t, &d->batches, link)
		check_task(t, TASK_GATHERING);
	TAILQ_FOREACH(p, &d->pools, link)
		check_pool(p);
	check_routes();
	check_clients();
	check_counters();
	check_liveness();
}

bool
check_is_done(void)
{
	if (task_slab_used(sim.dispatcher.tasks) > 0)
		return false;
	for (int i = 0; i < SIM_PEERS; i++) {
		const struct peer *p = &sim.peers[i];

		if (peer_is_there(p) && p->honest &&
		    (p->out_len > 0 || peer_waits_for(p) > 0))
			return false;
	}
	return true;
}

void
check_done(void)
{
	for (int i = 0; i < SIM_PEERS; i++) {
		const struct peer *p = &sim.peers[i];

		if (!peer_is_there(p) || !p->honest)
			continue;
		for (uint32_t j = 1; j <= p->n_requests; j++) {
			if (p->requests[j].sent != p->requests[j].answered)
				sim_fail("client %u, msgid %u: sent %u times, "
					 "answered %u times",
				    p->serial, j, p->requests[j].sent,
				    p->requests[j].answered);
		}
	}
	sim_fail("%u tasks are left, and nobody waits for them",
	    (unsigned int)task_slab_used(sim.dispatcher.tasks));
}

void
check_stopped(void)
{
	EXPECT(fdset_held(), 0, "files of clients");
	for (int i = 0; i < SIM_PEERS; i++) {
		const struct peer *p = &sim.peers[i];

		if (p->fd == -1 || !p->honest || p->serves)
			continue;
		for (uint32_t j = 1; j <= p->n_requests; j++) {
			const struct request *q = &p->requests[j];

			if (q->accepted && q->answered == 0)
				sim_fail("client %u: msgid %u was accepted, "
					 "and has no answer",
				    p->serial, j);
		}
	}
}
