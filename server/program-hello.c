/* How the dispatcher begins with a program, and what it learns from it. */
#include "server/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <msgpack.h>

#include "proto/envelope.h"
#include "proto/reader.h"
#include "proto/words.h"
#include "server/announce.h"
#include "server/answer.h"
#include "server/control.h"
#include "server/dispatcher.h"
#include "server/log.h"
#include "server/packed.h"
#include "server/process.h"
#include "server/program-types.h"
#include "server/slot-parts.h"

#define HELLO_METHOD "hello"
#define CANCEL_METHOD "cancel"
#define HELLO_PAIRS 5
#define HELLO_WHY 256

/* The answer to hello while it is read. */
struct hello {
	struct slot *slot;
	char why[HELLO_WHY]; /* what is wrong with it */
};

/* Packs the names of the types that the configuration gives it. */
static void
hello_pack_types(const struct pool_config *config, msgpack_packer *pk)
{
	const char *list = config->types, *name;
	uint32_t n = 0;
	size_t len;

	while (list != NULL && words_next(&list, &len) != NULL)
		n++;
	answer_text(pk, "types");
	msgpack_pack_array(pk, n);
	list = config->types;
	while (list != NULL && (name = words_next(&list, &len)) != NULL)
		msgpack_pack_str_with_body(pk, name, len);
}

/* [0, 0, "hello", [{...}]] */
static void
hello_pack(const struct slot *s, msgpack_packer *pk)
{
	msgpack_pack_array(pk, 4);
	msgpack_pack_uint64(pk, 0);
	msgpack_pack_uint64(pk, PROGRAM_HELLO);
	answer_text(pk, HELLO_METHOD);
	msgpack_pack_array(pk, 1);
	msgpack_pack_map(pk, HELLO_PAIRS);
	answer_number(pk, "proto", CONTROL_PROTO);
	answer_text(pk, "server");
	answer_text(pk, MORO_VERSION);
	answer_text(pk, "pool");
	answer_text(pk, s->pool->config->name);
	answer_number(pk, "worker", s->number + 1);
	hello_pack_types(s->pool->config, pk);
}

/* It took too long to answer. */
static void
hello_late_cb(void *owner, uint64_t now)
{
	struct slot *s = owner;
	char cause[HELLO_WHY];

	snprintf(cause, sizeof cause,
	    "it did not answer hello within %" PRIu64 " ms",
	    s->pool->config->ready_timeout_ms);
	slot_give_up(s, cause);
}

void
program_begin(struct slot *s)
{
	struct loop *l = &slot_dispatcher(s)->loop;
	struct packed buf;
	msgpack_packer pk;

	deadline_init(&s->worker->ready, hello_late_cb, s);
	packed_init(&buf, &pk);
	hello_pack(s, &pk);
	if (packed_send(&buf, &s->worker->conn) == 0)
		deadline_set(l->deadlines, &s->worker->ready, loop_now(l),
		    s->pool->config->ready_timeout_ms);
	else
		slot_give_up(s, "morod had no memory");
	packed_clear(&buf);
}

static bool
hello_take_type(void *to, const struct program_type *said, char *why,
    size_t size)
{
	struct slot *s = to;

	return announce_type(s->pool, said, why, size) != NULL;
}

/* Takes the result: nil, or a map; other keys are for later versions. */
static bool
hello_take(struct hello *h, const uint8_t *at, size_t len)
{
	struct reader r;
	struct item map;

	reader_init(&r, at, len);
	map = reader_next(&r);
	if (map.type != READER_MAP)
		return true; /* of a server that knows no hello */
	for (uint64_t i = 0; i < map.n; i++) {
		struct item key = reader_next(&r);
		const uint8_t *value;
		size_t n = reader_skip(&r, &value);

		if (reader_is(&key, "types") &&
		    !announce_read(value, n, hello_take_type, h->slot, h->why,
			sizeof h->why))
			return false;
	}
	return true;
}

bool
program_hello(struct slot *s, const struct message_in *m)
{
	const struct frame *f = m->frame;
	struct hello h = {.slot = s, .why = ""};
	char cause[HELLO_WHY + 32];

	deadline_unset(slot_dispatcher(s)->loop.deadlines, &s->worker->ready);
	/* an error is an answer, too: it does not know the method */
	if (m->bytes[f->error.at] != ENVELOPE_NIL ||
	    hello_take(&h, m->bytes + f->result.at, f->result.len))
		return true;
	snprintf(cause, sizeof cause, "its answer to hello is wrong: %s",
	    h.why);
	slot_give_up(s, cause);
	return false;
}

void
program_cancel(struct slot *s, uint32_t msgid)
{
	uint8_t head[ENVELOPE_HEAD_MAX + sizeof CANCEL_METHOD];
	struct packed buf;
	msgpack_packer pk;
	size_t n =
	    envelope_notify(head, CANCEL_METHOD, strlen(CANCEL_METHOD), 1);

	packed_init(&buf, &pk);
	msgpack_pack_uint32(&pk, msgid);
	/* without memory it is killed when its grace is over */
	if (conn_copy(&s->worker->conn, head, n) == -1 ||
	    packed_send(&buf, &s->worker->conn) == -1)
		log_debug("no memory to ask a program to stop, ignoring");
	packed_clear(&buf);
}
