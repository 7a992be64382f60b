#include "proto/reader.h"

#include <string.h>

#include "proto/number.h"

void
reader_init(struct reader *r, const uint8_t *buf, size_t len)
{
	r->at = buf;
	r->end = buf + len;
}

/* Takes n bytes as a big-endian number; short input reads as the end. */
static uint64_t
reader_number(struct reader *r, unsigned int n)
{
	uint64_t v;

	if ((size_t)(r->end - r->at) < n) {
		r->at = r->end;
		return 0;
	}
	v = number_get(r->at, n);
	r->at += n;
	return v;
}

/* Gives a payload of n bytes, with `extra` bytes (an ext type) before it. */
static void
reader_payload(struct reader *r, struct item *item, enum reader_type type,
    uint64_t n, size_t extra)
{
	size_t there = (size_t)(r->end - r->at);

	item->type = type;
	if (there < extra || there - extra < n) {
		item->type = READER_END;
		r->at = r->end;
		return;
	}
	item->bytes = (const char *)r->at + extra;
	item->n = n;
	r->at += extra + n;
}

/* Gives a signed integer of n bytes. */
static void
reader_signed(struct reader *r, struct item *item, size_t n)
{
	uint64_t v = reader_number(r, n);
	uint64_t sign = (uint64_t)1 << (n * 8 - 1);

	item->type = (v & sign) ? READER_NEGATIVE : READER_UINT;
	item->n = v;
}

/* Gives a float of n bytes. */
static void
reader_float(struct reader *r, struct item *item, size_t n)
{
	uint64_t v = reader_number(r, n);

	item->type = READER_FLOAT;
	if (n == sizeof(float)) {
		uint32_t bits = (uint32_t)v;
		float f;

		memcpy(&f, &bits, sizeof f);
		item->number = (double)f;
	} else {
		memcpy(&item->number, &v, sizeof item->number);
	}
}

/* Reads a header of 0xc0 to 0xdf; the widths are the specification's. */
static void
reader_wide(struct reader *r, struct item *item, uint8_t b)
{
	static const uint8_t fixext[] = {1, 2, 4, 8, 16};

	if (b == 0xc0) {
		item->type = READER_NIL;
	} else if (b <= 0xc3) {
		item->type = READER_BOOL;
		item->n = b == 0xc3;
	} else if (b <= 0xc6) {
		reader_payload(r, item, READER_BIN,
		    reader_number(r, 1u << (b - 0xc4)), 0);
	} else if (b <= 0xc9) {
		reader_payload(r, item, READER_EXT,
		    reader_number(r, 1u << (b - 0xc7)), 1);
	} else if (b <= 0xcb) {
		reader_float(r, item, b == 0xca ? 4 : 8);
	} else if (b <= 0xcf) {
		item->type = READER_UINT;
		item->n = reader_number(r, 1u << (b - 0xcc));
	} else if (b <= 0xd3) {
		reader_signed(r, item, 1u << (b - 0xd0));
	} else if (b <= 0xd8) {
		reader_payload(r, item, READER_EXT, fixext[b - 0xd4], 1);
	} else if (b <= 0xdb) {
		reader_payload(r, item, READER_STR,
		    reader_number(r, 1u << (b - 0xd9)), 0);
	} else {
		item->type = b <= 0xdd ? READER_ARRAY : READER_MAP;
		item->n = reader_number(r, (b & 1) ? 4 : 2);
	}
}

struct item
reader_next(struct reader *r)
{
	struct item item = {.type = READER_END, .raw = r->at};
	uint8_t b;

	if (r->at >= r->end)
		return item;
	b = *r->at++;
	if (b < 0x80) {
		item.type = READER_UINT;
		item.n = b;
	} else if (b < 0x90) {
		item.type = READER_MAP;
		item.n = b & 0x0fu;
	} else if (b < 0xa0) {
		item.type = READER_ARRAY;
		item.n = b & 0x0fu;
	} else if (b < 0xc0) {
		reader_payload(r, &item, READER_STR, b & 0x1fu, 0);
	} else if (b < 0xe0) {
		reader_wide(r, &item, b);
	} else {
		item.type = READER_NEGATIVE;
	}
	return item;
}

size_t
reader_skip(struct reader *r, const uint8_t **start)
{
	uint64_t need = 1;

	*start = r->at;
	while (need > 0) {
		struct item item = reader_next(r);

		if (item.type == READER_END)
			break;
		need--;
		if (item.type == READER_ARRAY)
			need += item.n;
		else if (item.type == READER_MAP)
			need += item.n * 2;
	}
	return (size_t)(r->at - *start);
}

bool
reader_text(const struct item *item)
{
	return item->type == READER_STR || item->type == READER_BIN;
}

bool
reader_is(const struct item *item, const char *text)
{
	return reader_text(item) && strlen(text) == item->n &&
	       memcmp(item->bytes, text, item->n) == 0;
}

const char *
reader_type_name(enum reader_type type)
{
	static const char *const names[] = {
	    [READER_END] = "nothing",
	    [READER_NIL] = "nil",
	    [READER_BOOL] = "a boolean",
	    [READER_UINT] = "an integer",
	    [READER_NEGATIVE] = "a negative integer",
	    [READER_FLOAT] = "a float",
	    [READER_STR] = "a string",
	    [READER_BIN] = "bytes",
	    [READER_EXT] = "an extension value",
	    [READER_ARRAY] = "an array",
	    [READER_MAP] = "a map",
	};

	return names[type];
}
