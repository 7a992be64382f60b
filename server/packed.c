#include "server/packed.h"

#include <string.h>

#include "server/conn.h"

/* The packer's way here. */
static int
packed_write(void *to, const char *bytes, size_t len)
{
	struct packed *p = to;

	if (p->failed || msgpack_sbuffer_write(&p->buffer, bytes, len) != 0)
		p->failed = true;
	return p->failed ? -1 : 0;
}

void
packed_init(struct packed *p, msgpack_packer *pk)
{
	msgpack_sbuffer_init(&p->buffer);
	p->failed = false;
	msgpack_packer_init(pk, p, packed_write);
}

void
packed_clear(struct packed *p)
{
	msgpack_sbuffer_destroy(&p->buffer);
}

void
packed_wipe(struct packed *p)
{
	if (p->buffer.size > 0)
		explicit_bzero(p->buffer.data, p->buffer.size);
	packed_clear(p);
}

void
packed_add(struct packed *p, const void *bytes, size_t len)
{
	packed_write(p, bytes, len);
}

int
packed_send(const struct packed *p, struct conn *c)
{
	if (!p->failed)
		return conn_copy(c, p->buffer.data, p->buffer.size);
	conn_fail(c);
	return -1;
}
