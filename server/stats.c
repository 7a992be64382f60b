#include "server/stats.h"

#include <stdbool.h>

#include "server/answer.h"
#include "server/room.h"
#include "server/stats-parts.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* What workers use is asked of the kernel so seldom, and of so many at once. */
#define STATS_USAGE_MS 250
#define STATS_USAGE_MAX 64

/* The gauges of all pools together. */
struct gauges {
	uint64_t workers;
	uint64_t queued;
	uint64_t running;
	uint64_t delayed;
	uint64_t room; /* tasks that may wait */
	uint32_t pools;
};

static struct gauges
stats_gauges(struct dispatcher *d)
{
	struct gauges g = {0};
	struct pool *p;

	TAILQ_FOREACH(p, &d->pools, link) {
		g.workers += pool_workers(p);
		g.queued += pool_waiting(p);
		g.running += pool_running(p);
		g.delayed += p->n_delayed;
		g.room += p->config->max_queue_size;
		g.pools++;
	}
	return g;
}

static void
stats_pack_bool(msgpack_packer *pk, const char *key, bool value)
{
	answer_text(pk, key);
	if (value)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

/* Learns what a worker uses. Returns how often the kernel was asked. */
static uint32_t
stats_look(struct slot *s, uint64_t now)
{
	if (s->worker == NULL)
		s->usage_ms = 0;
	if (s->worker == NULL || s->worker->pidfd == -1 ||
	    (s->usage_ms != 0 && now - s->usage_ms < STATS_USAGE_MS))
		return 0;
	if (usage_read(&s->usage, s->worker->pid, s->worker->pidfd) == -1)
		s->usage_ms = 0;
	else
		s->usage_ms = now;
	return 1;
}

/* Learns what a pool's workers use; of many it goes on there the next time. */
static void
stats_look_pool(struct pool *p, uint64_t now)
{
	uint32_t asked = 0;

	for (uint32_t i = 0; i < p->n_slots && asked < STATS_USAGE_MAX; i++) {
		asked += stats_look(&p->slots[p->look_next], now);
		p->look_next = (p->look_next + 1) % p->n_slots;
	}
}

/* Packs a key and a number, or nil when it is not known. */
static void
stats_pack_known(msgpack_packer *pk, const char *key, bool known,
    uint64_t value)
{
	answer_text(pk, key);
	if (known)
		msgpack_pack_uint64(pk, value);
	else
		msgpack_pack_nil(pk);
}

static void
stats_pack_worker(const struct slot *s, uint64_t now, msgpack_packer *pk)
{
	const struct task *t = TAILQ_FIRST(&s->running);

	msgpack_pack_map(pk, 11);
	stats_pack_bool(pk, "begun", t != NULL && slot_has_begun(s, t));
	answer_number(pk, "slot", s->number + 1);
	answer_number(pk, "pid",
	    s->worker != NULL ? (uint64_t)s->worker->pid : 0);
	answer_text(pk, "state");
	answer_text(pk, slot_state_name(s->state));
	answer_text(pk, "task");
	if (t != NULL)
		answer_text(pk, t->route->name);
	else
		msgpack_pack_nil(pk);
	stats_pack_known(pk, "sinceMs", t != NULL, now - s->begun_ms);
	stats_pack_known(pk, "rss", s->usage_ms != 0, s->usage.rss);
	stats_pack_known(pk, "cpuMs", s->usage_ms != 0, s->usage.cpu_ms);
	stats_pack_known(pk, "ageMs", s->worker != NULL,
	    s->worker != NULL ? now - s->worker->obituary.born_ms : 0);
	answer_number(pk, "tasksDone", s->tasks_done);
	answer_number(pk, "restarts", s->restarts);
}

/* Whether a slot has a worker, or is to have one. */
static bool
stats_has_worker(const struct slot *s)
{
	return s->wanted || s->worker != NULL;
}

/* The priorities whose tasks are paused. */
static void
stats_pack_held(const struct queue *q, msgpack_packer *pk)
{
	uint32_t n = 0;

	for (int i = 0; i < PRIORITY_N; i++)
		n += q->held >> i & 1u;
	answer_text(pk, "pausedPriorities");
	msgpack_pack_array(pk, n);
	for (int i = 0; i < PRIORITY_N; i++) {
		if (q->held >> i & 1u)
			answer_text(pk, priority_name((enum priority)i));
	}
}

static void
stats_pack_pool(struct pool *p, uint64_t now, msgpack_packer *pk)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_top; i++)
		n += stats_has_worker(&p->slots[i]);
	stats_look_pool(p, now);
	msgpack_pack_map(pk, 16);
	stats_pack_held(&p->queue, pk);
	answer_text(pk, "name");
	answer_text(pk, p->config->name);
	answer_text(pk, "state");
	answer_text(pk, pool_state_name(p));
	answer_number(pk, "min", p->scale.min);
	answer_number(pk, "max", p->scale.max);
	answer_number(pk, "target", p->scale.target);
	answer_number(pk, "grown", p->scale.grown);
	answer_number(pk, "shrunk", p->scale.shrunk);
	answer_number(pk, "recycled", p->recycled);
	answer_number(pk, "delayed", p->n_delayed);
	stats_pack_bool(pk, "paused", p->paused);
	answer_text(pk, "pressure");
	answer_text(pk, room_pressure_name(p));
	answer_number(pk, "parked", p->n_parked);
	answer_number(pk, "maxQueueSize", p->config->max_queue_size);
	answer_text(pk, "queue");
	msgpack_pack_map(pk, PRIORITY_N);
	for (int i = 0; i < PRIORITY_N; i++)
		answer_number(pk, priority_name((enum priority)i),
		    p->queue.n[i]);
	answer_text(pk, "workers");
	msgpack_pack_array(pk, n);
	for (uint32_t i = 0; i < p->n_top; i++) {
		if (stats_has_worker(&p->slots[i]))
			stats_pack_worker(&p->slots[i], now, pk);
	}
}

void
stats_pack(struct dispatcher *d, bool buckets, msgpack_packer *pk)
{
	const struct counters *n = &d->counters;
	struct gauges g = stats_gauges(d);
	uint64_t now = loop_now(&d->loop);
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
	    {"workers", g.workers},
	    {"queueSize", g.queued},
	    {"activeTasks", g.running},
	    {"delayedTasks", g.delayed},
	    {"maxQueueSize", g.room},
	    {"queuedBytes", d->task_bytes},
	    {"unreadBytes", d->loop.out_bytes},
	    {"clients", d->n_clients},
	    {"submitted", n->submitted},
	    {"completed", n->ended[OUTCOME_COMPLETED]},
	    {"failed", n->ended[OUTCOME_FAILED]},
	    {"crashed", n->crashed},
	    {"timedOut", n->ended[OUTCOME_TIMED_OUT]},
	    {"cancelled", n->ended[OUTCOME_CANCELLED]},
	    {"refused", n->ended[OUTCOME_REFUSED]},
	    {"retried", n->ended[OUTCOME_RETRIED]},
	    {"notificationsIgnored", n->notifications_ignored},
	    {"clientsAccepted", n->clients},
	    {"clientsDropped", n->clients_dropped},
	    {"clientsBroken", n->clients_broken},
	    {"clientsRefused", n->clients_refused},
	    {"denied", n->denied},
	    {"uptimeMs", now - d->started_ms},
	    /* The names that the guide's implementation has for three. */
	    {"workerCount", g.workers},
	    {"queuedTasks", g.queued},
	};
	struct pool *p;

	msgpack_pack_map(pk, COUNT(numbers) + 3 + STATS_SERIES_KEYS +
				 (buckets ? STATS_BUCKETS_KEYS : 0));
	for (size_t i = 0; i < COUNT(numbers); i++)
		answer_number(pk, numbers[i].key, numbers[i].value);
	stats_pack_bool(pk, "isShuttingDown", d->draining);
	stats_pack_bool(pk, "isDraining", d->closed);
	answer_text(pk, "pools");
	msgpack_pack_array(pk, g.pools);
	TAILQ_FOREACH(p, &d->pools, link)
		stats_pack_pool(p, now, pk);
	stats_pack_series(d, pk);
	if (buckets)
		stats_pack_buckets(d, pk);
}
