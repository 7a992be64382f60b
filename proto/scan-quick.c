#include "proto/scan-quick.h"

#include "proto/number.h"

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

/* Bytes of a counted value, its header included; SIZE_MAX: it is cut off. */
static inline size_t
quick_counted(const uint8_t *at, size_t left, unsigned int n)
{
	if (left <= n)
		return SIZE_MAX;
	switch (n) { /* so that the compiler knows each width */
	case 1:
		return 2 + number_get(at + 1, 1);
	case 2:
		return 3 + number_get(at + 1, 2);
	default:
		return 5 + number_get(at + 1, 4);
	}
}

/* The end of a value that holds no others. NULL: this is none, or cut off. */
static inline const uint8_t *
quick_plain(const uint8_t *at, const uint8_t *end)
{
	size_t left = (size_t)(end - at), n;

	if (left == 0)
		return NULL;
	n = quick_size[*at];
	if (n & QUICK_COUNTED)
		n = quick_counted(at, left, n & QUICK_COUNT);
	/* also when n is 0 */
	return n - 1 < left ? at + n : NULL;
}

/* The end of a small map or array of plain values. */
static const uint8_t *
quick_container(const uint8_t *at, const uint8_t *end)
{
	unsigned int n = *at & 0x0f;

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
	switch (*at) {
	case 0xcc:
		*msgid = number_get(at + 1, 1);
		return at + 2;
	case 0xcd:
		*msgid = number_get(at + 1, 2);
		return at + 3;
	case 0xce:
		*msgid = number_get(at + 1, 4);
		return at + 5;
	default:
		*msgid = *at;
		return *at < 0x80 ? at + 1 : NULL;
	}
}

/* Passes the method, a short string. */
static inline const uint8_t *
quick_method(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    struct span *method)
{
	uint32_t head = 1, len = *at & 0x1fu;

	if (*at == 0xd9 && end - at > 1) {
		head = 2;
		len = at[1];
	} else if ((*at & 0xe0) != 0xa0) {
		return NULL;
	}
	method->at = (uint32_t)(at - buf) + head;
	method->len = len;
	/* strictly less: more must follow */
	return (size_t)head + len < (size_t)(end - at) ? at + head + len : NULL;
}

/* Passes one value, and notes where it stands. */
static inline const uint8_t *
quick_span(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    struct span *span)
{
	const uint8_t *next = quick_plain(at, end);

	if (next == NULL) {
		if (at == end || *at < 0x80 || *at >= 0xa0)
			return NULL;
		next = quick_container(at, end);
		if (next == NULL)
			return NULL;
	}
	span->at = (uint32_t)(at - buf);
	span->len = (uint32_t)(next - at);
	return next;
}

static inline const uint8_t *
quick_request(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    const struct limits *limits, struct frame *f)
{
	at = quick_method(at, end, buf, &f->method);
	if (at == NULL || f->method.len > limits->method)
		return NULL;
	f->n_params = *at++ - 0x90u;
	if (f->n_params < 1 || f->n_params > 2)
		return NULL;
	at = quick_span(at, end, buf, &f->data);
	if (at == NULL || f->n_params == 1)
		return at;
	return quick_span(at, end, buf, &f->options);
}

static inline const uint8_t *
quick_response(const uint8_t *at, const uint8_t *end, const uint8_t *buf,
    struct frame *f)
{
	if (*at != 0xc0)
		return NULL;
	f->error.at = (uint32_t)(at - buf);
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
	if (at == NULL)
		return false;
	/* a byte is left, at least: QUICK_MIN */
	at = f->kind == FRAME_REQUEST ? quick_request(at, end, buf, limits, f)
				      : quick_response(at, end, buf, f);
	if (at == NULL)
		return false;
	f->size = (size_t)(at - buf);
	return f->size <= limits->frame;
}
