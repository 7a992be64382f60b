#ifndef MORO_CLIENT_BUFFER_H
#define MORO_CLIENT_BUFFER_H

/*
 * Bytes that come in at one end and go out at the other; what has gone is wiped
 * from memory.
 */

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data; /* owned; NULL while size is 0 */
	size_t start; /* the first byte that is still wanted */
	size_t end; /* behind the last one */
	size_t size; /* bytes allocated */
};

/* All zeros is an empty buffer. Clearing leaves one, and frees. */
void buffer_clear(struct buffer *b);

size_t buffer_len(const struct buffer *b);

/* The first byte; the place behind the last one. */
uint8_t *buffer_head(const struct buffer *b);
uint8_t *buffer_tail(const struct buffer *b);

/* Makes room for n more bytes at the tail. Returns 0, or -1: no memory. */
int buffer_reserve(struct buffer *b, size_t n);

/* Appends n bytes. Returns 0, or -1: no memory, and nothing is changed. */
int buffer_append(struct buffer *b, const void *bytes, size_t n);

/* The same for a msgpack_packer, whose data pointer is the buffer. */
int buffer_write(void *b, const char *bytes, size_t n);

/* Drops n bytes at the head; large memory is given back with the last one. */
void buffer_consume(struct buffer *b, size_t n);

/* Drops what is behind the first len bytes. */
void buffer_truncate(struct buffer *b, size_t len);

#endif
