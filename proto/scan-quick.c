#include "proto/scan-quick.h"

#define QUICK_REQUEST_VALUES 5 /* envelope, its elements; params come on top */
#define QUICK_RESPONSE_VALUES 4 /* envelope, its elements but the result */

/* A place in the message, which never passes its end. */
struct quick {
	const uint8_t *at;
	const uint8_t *end;
	uint64_t values;
};

static bool
quick_skip(struct quick *q, size_t n)
{
	if ((size_t)(q->end - q->at) < n)
		return false;
	q->at += n;
	return true;
}

/* Passes a header of 1 + n bytes and as many bytes as it says. */
static bool
quick_skip_counted(struct quick *q, unsigned int n)
{
	const uint8_t *p = q->at + 1;
	size_t len = 0;

	if (!quick_skip(q, 1 + (size_t)n))
		return false;
	while (n-- > 0)
		len = len << 8 | *p++;
	return quick_skip(q, len);
}

/* Passes a value that holds no others. False: this is none, or cut off. */
static bool
quick_plain(struct quick *q)
{
	/* 0xc0 to 0xdf: bytes of fixed values; bytes of a counted one's length */
	static const uint8_t fixed[32] = {1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2,
	    3, 5, 9, 2, 3, 5, 9};
	static const uint8_t counted[32] =
	    {[4] = 1, [5] = 2, [6] = 4, [25] = 1, [26] = 2, [27] = 4};
	uint8_t b;

	if (q->at == q->end)
		return false;
	b = *q->at;
	q->values++;
	if (b < 0x80 || b >= 0xe0)
		return quick_skip(q, 1);
	if (b < 0xa0)
		return false;
	if (b < 0xc0)
		return quick_skip(q, 1 + (size_t)(b & 0x1f));
	if (fixed[b - 0xc0] > 0)
		return quick_skip(q, fixed[b - 0xc0]);
	return counted[b - 0xc0] > 0 &&
	       quick_skip_counted(q, counted[b - 0xc0]);
}

/* Passes a plain value, or a small map or array of such. */
static bool
quick_value(struct quick *q)
{
	unsigned int n;

	if (q->at == q->end)
		return false;
	if (*q->at < 0x80 || *q->at >= 0xa0)
		return quick_plain(q);
	n = *q->at & 0x0f;
	if (*q->at < 0x90)
		n *= 2;
	q->at++;
	q->values++;
	while (n-- > 0) {
		if (!quick_plain(q))
			return false;
	}
	return true;
}

/* Reads a msgid of at most 32 bits. */
static bool
quick_msgid(struct quick *q, uint64_t *msgid)
{
	uint8_t b = *q->at++; /* the caller has looked for room */
	unsigned int n;

	if (b < 0x80) {
		*msgid = b;
		return true;
	}
	if (b < 0xcc || b > 0xce)
		return false;
	*msgid = 0;
	for (n = 1u << (b - 0xcc); n > 0; n--)
		*msgid = *msgid << 8 | *q->at++;
	return true;
}

/* Passes the method, a short string. */
static bool
quick_method(struct quick *q, const uint8_t *buf, struct span *method)
{
	size_t head = 1;

	if (q->at == q->end)
		return false;
	if (*q->at == 0xd9)
		head = 2;
	else if ((*q->at & 0xe0) != 0xa0)
		return false;
	method->at = (size_t)(q->at - buf) + head;
	if (!quick_plain(q))
		return false;
	method->len = (size_t)(q->at - buf) - method->at;
	return true;
}

/* Passes one value, and notes where it stands. */
static bool
quick_span(struct quick *q, const uint8_t *buf, struct span *span)
{
	span->at = (size_t)(q->at - buf);
	if (!quick_value(q))
		return false;
	span->len = (size_t)(q->at - buf) - span->at;
	return true;
}

static bool
quick_request(struct quick *q, const uint8_t *buf, const struct limits *limits,
    struct frame *f)
{
	if (!quick_method(q, buf, &f->method) ||
	    f->method.len > limits->method || q->at == q->end)
		return false;
	f->n_params = *q->at++ - 0x90u;
	if (f->n_params < 1 || f->n_params > 2)
		return false;
	/* the method was counted as the plain value that it is */
	q->values += QUICK_REQUEST_VALUES - 1;
	return quick_span(q, buf, &f->data) &&
	       (f->n_params == 1 || quick_span(q, buf, &f->options));
}

static bool
quick_response(struct quick *q, const uint8_t *buf, struct frame *f)
{
	if (q->at == q->end || *q->at != 0xc0)
		return false;
	f->error.at = (size_t)(q->at - buf);
	f->error.len = 1;
	q->at++;
	q->values += QUICK_RESPONSE_VALUES;
	return quick_span(q, buf, &f->result);
}

bool
scan_quick(const struct limits *limits, const uint8_t *buf, size_t len,
    struct frame *f)
{
	static const struct frame none;
	struct quick q = {buf + 2, buf + len, 0};

	/* the shortest has a msgid of five bytes, or is not worth the pass */
	if (len < 8 || buf[0] != 0x94 || buf[1] > FRAME_RESPONSE)
		return false;
	*f = none;
	f->kind = (enum frame_kind)buf[1];
	if (!quick_msgid(&q, &f->msgid))
		return false;
	if (f->kind == FRAME_REQUEST ? !quick_request(&q, buf, limits, f)
				     : !quick_response(&q, buf, f))
		return false;
	f->size = (size_t)(q.at - buf);
	return f->size <= limits->frame && q.values <= limits->values;
}
