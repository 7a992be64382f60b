#include "proto/scan.h"

#include <string.h>

#include "proto/number.h"
#include "proto/scan-quick.h"

/* What a first byte announces. */
enum lead_kind {
	LEAD_FIXED, /* the whole value is `head` bytes */
	LEAD_UINT, /* the same, a non-negative integer */
	LEAD_INT, /* the same, a signed integer */
	LEAD_NIL,
	LEAD_STR, /* a header of `head` bytes, then that many bytes */
	LEAD_EXT, /* the same; the type byte is one more */
	LEAD_ARRAY,
	LEAD_MAP,
	LEAD_RESERVED,
};

struct lead {
	uint8_t kind; /* enum lead_kind */
	uint8_t head; /* bytes of the header, the first byte included */
};

/* 0xc0 to 0xdf, in the order of the MessagePack specification. */
static const struct lead leads_c0[32] = {
    {LEAD_NIL, 1}, /* nil */
    {LEAD_RESERVED, 1}, /* never used */
    {LEAD_FIXED, 1}, /* false */
    {LEAD_FIXED, 1}, /* true */
    {LEAD_STR, 2}, /* bin 8 */
    {LEAD_STR, 3}, /* bin 16 */
    {LEAD_STR, 5}, /* bin 32 */
    {LEAD_EXT, 3}, /* ext 8 */
    {LEAD_EXT, 4}, /* ext 16 */
    {LEAD_EXT, 6}, /* ext 32 */
    {LEAD_FIXED, 5}, /* float 32 */
    {LEAD_FIXED, 9}, /* float 64 */
    {LEAD_UINT, 2}, /* uint 8 */
    {LEAD_UINT, 3}, /* uint 16 */
    {LEAD_UINT, 5}, /* uint 32 */
    {LEAD_UINT, 9}, /* uint 64 */
    {LEAD_INT, 2}, /* int 8 */
    {LEAD_INT, 3}, /* int 16 */
    {LEAD_INT, 5}, /* int 32 */
    {LEAD_INT, 9}, /* int 64 */
    {LEAD_FIXED, 3}, /* fixext 1 */
    {LEAD_FIXED, 4}, /* fixext 2 */
    {LEAD_FIXED, 6}, /* fixext 4 */
    {LEAD_FIXED, 10}, /* fixext 8 */
    {LEAD_FIXED, 18}, /* fixext 16 */
    {LEAD_STR, 2}, /* str 8 */
    {LEAD_STR, 3}, /* str 16 */
    {LEAD_STR, 5}, /* str 32 */
    {LEAD_ARRAY, 3}, /* array 16 */
    {LEAD_ARRAY, 5}, /* array 32 */
    {LEAD_MAP, 3}, /* map 16 */
    {LEAD_MAP, 5}, /* map 32 */
};

/* One value's header, read. */
struct value {
	enum lead_kind kind;
	uint8_t head; /* bytes of the header */
	uint64_t n; /* payload bytes, children, or the integer */
};

/* Reads a header whose size is in its first byte alone. */
static void
scan_head_short(uint8_t b, struct value *v)
{
	v->head = 1;
	v->n = 0;
	if (b < 0x80) {
		v->kind = LEAD_UINT;
		v->n = b;
	} else if (b < 0x90) {
		v->kind = LEAD_MAP;
		v->n = (b & 0x0fu) * 2u;
	} else if (b < 0xa0) {
		v->kind = LEAD_ARRAY;
		v->n = b & 0x0fu;
	} else if (b < 0xc0) {
		v->kind = LEAD_STR;
		v->n = b & 0x1fu;
	} else {
		v->kind = LEAD_INT; /* negative fixint */
		v->n = UINT64_MAX;
	}
}

/* Gives a signed integer of n bytes; a negative one becomes UINT64_MAX. */
static uint64_t
scan_signed(const uint8_t *p, unsigned int n)
{
	return (p[0] & 0x80) ? UINT64_MAX : number_get(p, n);
}

/*
 * Reads the header at p, of which len bytes are there. False: it is not
 * complete yet.
 */
static bool
scan_head(const uint8_t *p, size_t len, struct value *v)
{
	const struct lead *lead;

	if (p[0] < 0xc0 || p[0] >= 0xe0) {
		scan_head_short(p[0], v);
		return true;
	}
	lead = &leads_c0[p[0] - 0xc0];
	if (len < lead->head)
		return false;
	v->kind = lead->kind;
	v->head = lead->head;
	v->n = 0;
	switch (v->kind) {
	case LEAD_EXT:
		v->n = number_get(p + 1, lead->head - 2u);
		v->kind = LEAD_STR;
		break;
	case LEAD_INT:
		v->n = scan_signed(p + 1, lead->head - 1u);
		break;
	case LEAD_UINT:
	case LEAD_STR:
	case LEAD_ARRAY:
		v->n = number_get(p + 1, lead->head - 1u);
		break;
	case LEAD_MAP:
		v->n = number_get(p + 1, lead->head - 1u) * 2;
		break;
	default:
		break;
	}
	return true;
}

/* Sets the fault and gives false, for the checks below. */
static bool
scan_fail(struct scan *s, enum scan_fault fault)
{
	s->fault = fault;
	return false;
}

/* Checks the envelope's own header. */
static bool
scan_open(struct scan *s, const struct value *v)
{
	if (v->kind != LEAD_ARRAY || (v->n != 3 && v->n != 4))
		return scan_fail(s, SCAN_FAULT_ENVELOPE);
	s->arity = (uint32_t)v->n;
	return true;
}

/* Checks the first element: the kind of message. */
static bool
scan_kind(struct scan *s, const struct value *v)
{
	if (v->kind != LEAD_UINT && v->kind != LEAD_INT)
		return scan_fail(s, SCAN_FAULT_ENVELOPE);
	if (v->n > FRAME_NOTIFY)
		return scan_fail(s, SCAN_FAULT_ENVELOPE);
	if (s->arity != (v->n == FRAME_NOTIFY ? 3u : 4u))
		return scan_fail(s, SCAN_FAULT_ENVELOPE);
	s->kind = (int)v->n;
	s->depth_max = s->limits.depth + (v->n == FRAME_RESPONSE ? 1 : 2);
	return true;
}

static bool
scan_msgid_element(struct scan *s, const struct value *v)
{
	if (v->kind != LEAD_UINT && v->kind != LEAD_INT)
		return scan_fail(s, SCAN_FAULT_MSGID);
	if (v->n > LIMIT_MSGID_MAX)
		return scan_fail(s, SCAN_FAULT_MSGID);
	s->msgid = v->n;
	s->has_msgid = true;
	return true;
}

static bool
scan_method_element(struct scan *s, const struct value *v, uint8_t first)
{
	bool ext = first >= 0xc7 && first <= 0xc9;

	if (v->kind != LEAD_STR || ext)
		return scan_fail(s, SCAN_FAULT_METHOD);
	if (v->n > s->limits.method)
		return scan_fail(s, SCAN_FAULT_METHOD_SIZE);
	s->method.at = s->pos + v->head;
	s->method.len = (size_t)v->n;
	return true;
}

static bool
scan_params_element(struct scan *s, const struct value *v)
{
	switch (v->kind) {
	case LEAD_ARRAY:
		s->params_array = true;
		return true;
	case LEAD_MAP: /* one argument without its array */
		s->args[0] = s->pos;
		s->n_args = 1;
		s->depth_max--;
		return true;
	case LEAD_NIL:
		return true;
	default:
		return scan_fail(s, SCAN_FAULT_PARAMS);
	}
}

/* Notes and checks an element of the envelope. */
static bool
scan_element(struct scan *s, const struct value *v, uint8_t first)
{
	uint32_t i = s->n_elems++;

	s->elems[i] = s->pos;
	if (i == 0)
		return scan_kind(s, v);
	if (s->kind == FRAME_NOTIFY)
		i++; /* no msgid: the rest stands one place earlier */
	if (i == 1)
		return scan_msgid_element(s, v);
	if (s->kind == FRAME_RESPONSE)
		return true;
	if (i == 2)
		return scan_method_element(s, v, first);
	return scan_params_element(s, v);
}

/* Notes where a parameter begins. */
static void
scan_argument(struct scan *s)
{
	if (!s->params_array)
		return;
	if (s->n_args < SCAN_PARAMS_NOTED)
		s->args[s->n_args] = s->pos;
	s->n_args++;
}

/* Notes and checks what stands near the top, where the envelope is. */
static bool
scan_top(struct scan *s, const struct value *v, uint8_t first)
{
	if (s->depth == 0)
		return scan_open(s, v);
	if (s->depth == 1)
		return scan_element(s, v, first);
	if (s->elems[s->arity - 1] != 0)
		scan_argument(s);
	return true;
}

/* Takes one value off the containers that it may complete. */
static void
scan_close(struct scan *s)
{
	while (s->depth > 0 && --s->left[s->depth] == 0)
		s->depth--;
}

/*
 * Passes one value. Every value that is announced needs at least one more
 * byte: this one sum refuses all length bombs at the header that bears them.
 */
static bool
scan_value(struct scan *s, const struct value *v)
{
	bool container = v->kind == LEAD_ARRAY || v->kind == LEAD_MAP;
	uint64_t end = s->pos + v->head;

	if (v->kind == LEAD_STR)
		end += v->n;
	s->need += container ? v->n : 0;
	s->need--;
	s->values++;
	if (end + s->need > s->limits.frame)
		return scan_fail(s, SCAN_FAULT_FRAME_SIZE);
	if (s->values + s->need > s->limits.values)
		return scan_fail(s, SCAN_FAULT_VALUES);
	if (container && s->depth >= s->depth_max)
		return scan_fail(s, SCAN_FAULT_DEPTH);
	s->pos = (size_t)end;
	if (container && v->n > 0)
		s->left[++s->depth] = (uint32_t)v->n;
	else
		scan_close(s);
	return true;
}

void
scan_init(struct scan *s, const struct limits *limits)
{
	s->limits = *limits;
	scan_reset(s);
}

void
scan_reset(struct scan *s)
{
	s->pos = 0;
	s->need = 1;
	s->values = 0;
	s->depth = 0;
	s->n_elems = 0;
	s->n_args = 0;
	s->arity = SCAN_ENVELOPE_MAX;
	memset(s->elems, 0, sizeof s->elems);
	s->depth_max = 1;
	s->kind = -1;
	s->has_msgid = false;
	s->params_array = false;
	s->method.at = 0;
	s->method.len = 0;
	s->fault = SCAN_FAULT_NONE;
}

enum scan_status
scan_feed(struct scan *s, const uint8_t *buf, size_t len)
{
	struct value v;

	if (s->fault != SCAN_FAULT_NONE)
		return SCAN_BAD;
	while (s->need > 0) {
		if (s->pos >= len)
			return SCAN_MORE;
		if (!scan_head(buf + s->pos, len - s->pos, &v))
			return SCAN_MORE;
		if (v.kind == LEAD_RESERVED) {
			s->fault = s->depth == 0 ? SCAN_FAULT_ENVELOPE
						 : SCAN_FAULT_RESERVED;
			return SCAN_BAD;
		}
		if (s->depth <= 2 && !scan_top(s, &v, buf[s->pos]))
			return SCAN_BAD;
		if (!scan_value(s, &v))
			return SCAN_BAD;
	}
	return s->pos <= len ? SCAN_FRAME : SCAN_MORE;
}

/* Gives the bytes from a noted place to the next one. */
static struct span
scan_span(size_t at, size_t end)
{
	struct span span = {(uint32_t)at, (uint32_t)(end - at)};

	return span;
}

void
scan_frame(const struct scan *s, struct frame *frame)
{
	const struct span none = {0, 0};
	uint32_t n = s->n_args;

	frame->kind = (enum frame_kind)s->kind;
	frame->msgid = s->msgid;
	frame->method = s->method;
	frame->n_params = n;
	frame->data = none;
	frame->options = none;
	frame->error = none;
	frame->result = none;
	frame->size = s->pos;
	if (s->kind == FRAME_RESPONSE) {
		frame->error = scan_span(s->elems[2], s->elems[3]);
		frame->result = scan_span(s->elems[3], s->pos);
		return;
	}
	if (n > 0)
		frame->data =
		    scan_span(s->args[0], n > 1 ? s->args[1] : s->pos);
	if (n > 1)
		frame->options =
		    scan_span(s->args[1], n > 2 ? s->args[2] : s->pos);
}

enum scan_status
scan_next(struct scan *s, const uint8_t *buf, size_t len, struct frame *frame)
{
	enum scan_status status;

	if (s->pos == 0 && scan_quick(&s->limits, buf, len, frame))
		return SCAN_FRAME;
	status = scan_feed(s, buf, len);
	if (status == SCAN_FRAME) {
		scan_frame(s, frame);
		scan_reset(s);
	}
	return status;
}

size_t
scan_wanted(const struct scan *s)
{
	return s->pos + (size_t)s->need;
}

enum scan_fault
scan_fault(const struct scan *s)
{
	return s->fault;
}

const char *
scan_fault_text(enum scan_fault fault)
{
	static const char *const texts[] = {
	    [SCAN_FAULT_NONE] = "nothing is wrong",
	    [SCAN_FAULT_ENVELOPE] =
		("a message is [0, msgid, method, params], [1, msgid, "
		 "error, result] or [2, method, params]"),
	    [SCAN_FAULT_MSGID] = "msgid takes an integer from 0 to 2^53",
	    [SCAN_FAULT_METHOD] = "method takes a string",
	    [SCAN_FAULT_PARAMS] = "params takes an array",
	    [SCAN_FAULT_RESERVED] = "byte 0xc1 is not MessagePack",
	    [SCAN_FAULT_METHOD_SIZE] = "method is longer than allowed",
	    [SCAN_FAULT_FRAME_SIZE] = "message is larger than allowed",
	    [SCAN_FAULT_DEPTH] = "message is nested deeper than allowed",
	    [SCAN_FAULT_VALUES] = "message has more values than allowed",
	};

	return texts[fault];
}

bool
scan_msgid(const struct scan *s, uint64_t *msgid)
{
	if (s->has_msgid)
		*msgid = s->msgid;
	return s->has_msgid;
}
