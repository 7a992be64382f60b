#include "server/answer.h"

#include <string.h>
#include <sys/socket.h>

#include "proto/envelope.h"
#include "server/log.h"

/* Without memory for an answer the connection is useless to its client. */
static void
answer_check(struct client *c, int rc)
{
	if (rc == -1)
		client_close_soon(c);
}

/* Sends head and body of a response. */
static void
answer_send(struct client *c, uint64_t msgid, const struct packed *body)
{
	uint8_t head[ENVELOPE_HEAD_MAX];
	size_t n = envelope_response(head, msgid);
	int rc = conn_copy(&c->conn, head, n);

	if (rc == 0)
		rc = packed_send(body, &c->conn);
	answer_check(c, rc);
}

void
answer_fault(struct client *c, uint64_t msgid, const struct fault *fault)
{
	static const char nil = (char)ENVELOPE_NIL;
	struct packed body;
	msgpack_packer pk;

	packed_init(&body, &pk);
	fault_pack(fault, &pk, c->shape);
	packed_add(&body, &nil, 1);
	answer_send(c, msgid, &body);
	packed_wipe(&body); /* it may name what was given for a secret */
}

void
answer_raw(struct client *c, uint64_t msgid, const uint8_t *at, size_t len,
    struct chunk *chunk)
{
	bool copy = len < OUTBOX_REFERENCE;
	size_t n = envelope_response_len(msgid);
	uint8_t *to = conn_room(&c->conn, copy ? n + len : n);
	int rc = to != NULL ? 0 : -1;

	if (to != NULL)
		envelope_response(to, msgid);
	if (to != NULL && copy)
		memcpy(to + n, at, len);
	else if (to != NULL)
		rc = conn_add(&c->conn, at, len, chunk);
	answer_check(c, rc);
}

void
answer_begin(struct answer *a, uint64_t msgid)
{
	uint8_t head[ENVELOPE_HEAD_MAX];
	size_t n = envelope_response(head, msgid);

	head[n++] = ENVELOPE_NIL;
	packed_init(&a->packed, &a->pk);
	packed_add(&a->packed, head, n);
}

void
answer_end(struct answer *a, struct client *c)
{
	answer_check(c, packed_send(&a->packed, &c->conn));
	packed_clear(&a->packed);
}

void
answer_refusal(int fd, uint64_t limit)
{
	struct answer a;
	struct fault fault;
	uint8_t head[ENVELOPE_HEAD_MAX];
	size_t n = envelope_response(head, 0);

	fault_set(&fault, CODE_QUEUE_FULL, "clients",
	    "there are %llu connections, as many as allowed",
	    (unsigned long long)limit);
	packed_init(&a.packed, &a.pk);
	packed_add(&a.packed, head, n);
	fault_pack(&fault, &a.pk, FAULT_STRING);
	msgpack_pack_nil(&a.pk);
	/* without memory it sees nothing but the end */
	if (!a.packed.failed &&
	    send(fd, a.packed.buffer.data, a.packed.buffer.size,
		MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		log_debug("a refused client is gone already");
	packed_clear(&a.packed);
}

void
answer_text(msgpack_packer *pk, const char *text)
{
	msgpack_pack_str_with_body(pk, text, strlen(text));
}

void
answer_number(msgpack_packer *pk, const char *key, uint64_t n)
{
	answer_text(pk, key);
	msgpack_pack_uint64(pk, n);
}
