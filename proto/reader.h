#ifndef MORO_PROTO_READER_H
#define MORO_PROTO_READER_H

/*
 * A cursor over MessagePack values that the scanner has passed already: for
 * the few small maps that the dispatcher reads (options, arguments of control
 * methods, errors). Values of tasks are msgpack-c's. It allocates nothing; all
 * it gives out borrows the bytes it was made on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reader_type {
	READER_END, /* no value left */
	READER_NIL,
	READER_BOOL,
	READER_UINT, /* an integer >= 0, however it was encoded */
	READER_NEGATIVE, /* an integer < 0 */
	READER_FLOAT,
	READER_STR,
	READER_BIN,
	READER_EXT,
	READER_ARRAY,
	READER_MAP,
};

/* One value. For containers n counts elements, or pairs. */
struct item {
	enum reader_type type;
	const uint8_t *raw; /* the value's first byte */
	const char *bytes; /* str, bin, ext: the payload */
	uint64_t n; /* length, count, integer or truth; float: 0 */
	double number; /* float only */
};

struct reader {
	const uint8_t *at;
	const uint8_t *end;
};

void reader_init(struct reader *r, const uint8_t *buf, size_t len);

/* Takes the next header; children of a container come next. */
struct item reader_next(struct reader *r);

/* Passes one whole value; gives its bytes, header included. */
size_t reader_skip(struct reader *r, const uint8_t **start);

/* Whether the item is a str or bin that spells text. */
bool reader_is(const struct item *item, const char *text);

/* Whether the item is a str or bin: both are taken where text is meant. */
bool reader_text(const struct item *item);

/* What an item is, for error messages: "a map", "an integer". */
const char *reader_type_name(enum reader_type type);

#endif
