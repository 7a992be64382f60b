#include "proto/scan-quick.h"

/*
 * Most values that a message which passes here can have. Where fewer are
 * allowed the general scanner counts them.
 */
#define QUICK_VALUES 128
#define QUICK_MIN 8 /* bytes of the shortest message that is worth it */
#define QUICK_COUNTED 0x80 /* the header tells the length, in so many bytes: */
#define QUICK_COUNT 0x07

#define TWICE(x) x, x
#define FOUR(x) TWICE(x), TWICE(x)
#define SIXTEEN(x) FOUR(x), FOUR(x), FOUR(x), FOUR(x)

/*
 * Bytes of a value that holds no others, by its first byte; 0: it is none, or
 * not MessagePack.
 */
static const uint8_t quick_size[256] = {
    /* 0x00: small integers */
    SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1),
    SIXTEEN(1), SIXTEEN(1),
    /* 0x80: maps, arrays */
    SIXTEEN(0), SIXTEEN(0),
    /* 0xa0: short strings */
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    /* 0xc0: nil, nothing, false, true; bytes; extensions are rare */
    1, 0, 1, 1, QUICK_COUNTED | 1, QUICK_COUNTED | 2, QUICK_COUNTED | 4, 0, 0,
    0,
    /* 0xca: floats, integers, extensions */
    5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 0, 0, 0, 0, 0,
    /* 0xd9: strings, then arrays and maps */
    QUICK_COUNTED | 1, QUICK_COUNTED | 2, QUICK_COUNTED | 4, FOUR(0),
    /* 0xe0: small negative integers */
    SIXTEEN(1), SIXTEEN(1)};

/* The end of a value that holds no others. NULL: this is none, or cut off. */
static inline const uint8_t *
quick_plain(const uint8_t *at, const uint8_t *end)
{
	size_t left = (size_t)(end - at), n, len = 0;

	if (left == 0)
		return NULL;
	n = quick_size[*at];
	if (n & QUICK_COUNTED) {
		n &= QUICK_COUNT;
		if (left <= n)
			return NULL;
		for (size_t i = 1; i <= n; i++)
			len = len << 8 | at[i];
		n += 1 + len;
	}
	return n > 0 && n <= left ? at + n : NULL;
}

/* The end of a plain value, or of a small map or array of such. */
static const uint8_t *
quick_value(const uint8_t *at, const uint8_t *end)
{
	unsigned int n;

	if (at == end || *at < 0x80 || *at >= 0xa0)
		return quick_plain(at, end);
	n = *at & 0x0f;
	if (*at < 0x90)
		n *= 2;
	at++;
	while (at != NULL && n-- > 0)
		at = quick_plain(at, end);
	return at;
}

/* Reads a msgid of at most 32 bits, for which the caller has looked for room. */
static inline const uint8_t *
quick_msgid(const uint8_t *at, uint64_t *msgid)
{
	uint8_t b = *at++;

	*msgid = b;
	if (b < 0x80)
		return at;
	if (b < 0xcc || b > 0xce)
		return NULL;
	*msgid = 0;
	for (unsigned int n = 1u << (b - 0xcc); n > 0; n--)
		*msgid = *msgid << 8 | *at++;
	return at;
}

/* Passes the method, a short string. */
static inline const uint8_t *
quick_method(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    struct span *method)
{
	size_t head = 1;

	if (at == end)
		return NULL;
	if (*at == 0xd9)
		head = 2;
	else if ((*at & 0xe0) != 0xa0)
		return NULL;
	method->at = (size_t)(at - buf) + head;
	at = quick_plain(at, end);
	if (at != NULL)
		method->len = (size_t)(at - buf) - method->at;
	return at;
}

/* Passes one value, and notes where it stands. */
static inline const uint8_t *
quick_span(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    struct span *span)
{
	const uint8_t *next = quick_value(at, end);

	if (next == NULL)
		return NULL;
	span->at = (size_t)(at - buf);
	span->len = (size_t)(next - at);
	return next;
}

static const uint8_t *
quick_request(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    const struct limits *limits, struct frame *f)
{
	at = quick_method(at, end, buf, &f->method);
	if (at == NULL || f->method.len > limits->method || at == end)
		return NULL;
	f->n_params = *at++ - 0x90u;
	if (f->n_params < 1 || f->n_params > 2)
		return NULL;
	at = quick_span(at, end, buf, &f->data);
	if (at == NULL || f->n_params == 1)
		return at;
	return quick_span(at, end, buf, &f->options);
}

static const uint8_t *
quick_response(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    struct frame *f)
{
	if (at == end || *at != 0xc0)
		return NULL;
	f->error.at = (size_t)(at - buf);
	f->error.len = 1;
	return quick_span(at + 1, end, buf, &f->result);
}

bool
scan_quick(const struct limits *limits, const uint8_t *buf, size_t len,
    struct frame *f)
{
	static const struct frame none;
	const uint8_t *end = buf + len, *at;

	if (len < QUICK_MIN || buf[0] != 0x94 || buf[1] > FRAME_RESPONSE ||
	    limits->values < QUICK_VALUES)
		return false;
	*f = none;
	f->kind = (enum frame_kind)buf[1];
	at = quick_msgid(buf + 2, &f->msgid);
	if (at != NULL && f->kind == FRAME_REQUEST)
		at = quick_request(at, end, buf, limits, f);
	else if (at != NULL)
		at = quick_response(at, end, buf, f);
	if (at == NULL)
		return false;
	f->size = (size_t)(at - buf);
	return f->size <= limits->frame;
}
