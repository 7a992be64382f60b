#include "server/stop.h"

#include "server/batch.h"
#include "server/life.h"
#include "server/pool.h"

/* Ends the tasks of a pool that have not begun, because morod stops. */
static void
stop_waiting(struct dispatcher *d, struct pool *p)
{
	struct task *t;
	struct fault fault;

	while ((t = pool_first(p)) != NULL) {
		fault_set(&fault, CODE_SHUTTING_DOWN, NULL,
		    "morod stops, and %s was still queued", t->route->name);
		life_fault(d, t, LIFE_CANCELLED, &fault);
	}
}

/* The first task of a slot that was not asked to stop, or NULL. */
static struct task *
stop_unasked(const struct slot *s)
{
	struct task *t = TAILQ_FIRST(&s->running);

	while (
	    t != NULL && t->extra != NULL && t->extra->cancelled != CANCEL_NONE)
		t = TAILQ_NEXT(t, link);
	return t;
}

/* Cancels what a slot's worker has begun. */
static void
stop_running(struct dispatcher *d, struct slot *s)
{
	struct task *t;

	while ((t = stop_unasked(s)) != NULL)
		life_cancel(d, t, CANCEL_SHUTDOWN);
}

void
stop_tasks(struct dispatcher *d)
{
	struct pool *p;

	batch_stop(d);
	TAILQ_FOREACH(p, &d->pools, link) {
		for (uint32_t i = 0; i < p->n_slots; i++)
			slot_halt(&p->slots[i]);
		for (uint32_t i = 0; i < p->n_slots; i++)
			stop_running(d, &p->slots[i]);
		stop_waiting(d, p);
	}
}

/* Ends those that were asked to stop and have not yet. */
static void
stop_asked(struct dispatcher *d)
{
	struct pool *p;
	struct task *t;

	TAILQ_FOREACH(p, &d->pools, link) {
		for (uint32_t i = 0; i < p->n_slots; i++) {
			struct slot *s = &p->slots[i];

			while ((t = TAILQ_FIRST(&s->running)) != NULL)
				life_cancelled(d, t);
			slot_kill(s);
		}
	}
}

/* The grace of a stop is over. */
static void
stop_patience_cb(void *owner, uint64_t now)
{
	struct dispatcher *d = owner;

	d->at_once = true;
}

void
stop_turn(struct dispatcher *d)
{
	/* whatever a request's own grace is: the master waits no longer */
	if (!d->at_once && !deadline_is_set(&d->patience))
		deadline_set(d->loop.deadlines, &d->patience,
		    loop_now(&d->loop), d->config->cancel_grace_ms + 1);
	stop_tasks(d);
	if (d->at_once)
		stop_asked(d);
	loop_flush(&d->loop);
	d->loop.stop = task_slab_used(d->tasks) == 0 || d->at_once;
}

void
stop_init(struct dispatcher *d)
{
	deadline_init(&d->patience, stop_patience_cb, d);
}
