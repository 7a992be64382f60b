#include "server/progress.h"

#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "proto/envelope.h"
#include "proto/fault.h"
#include "proto/reader.h"
#include "server/answer.h"
#include "server/client.h"
#include "server/log.h"
#include "server/packed.h"

#define PROGRESS_METHOD "progress"
#define PROGRESS_PAUSE_MS 50
#define PROGRESS_OUT_MAX ((size_t)64 << 10) /* over it a client is slow */
#define PROGRESS_NOTE 128 /* bytes of a note, its NUL included */

struct progress {
	struct deadline deadline; /* when the next one may be sent */
	struct dispatcher *dispatcher;
	struct task *task;
	uint64_t next_ms; /* not before; 0: none was sent */
	bool waits; /* what follows was not sent yet */
	/* The numbers as they came, header included; 0 bytes: not told. */
	uint8_t done[9], total[9];
	uint8_t done_len, total_len;
	char note[PROGRESS_NOTE]; /* "": none */
};

static void progress_cb(void *owner, uint64_t now);

int
progress_want(struct dispatcher *d, struct task *t)
{
	struct progress *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -1;
	p->dispatcher = d;
	p->task = t;
	deadline_init(&p->deadline, progress_cb, p);
	t->extra->progress = p;
	return 0;
}

void
progress_free(struct dispatcher *d, struct task *t)
{
	struct progress *p = t->extra->progress;

	if (p == NULL)
		return;
	deadline_unset(d->loop.deadlines, &p->deadline);
	free(p);
	t->extra->progress = NULL;
}

/* Packs a number as it came. */
static void
progress_pack_raw(msgpack_packer *pk, const uint8_t *bytes, uint8_t len)
{
	pk->callback(pk->data, (const char *)bytes, len);
}

bool
progress_is_known(const struct task *t)
{
	return t->extra != NULL && t->extra->progress != NULL &&
	       t->extra->progress->done_len > 0;
}

void
progress_pack(const struct task *t, msgpack_packer *pk)
{
	const struct progress *p = t->extra->progress;

	msgpack_pack_map(pk, 1u + (p->total_len > 0) + (p->note[0] != '\0'));
	answer_text(pk, "done");
	progress_pack_raw(pk, p->done, p->done_len);
	if (p->total_len > 0) {
		answer_text(pk, "total");
		progress_pack_raw(pk, p->total, p->total_len);
	}
	if (p->note[0] == '\0')
		return;
	answer_text(pk, "note");
	answer_text(pk, p->note);
}

/* Packs the whole notification. */
static void
progress_message(const struct progress *p, struct packed *out)
{
	uint8_t head[ENVELOPE_HEAD_MAX];
	msgpack_packer pk;

	packed_init(out, &pk);
	packed_add(out, head,
	    envelope_notify(head, PROGRESS_METHOD, strlen(PROGRESS_METHOD), 2));
	msgpack_pack_uint64(&pk, p->task->msgid);
	progress_pack(p->task, &pk);
}

/* Has a look taken again when the next one may go. */
static void
progress_later(struct progress *p, uint64_t now, uint64_t after_ms)
{
	if (!deadline_is_set(&p->deadline))
		deadline_set(p->dispatcher->loop.deadlines, &p->deadline, now,
		    after_ms);
}

/* Sends what waits, if it is time and the client reads. */
static void
progress_send(struct progress *p, uint64_t now)
{
	struct client *c = p->task->client;
	struct packed out;

	if (!p->waits || c == NULL)
		return;
	if (now < p->next_ms) {
		progress_later(p, now, p->next_ms - now);
		return;
	}
	if (c->conn.out.bytes > PROGRESS_OUT_MAX) {
		progress_later(p, now, PROGRESS_PAUSE_MS);
		return;
	}
	progress_message(p, &out);
	if (packed_send(&out, &c->conn) == -1)
		client_close_soon(c); /* half of it may stand there */
	packed_clear(&out);
	p->waits = false;
	p->next_ms = now + PROGRESS_PAUSE_MS;
}

static void
progress_cb(void *owner, uint64_t now)
{
	progress_send(owner, now);
}

/* Keeps a number as it came. */
static void
progress_number(const struct item *value, uint8_t out[9], uint8_t *len,
    size_t size)
{
	if (value->type != READER_UINT && value->type != READER_FLOAT)
		return;
	memcpy(out, value->raw, size);
	*len = (uint8_t)size;
}

static void
progress_text(struct progress *p, const struct item *value)
{
	size_t n = value->n < sizeof p->note ? value->n : sizeof p->note - 1;

	if (!reader_text(value))
		return;
	memcpy(p->note, value->bytes, n);
	p->note[n] = '\0';
	fault_clean(p->note);
}

/* Takes one pair. */
static void
progress_pair(struct progress *p, struct reader *r)
{
	struct item key = reader_next(r), value;
	struct reader one;
	const uint8_t *start;
	size_t len = reader_skip(r, &start);

	reader_init(&one, start, len);
	value = reader_next(&one);
	if (reader_is(&key, "done"))
		progress_number(&value, p->done, &p->done_len, len);
	else if (reader_is(&key, "total"))
		progress_number(&value, p->total, &p->total_len, len);
	else if (reader_is(&key, "note"))
		progress_text(p, &value);
}

void
progress_note(struct dispatcher *d, struct task *t, const uint8_t *at,
    size_t len)
{
	struct progress *p = t->extra != NULL ? t->extra->progress : NULL;
	struct reader r;
	struct item map;

	if (p == NULL || len == 0 || t->extra->cancelled != CANCEL_NONE)
		return;
	reader_init(&r, at, len);
	map = reader_next(&r);
	if (map.type != READER_MAP)
		return;
	p->done_len = p->total_len = 0;
	p->note[0] = '\0';
	for (uint64_t i = 0; i < map.n; i++)
		progress_pair(p, &r);
	p->waits = p->done_len > 0;
	progress_send(p, loop_now(&d->loop));
}
