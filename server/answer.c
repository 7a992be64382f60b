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
answer_send(struct client *c, uint64_t msgid, const void *body, size_t len)
{
	uint8_t head[ENVELOPE_HEAD_MAX];
	size_t n = envelope_response(head, msgid);
	int rc = conn_copy(&c->conn, head, n);

	if (rc == 0)
		rc = conn_copy(&c->conn, body, len);
	answer_check(c, rc);
}

void
answer_fault(struct client *c, uint64_t msgid, const struct fault *fault)
{
	static const char nil = (char)ENVELOPE_NIL;
	msgpack_sbuffer buffer;
	msgpack_packer pk;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
	fault_pack(fault, &pk, c->shape);
	msgpack_sbuffer_write(&buffer, &nil, 1);
	answer_send(c, msgid, buffer.data, buffer.size);
	/* it may name what was given for a secret */
	explicit_bzero(buffer.data, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
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
	msgpack_sbuffer_init(&a->buffer);
	msgpack_packer_init(&a->pk, &a->buffer, msgpack_sbuffer_write);
	msgpack_sbuffer_write(&a->buffer, (const char *)head, n);
}

void
answer_end(struct answer *a, struct client *c)
{
	answer_check(c, conn_copy(&c->conn, a->buffer.data, a->buffer.size));
	msgpack_sbuffer_destroy(&a->buffer);
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
	msgpack_sbuffer_init(&a.buffer);
	msgpack_packer_init(&a.pk, &a.buffer, msgpack_sbuffer_write);
	msgpack_sbuffer_write(&a.buffer, (const char *)head, n);
	fault_pack(&fault, &a.pk, FAULT_STRING);
	msgpack_pack_nil(&a.pk);
	if (send(fd, a.buffer.data, a.buffer.size,
		MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		log_debug("a refused client is gone already");
	msgpack_sbuffer_destroy(&a.buffer);
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
