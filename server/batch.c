#include "server/batch.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "proto/envelope.h"
#include "proto/reader.h"
#include "server/answer.h"
#include "server/client.h"
#include "server/life.h"
#include "server/packed.h"
#include "server/pool.h"
#include "server/progress.h"

/* Around a result stand the array and the map of the answer. */
#define BATCH_AROUND 2
#define BATCH_DEPTH_MAX (LIMIT_DEPTH_MAX - BATCH_AROUND)
#define BATCH_ARRAY_HEAD 5 /* bytes of the longest header of an array */
#define BATCH_ALLOCATION 16 /* bytes that malloc() takes beside */
#define BATCH_LOOKS 16 /* batches that are looked at in one turn */
#define BATCH_SHARE 2 /* of a queue: all batches have one part of so many */

/* What one element came to: a map of "result" or "error", packed. */
struct element {
	uint8_t *bytes; /* owned; NULL: it has not ended */
	uint32_t len;
};

struct batch {
	struct options options; /* of the request */
	uint32_t n; /* elements */
	uint32_t next; /* the first that is not queued yet */
	uint32_t done;
	size_t offset; /* of that one in the head's data */
	uint64_t bytes; /* of the answer, as far as it is known */
	uint64_t values; /* that these are */
	uint64_t kept; /* memory for it */
	struct fault fault; /* why the whole cannot go on */
	bool failed; /* that is set */
	uint32_t n_members;
	struct task *members[BATCH_MEMBERS_MAX];
	struct element elements[];
};

/* "result" and "error" as keys of a map of one pair. */
static const uint8_t batch_result_key[] = "\x81\xa6result";
static const uint8_t batch_error_key[] = "\x81\xa5"
					 "error";

/* Refuses data that is no array of a length that is taken. */
static int
batch_refuse(struct fault *fault, const struct item *array)
{
	if (array->type == READER_ARRAY)
		fault_set(fault, CODE_INVALID_ARGUMENT, NULL,
		    "with option batch data takes an array of up to %d "
		    "elements, not of %" PRIu64,
		    BATCH_ELEMENTS_MAX, array->n);
	else
		fault_set(fault, CODE_INVALID_ARGUMENT, NULL,
		    "with option batch data takes an array, not %s",
		    reader_type_name(array->type));
	fault_add_text(fault, "field", "data");
	return -1;
}

int
batch_init(struct dispatcher *d, struct task *head, const struct options *o,
    struct fault *fault)
{
	struct batch *b;
	struct reader r;
	struct item array;

	reader_init(&r, task_data(head), head->data_len);
	array = reader_next(&r);
	if (array.type != READER_ARRAY || array.n > BATCH_ELEMENTS_MAX)
		return batch_refuse(fault, &array);
	b = calloc(1, sizeof *b + array.n * sizeof b->elements[0]);
	if (b == NULL) {
		fault_set(fault, CODE_INTERNAL, NULL, "morod is out of memory");
		return -1;
	}
	b->options = *o;
	b->options.id = NULL; /* stands in the message, which goes */
	b->n = (uint32_t)array.n;
	b->offset = (size_t)(r.at - task_data(head));
	b->bytes = BATCH_ARRAY_HEAD;
	head->extra->batch = b;
	return 0;
}

void
batch_free(struct task *head)
{
	struct batch *b = head->extra != NULL ? head->extra->batch : NULL;

	if (b == NULL)
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		if (head->route->secret && b->elements[i].bytes != NULL)
			explicit_bzero(b->elements[i].bytes,
			    b->elements[i].len);
		free(b->elements[i].bytes);
	}
	free(b);
	head->extra->batch = NULL;
}

struct task *
batch_head(const struct task *t)
{
	return t->member ? t->extra->head : NULL;
}

/* Nobody waits for this member any more. */
static void
batch_detach(struct batch *b, struct task *t)
{
	struct task *last = b->members[--b->n_members];

	last->extra->place = t->extra->place;
	b->members[last->extra->place] = last;
	t->extra->head = NULL;
}

/* Gives a member its limits in time: the whole has `timeout` itself. */
static void
batch_fill_limits(const struct batch *b, struct task *t)
{
	const struct options *o = &b->options;
	struct task_extra *e = t->extra;
	bool own = o->timeout_ms != 0 || o->run_timeout_ms != 0 ||
		   o->queue_timeout_ms != 0;

	e->timeout_ms = own ? 0 : t->route->timeout_ms;
	e->run_timeout_ms = own ? o->run_timeout_ms : t->route->run_timeout_ms;
	e->queue_timeout_ms =
	    own ? o->queue_timeout_ms : t->route->queue_timeout_ms;
}

/* Makes a task of the next element. NULL: no memory. */
static struct task *
batch_member(struct dispatcher *d, struct task *head)
{
	struct batch *b = head->extra->batch;
	struct chunk *chunk =
	    head->place == TASK_IN_CHUNK ? head->data.far.chunk : NULL;
	struct task *t = task_new(d->tasks);
	const uint8_t *at;
	struct reader r;
	size_t len;

	if (t == NULL)
		return NULL;
	reader_init(&r, task_data(head) + b->offset,
	    head->data_len - b->offset);
	len = reader_skip(&r, &at);
	t->client = head->client;
	t->route = head->route;
	t->msgid = head->msgid;
	t->priority = head->priority;
	t->member = true;
	if (pool_prepare(t->route->pool, t->client) == -1 ||
	    task_add_extra(d->tasks, t) == -1 ||
	    task_keep_data(d->tasks, t, at, len, chunk) == -1) {
		task_free(d->tasks, t);
		return NULL;
	}
	b->offset += len;
	t->extra->secret = t->route->secret;
	batch_fill_limits(b, t);
	t->extra->has_grace = b->options.has_grace;
	t->extra->cancel_grace_ms = b->options.cancel_grace_ms;
	t->extra->has_idempotent = b->options.has_idempotent;
	t->extra->idempotent = b->options.idempotent;
	t->extra->has_retry = b->options.has_retry;
	t->extra->retry = b->options.retry;
	return t;
}

/*
 * Whether one more member may be queued. One always may, it has the place that
 * the request was let in for; more of them leave room for others: in the queue,
 * of the type, and for other requests of the connection.
 */
static bool
batch_has_room(const struct task *head)
{
	const struct batch *b = head->extra->batch;
	const struct client *c = head->client;
	const struct route *r = head->route;
	const struct pool *p = r->pool;

	if (b->n_members == 0)
		return true;
	return b->n_members < BATCH_MEMBERS_MAX &&
	       (uint64_t)pool_waiting(p) * BATCH_SHARE <
		   p->config->max_queue_size &&
	       (r->max_queued == 0 ||
		   (uint64_t)r->n_queued * BATCH_SHARE < r->max_queued) &&
	       (uint64_t)c->n_tasks * BATCH_SHARE <
		   c->dispatcher->config->max_client_tasks;
}

/* Queues as many members as there may be. False: no memory. */
static bool
batch_feed(struct dispatcher *d, struct task *head)
{
	struct batch *b = head->extra->batch;

	while (b->next < b->n && batch_has_room(head)) {
		struct task *t = batch_member(d, head);

		if (t == NULL)
			return false;
		t->extra->head = head;
		t->extra->element = b->next++;
		t->extra->place = b->n_members;
		b->members[b->n_members++] = t;
		d->counters.submitted++;
		life_queue(d, t);
	}
	return true;
}

/* Sends the answer. Without memory the connection is of no use. */
static void
batch_answer(struct task *head)
{
	const struct batch *b = head->extra->batch;
	struct client *c = head->client;
	uint8_t start[ENVELOPE_HEAD_MAX];
	size_t n = envelope_response(start, head->msgid);
	struct packed array;
	msgpack_packer pk;
	int rc;

	packed_init(&array, &pk);
	msgpack_pack_nil(&pk);
	msgpack_pack_array(&pk, b->n);
	if (head->route->secret)
		outbox_set_secret(&c->conn.out);
	rc = conn_copy(&c->conn, start, n);
	if (rc == 0)
		rc = packed_send(&array, &c->conn);
	for (uint32_t i = 0; rc == 0 && i < b->n; i++)
		rc = conn_copy(&c->conn, b->elements[i].bytes,
		    b->elements[i].len);
	packed_clear(&array);
	if (rc == -1)
		client_close_soon(c);
}

/* Tells the client how far it is, if it wants to hear. */
static void
batch_progress(struct dispatcher *d, struct task *head)
{
	const struct batch *b = head->extra->batch;
	struct packed map;
	msgpack_packer pk;

	if (head->extra->progress == NULL)
		return;
	packed_init(&map, &pk);
	msgpack_pack_map(&pk, 2);
	answer_number(&pk, "done", b->done);
	answer_number(&pk, "total", b->n);
	if (!map.failed)
		progress_note(d, head, (const uint8_t *)map.buffer.data,
		    map.buffer.size);
	packed_clear(&map);
}

/* The whole has come to nothing, because of this. */
static void
batch_fail(struct batch *b, const char *what, uint64_t limit)
{
	if (b->failed)
		return;
	b->failed = true;
	fault_set(&b->fault, CODE_TOO_LARGE, NULL,
	    "the results of the batch are more than %" PRIu64 " %s", limit,
	    what);
	fault_add_number(&b->fault, "limit", (int64_t)limit);
}

/*
 * Results that wait for the others count as data that are queued do: many
 * batches, each of which waits for one slow element, could hold any memory.
 */
static void
batch_check_room(struct dispatcher *d, struct batch *b)
{
	uint64_t limit = d->config->max_queued_bytes;

	if (b->bytes > d->limits.frame)
		batch_fail(b, "bytes", d->limits.frame);
	if (b->values > d->limits.values)
		batch_fail(b, "values", d->limits.values);
	if (b->failed || dispatcher_bytes(d) <= limit)
		return;
	b->failed = true;
	fault_set(&b->fault, CODE_QUEUE_FULL, "bytes",
	    "results of batches and data that wait are more than %" PRIu64
	    " bytes",
	    limit);
	fault_add_number(&b->fault, "limit", (int64_t)limit);
}

/*
 * How many values there are; 0: containers stand in each other deeper than a
 * client could read within the answer.
 */
static uint64_t
batch_values(const uint8_t *at, size_t len)
{
	uint64_t left[BATCH_DEPTH_MAX + 1] = {0}, n = 0;
	uint32_t depth = 0;
	struct reader r;
	struct item item;

	reader_init(&r, at, len);
	while ((item = reader_next(&r)).type != READER_END) {
		uint64_t inside = item.type == READER_ARRAY ? item.n
				  : item.type == READER_MAP ? 2 * item.n
							    : 0;

		n++;
		while (depth > 0 && left[depth] == 0)
			depth--;
		if (depth > 0)
			left[depth]--;
		if (item.type != READER_ARRAY && item.type != READER_MAP)
			continue;
		if (depth == BATCH_DEPTH_MAX)
			return 0;
		left[++depth] = inside;
	}
	return n;
}

/* What an element came to: a key, and a value that is so many values. */
struct came_to {
	const uint8_t *key;
	size_t key_len;
	const uint8_t *value;
	size_t len;
	uint64_t values;
};

/* Keeps it; without memory for it, or for `o`, the whole has failed. */
static void
batch_keep(struct dispatcher *d, struct batch *b, uint32_t element,
    const struct came_to *o)
{
	struct element *e = &b->elements[element];
	uint64_t memory = o->key_len + o->len + sizeof *e + BATCH_ALLOCATION;

	if (o->value != NULL)
		e->bytes = malloc(o->key_len + o->len);
	if (e->bytes == NULL) {
		b->failed = true;
		fault_set(&b->fault, CODE_INTERNAL, NULL,
		    "morod is out of memory");
		return;
	}
	memcpy(e->bytes, o->key, o->key_len);
	memcpy(e->bytes + o->key_len, o->value, o->len);
	e->len = (uint32_t)(o->key_len + o->len);
	b->bytes += e->len;
	b->values += o->values + BATCH_AROUND; /* the map and its key, too */
	b->kept += memory;
	d->task_bytes += memory;
	b->done++;
	batch_check_room(d, b);
}

int
batch_take_result(struct dispatcher *d, struct task *t, const uint8_t *at,
    size_t len, struct fault *fault)
{
	struct batch *b = t->extra->head->extra->batch;
	struct came_to o = {
	    .key = batch_result_key,
	    .key_len = sizeof batch_result_key - 1,
	    .value = at,
	    .len = len,
	    .values = batch_values(at, len),
	};

	if (o.values == 0) {
		fault_set(fault, CODE_TOO_LARGE, NULL,
		    "the result is nested deeper than the %d levels that it "
		    "may have in a batch",
		    BATCH_DEPTH_MAX);
		fault_add_number(fault, "limit", BATCH_DEPTH_MAX);
		return -1;
	}
	batch_keep(d, b, t->extra->element, &o);
	batch_detach(b, t);
	return 0;
}

/* Packs a fault as the outcome of an element; the buffer is the caller's. */
static struct came_to
batch_pack_fault(const struct task *head, const struct fault *fault,
    struct packed *buffer)
{
	struct came_to o = {
	    .key = batch_error_key,
	    .key_len = sizeof batch_error_key - 1,
	};
	msgpack_packer pk;

	packed_init(buffer, &pk);
	fault_pack(fault, &pk, head->client->shape);
	if (buffer->failed)
		return o;
	o.value = (const uint8_t *)buffer->buffer.data;
	o.len = buffer->buffer.size;
	o.values = batch_values(o.value, o.len);
	return o;
}

void
batch_take_fault(struct dispatcher *d, struct task *t,
    const struct fault *fault)
{
	struct task *head = t->extra->head;
	struct packed buffer;
	struct came_to o = batch_pack_fault(head, fault, &buffer);

	batch_keep(d, head->extra->batch, t->extra->element, &o);
	packed_clear(&buffer);
	batch_detach(head->extra->batch, t);
}

/*
 * The pool takes no tasks: those elements that are none yet are refused without
 * ever being one. A turn could take long otherwise.
 */
static void
batch_refuse_rest(struct dispatcher *d, struct task *head)
{
	struct batch *b = head->extra->batch;
	struct came_to o;
	struct packed buffer;
	struct fault fault;

	pool_down_fault(head->route->pool, &fault);
	o = batch_pack_fault(head, &fault, &buffer);
	while (b->next < b->n && !b->failed) {
		batch_keep(d, b, b->next++, &o);
		d->counters.submitted++;
		metrics_refused(d, head->route, head->priority, &fault);
	}
	packed_clear(&buffer);
	/* where so many errors have no room, one says it of the whole */
	if (b->failed)
		b->fault = fault;
}

void
batch_go_on(struct dispatcher *d, struct task *head)
{
	struct batch *b = head->extra->batch;
	struct fault fault;

	if (head->route->pool->breaker.state == POOL_DOWN && !b->failed)
		batch_refuse_rest(d, head);
	if (!b->failed && b->done == b->n) {
		batch_answer(head);
		life_gathered(d, head);
		return;
	}
	if (!b->failed && batch_feed(d, head)) {
		batch_progress(d, head);
		return;
	}
	if (b->failed)
		fault = b->fault;
	else
		fault_set(&fault, CODE_INTERNAL, NULL,
		    "morod is out of memory");
	life_fault(d, head, LIFE_FAILED, &fault);
}

bool
batch_turn(struct dispatcher *d)
{
	const struct task *first = TAILQ_FIRST(&d->batches);
	bool fed = false;

	for (int i = 0; i < BATCH_LOOKS; i++) {
		struct task *head = TAILQ_FIRST(&d->batches);
		const struct batch *b;
		uint32_t before;

		if (head == NULL || (i > 0 && head == first))
			break;
		b = head->extra->batch;
		before = b->next;
		/* the next turn begins with another */
		TAILQ_REMOVE(&d->batches, head, link);
		TAILQ_INSERT_TAIL(&d->batches, head, link);
		/* without memory it fails, as its next member ends */
		if (b->next < b->n && batch_feed(d, head))
			fed = fed || b->next > before;
	}
	return fed;
}

void
batch_end(struct dispatcher *d, struct task *head)
{
	struct batch *b = head->extra->batch;
	struct task *members[BATCH_MEMBERS_MAX];
	uint32_t n = b->n_members, numbers[BATCH_MEMBERS_MAX];

	/* all at once: stopping one may find the answer of another */
	for (uint32_t i = 0; i < n; i++) {
		members[i] = b->members[i];
		members[i]->extra->head = NULL;
		numbers[i] = task_wire_number(members[i]);
	}
	b->n_members = 0;
	d->task_bytes -= b->kept;
	batch_free(head);
	for (uint32_t i = 0; i < n; i++) {
		if (task_find(d->tasks, numbers[i]) == members[i])
			life_drop(d, members[i]);
	}
}

void
batch_stop(struct dispatcher *d)
{
	struct task *head;

	while ((head = TAILQ_FIRST(&d->batches)) != NULL)
		life_cancel(d, head, CANCEL_SHUTDOWN);
}
