#include "server/metrics.h"

#include <string.h>

#include "server/client.h"
#include "server/dispatcher.h"

#define US_PER_MS 1000

void
metrics_init(struct metrics *m, uint64_t now_ms)
{
	memset(m, 0, sizeof *m);
	m->turn_ms = now_ms + HISTOGRAM_WINDOW_MS;
}

/* Turns the windows of all that is counted. */
static void
metrics_turn_all(struct dispatcher *d, uint64_t now)
{
	struct metrics *m = &d->metrics;
	uint64_t windows = (now - m->turn_ms) / HISTOGRAM_WINDOW_MS + 1;
	struct route *r, *next;

	m->turn_ms += windows * HISTOGRAM_WINDOW_MS;
	HASH_ITER(hh, d->routes, r, next)
	{
		for (int i = 0; i < PRIORITY_N; i++) {
			if (r->series[i] == NULL)
				continue;
			histogram_turn(&r->series[i]->wait, windows);
			histogram_turn(&r->series[i]->run, windows);
		}
	}
}

/* Turns them if it is time; inline, as this is asked for each task. */
static inline void
metrics_check_turn(struct dispatcher *d)
{
	uint64_t now = loop_now(&d->loop);

	if (now >= d->metrics.turn_ms)
		metrics_turn_all(d, now);
}

void
metrics_turn(struct dispatcher *d)
{
	metrics_check_turn(d);
}

/* The series of a type and priority, made when first used; or NULL. */
static inline struct series *
metrics_series(struct route *r, unsigned int priority)
{
	if (r->series[priority] == NULL)
		r->series[priority] = series_new();
	return r->series[priority];
}

/* Counts what a task waited that is not like the last one. */
static void
metrics_waited_anew(struct dispatcher *d, const struct task *t, uint64_t now)
{
	struct metrics *m = &d->metrics;
	struct series *s = metrics_series(t->route, task_given_priority(t));
	uint64_t steps = (now - task_queued_us(t)) << HISTOGRAM_US_BITS;

	metrics_check_turn(d);
	if (s == NULL)
		return;
	histogram_add(&s->wait, steps);
	m->last.now_us = now;
	m->last.queued_us = t->queued_us;
	m->last.priority = (uint8_t)task_given_priority(t);
	m->last.route = t->route;
	m->last.window = &s->wait.windows[0];
	m->last.n = &m->last.window->n[histogram_bucket(steps)];
	m->last.steps = steps;
}

void
metrics_waited(struct dispatcher *d, const struct task *t)
{
	struct metrics *m = &d->metrics;
	uint64_t now = loop_now_us(&d->loop);

	if (t->attempt > 1)
		return; /* what lies between two runs is no waiting */
	if (t->route != m->last.route || t->queued_us != m->last.queued_us ||
	    now != m->last.now_us ||
	    task_given_priority(t) != m->last.priority) {
		metrics_waited_anew(d, t, now);
		return;
	}
	(*m->last.n)++;
	m->last.window->sum += m->last.steps;
}

void
metrics_times(struct dispatcher *d, const struct task *t, uint64_t *wait_us,
    uint64_t *run_us)
{
	uint64_t now = loop_now_us(&d->loop);
	uint64_t age = now - task_queued_us(t);
	uint64_t ran = 0;

	/* what it began before it has answered: so the others wait still */
	if (t->state == TASK_RUNNING && slot_has_begun(t->slot, t))
		ran = now - t->slot->begun_ms * US_PER_MS;
	*run_us = ran < age ? ran : age;
	*wait_us = age - *run_us;
}

/* What a task is noted with as a slow one. */
static void
metrics_fill_slow(struct slow_task *slow, const struct task *t,
    unsigned int row)
{
	enum outcome outcome = series_row_outcome(row);
	const struct task_id *id = t->extra != NULL ? t->extra->id : NULL;

	slow->client = t->client != NULL ? t->client->number : 0;
	slow->notify = t->notify;
	slow->msgid = t->msgid;
	slow->type = t->route->name;
	slow->outcome = outcome == OUTCOME_FAILED
			    ? series_row_reason(row)
			    : series_outcome_name(outcome);
	slow->slot = t->slot->number + 1;
	if (id == NULL)
		return;
	slow->id_len = id->len < SLOW_ID ? (uint8_t)id->len : SLOW_ID;
	memcpy(slow->id, id->text, slow->id_len);
	/* not amid a character: its bytes after the first begin with 10 */
	while (id->len > SLOW_ID && slow->id_len > 0 &&
	       (id->text[slow->id_len] & 0xc0) == 0x80)
		slow->id_len--;
}

/* Notes it if it was one of the slowest. */
static void
metrics_note_slow(struct dispatcher *d, const struct task *t, unsigned int row,
    uint64_t run_us)
{
	uint64_t age = loop_now_us(&d->loop) - task_queued_us(t);
	struct slow_task *slow =
	    slow_place(&d->metrics.slow, run_us, loop_now(&d->loop));

	if (slow == NULL)
		return;
	slow->wait_us = age > run_us ? age - run_us : 0;
	metrics_fill_slow(slow, t, row);
}

/* Counts an end, or one of several runs. */
static void
metrics_count(struct dispatcher *d, const struct task *t, unsigned int row)
{
	struct series *s = metrics_series(t->route, task_given_priority(t));
	uint64_t wait_us, run_us, ran;

	metrics_check_turn(d);
	d->counters.ended[series_row_outcome(row)]++;
	if (s == NULL)
		return;
	s->counts[row]++;
	if (t->state != TASK_RUNNING ||
	    (t->slot->answering != t && !slot_has_begun(t->slot, t)))
		return;
	metrics_times(d, t, &wait_us, &run_us);
	ran = t->slot->answering == t ? t->slot->took
				      : run_us << HISTOGRAM_US_BITS;
	histogram_add(&s->run, ran);
	if (ran >= SERIES_LONG)
		metrics_note_slow(d, t, row, ran >> HISTOGRAM_US_BITS);
}

void
metrics_ended(struct dispatcher *d, const struct task *t, enum outcome outcome,
    const struct fault *fault)
{
	metrics_count(d, t, series_row(outcome, fault));
}

void
metrics_retried(struct dispatcher *d, const struct task *t, const char *reason)
{
	metrics_count(d, t, series_row_named(OUTCOME_RETRIED, reason));
}

void
metrics_completed(struct dispatcher *d, const struct task *t)
{
	struct series *s = t->route->series[task_given_priority(t)];
	uint64_t took = t->slot->took;

	if (s == NULL || took >= SERIES_LONG ||
	    loop_now(&d->loop) >= d->metrics.turn_ms) {
		metrics_count(d, t, SERIES_COMPLETED);
		return;
	}
	d->counters.ended[OUTCOME_COMPLETED]++;
	s->counts[SERIES_COMPLETED]++;
	histogram_add(&s->run, took);
}

void
metrics_refused(struct dispatcher *d, struct route *r, enum priority priority,
    const struct fault *fault)
{
	unsigned int row = series_row(OUTCOME_REFUSED, fault);
	struct series *s = NULL;

	if (r != NULL)
		s = metrics_series(r,
		    priority < PRIORITY_N ? priority : r->priority);

	d->counters.ended[OUTCOME_REFUSED]++;
	if (s != NULL)
		s->counts[row]++;
	else
		d->metrics.unknown[row]++;
}
