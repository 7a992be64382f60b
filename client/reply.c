#include "client/reply.h"

#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "proto/envelope.h"
#include "proto/range.h"

#define REPLY_NAME 128 /* bytes of one name in a path, its NUL included */
/* Results from this size on keep the memory they were read into. */
#define STEAL_MIN ((size_t)64 << 10)

struct moro_reply {
	enum moro_code code;
	struct fault *fault; /* owned; NULL when code is MORO_OK */
	uint8_t *memory; /* owned; what result points into */
	struct value result; /* a NUL follows it */
	size_t next; /* offset in it of the element that is given next; 0 */
	bool unpacked; /* object is made */
	msgpack_unpacked object;
};

/* Moves the frame's bytes into the reply by copying them. */
static int
reply_copy(struct moro_reply *r, struct buffer *in, struct span span)
{
	r->memory = malloc(span.len + 1);
	if (r->memory == NULL)
		return -1;
	memcpy(r->memory, buffer_head(in) + span.at, span.len);
	r->result.at = r->memory;
	return 0;
}

/*
 * Moves them by taking the whole memory of `in`, which goes on with a new one
 * that holds the few bytes behind the frame.
 */
static int
reply_steal(struct moro_reply *r, struct buffer *in, const struct frame *frame)
{
	struct buffer rest = {NULL, 0, 0, 0};
	uint8_t *head = buffer_head(in);
	size_t behind = buffer_len(in) - frame->size;

	if (buffer_append(&rest, head + frame->size, behind) == -1)
		return -1;
	explicit_bzero(head + frame->size, behind);
	r->memory = in->data;
	r->result.at = head + frame->result.at;
	*in = rest;
	return 0;
}

/* Takes the result, which ends the frame, and puts a NUL behind it. */
static int
reply_result(struct moro_reply *r, struct buffer *in, const struct frame *frame)
{
	bool steal =
	    frame->size >= STEAL_MIN && in->start + frame->size < in->size;
	int rc = steal ? reply_steal(r, in, frame)
		       : reply_copy(r, in, frame->result);

	if (rc == -1)
		return -1;
	if (!steal)
		buffer_consume(in, frame->size);
	r->result.len = frame->result.len;
	r->memory[r->result.at - r->memory + (ptrdiff_t)r->result.len] = '\0';
	return 0;
}

/* Takes the error. */
static int
reply_error(struct moro_reply *r, struct buffer *in, const struct frame *frame)
{
	r->fault = malloc(sizeof *r->fault);
	if (r->fault == NULL)
		return -1;
	fault_parse(r->fault, buffer_head(in) + frame->error.at,
	    frame->error.len);
	r->code = (enum moro_code)r->fault->code;
	buffer_consume(in, frame->size);
	return 0;
}

struct moro_reply *
reply_take(struct buffer *in, const struct frame *frame)
{
	const uint8_t *error = buffer_head(in) + frame->error.at;
	struct moro_reply *r = calloc(1, sizeof *r);
	int rc = -1;

	if (r != NULL && error[0] == ENVELOPE_NIL)
		rc = reply_result(r, in, frame);
	else if (r != NULL)
		rc = reply_error(r, in, frame);
	if (rc == 0)
		return r;
	buffer_consume(in, frame->size);
	moro_reply_free(r);
	return NULL;
}

struct moro_reply *
reply_failed(const struct failure *f)
{
	struct moro_reply *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->code = f->code;
	r->fault = malloc(sizeof *r->fault);
	if (r->fault == NULL) {
		free(r);
		return NULL;
	}
	*r->fault = f->fault;
	return r;
}

struct moro_reply *
reply_made(const void *bytes, size_t len)
{
	struct moro_reply *r = bytes == NULL ? NULL : calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->memory = malloc(len + 1);
	if (r->memory == NULL) {
		free(r);
		return NULL;
	}
	memcpy(r->memory, bytes, len);
	r->memory[len] = '\0';
	r->result.at = r->memory;
	r->result.len = len;
	return r;
}

void
moro_reply_free(struct moro_reply *r)
{
	if (r == NULL)
		return;
	if (r->unpacked)
		msgpack_unpacked_destroy(&r->object);
	free(r->fault);
	/* keys and tokens are kept no longer than they are needed */
	if (r->memory != NULL)
		explicit_bzero((uint8_t *)(uintptr_t)r->result.at,
		    r->result.len);
	free(r->memory);
	free(r);
}

int
moro_reply_ok(const struct moro_reply *r)
{
	return r != NULL && r->code == MORO_OK;
}

enum moro_code
moro_reply_code(const struct moro_reply *r)
{
	return r == NULL ? MORO_NO_MEMORY : r->code;
}

const char *
moro_reply_code_name(const struct moro_reply *r)
{
	if (r != NULL && r->fault != NULL && r->fault->unknown[0] != '\0')
		return r->fault->unknown;
	return moro_code_name(moro_reply_code(r));
}

const char *
moro_reply_message(const struct moro_reply *r)
{
	if (r == NULL)
		return "out of memory";
	return r->fault == NULL ? "" : r->fault->message;
}

const char *
moro_reply_reason(const struct moro_reply *r)
{
	return r == NULL || r->fault == NULL ? "" : r->fault->reason;
}

int
moro_reply_retryable(const struct moro_reply *r)
{
	return r == NULL || (r->fault != NULL && r->fault->retryable);
}

size_t
moro_reply_details(const struct moro_reply *r)
{
	return r == NULL || r->fault == NULL ? 0 : r->fault->n_details;
}

const char *
moro_reply_detail_name(const struct moro_reply *r, size_t i)
{
	return i < moro_reply_details(r) ? r->fault->details[i].name : NULL;
}

/* The detail of a name, or NULL. */
static const struct fault_detail *
reply_detail(const struct moro_reply *r, const char *name)
{
	for (size_t i = 0; i < moro_reply_details(r); i++) {
		if (strcmp(r->fault->details[i].name, name) == 0)
			return &r->fault->details[i];
	}
	return NULL;
}

int
moro_reply_detail_number(const struct moro_reply *r, const char *name,
    int64_t *out)
{
	const struct fault_detail *d = reply_detail(r, name);

	if (d == NULL || d->is_text)
		return -1;
	*out = d->number;
	return 0;
}

const char *
moro_reply_detail_text(const struct moro_reply *r, const char *name)
{
	const struct fault_detail *d = reply_detail(r, name);

	return d == NULL || !d->is_text ? NULL : d->text;
}

struct value
reply_value(const struct moro_reply *r)
{
	struct value none = {NULL, 0};

	return moro_reply_ok(r) ? r->result : none;
}

const void *
moro_reply_result(const struct moro_reply *r, size_t *len)
{
	struct value v = reply_value(r);

	if (len != NULL)
		*len = v.len;
	return v.at;
}

const struct msgpack_object *
moro_reply_object(struct moro_reply *r)
{
	struct value v = reply_value(r);
	size_t off = 0;

	if (v.at == NULL)
		return NULL;
	if (r->unpacked)
		return &r->object.data;
	msgpack_unpacked_init(&r->object);
	if (msgpack_unpack_next(&r->object, (const char *)v.at, v.len, &off) !=
	    MSGPACK_UNPACK_SUCCESS) {
		msgpack_unpacked_destroy(&r->object);
		return NULL;
	}
	r->unpacked = true;
	return &r->object.data;
}

const char *
moro_reply_text(const struct moro_reply *r, size_t *len)
{
	struct item item = lookup_item(reply_value(r));

	if (!reader_text(&item))
		return NULL;
	if (len != NULL)
		*len = (size_t)item.n;
	return item.bytes;
}

int
moro_reply_file(const struct moro_reply *r, int *index, uint64_t *offset,
    uint64_t *len)
{
	struct value v = reply_value(r);
	struct item item = lookup_item(v);
	struct range range;

	/* the byte before the body is the extension's type */
	if (item.type != READER_EXT || item.n != RANGE_BODY ||
	    item.bytes[-1] != RANGE_EXT ||
	    range_parse(&range, item.bytes, (size_t)item.n) == -1)
		return -1;
	*index = range.index;
	*offset = range.offset;
	*len = range.len;
	return 0;
}

/* What a name with points stands for: a value in maps inside each other. */
static struct value
reply_path(struct value v, const char *name)
{
	struct value found = lookup_field(v, name);
	const char *point = strchr(name, '.');
	char first[REPLY_NAME];

	if (found.at != NULL || point == NULL ||
	    (size_t)(point - name) >= sizeof first)
		return found;
	memcpy(first, name, (size_t)(point - name));
	first[point - name] = '\0';
	return reply_path(lookup_field(v, first), point + 1);
}

/* The result, or a field of it; none when there is no such thing. */
static struct value
reply_field(const struct moro_reply *r, const char *name)
{
	struct value v = reply_value(r);

	return name == NULL ? v : reply_path(v, name);
}

int
moro_reply_real(const struct moro_reply *r, const char *name, double *out)
{
	struct item item = lookup_item(reply_field(r, name));
	int64_t n;

	if (item.type == READER_FLOAT) {
		*out = item.number;
		return 0;
	}
	if (moro_reply_number(r, name, &n) == -1)
		return -1;
	*out = (double)n;
	return 0;
}

const char *
moro_reply_string(const struct moro_reply *r, const char *name, size_t *len)
{
	struct item item = lookup_item(reply_field(r, name));

	if (!reader_text(&item))
		return NULL;
	if (len != NULL)
		*len = (size_t)item.n;
	return item.bytes;
}

int
moro_reply_number(const struct moro_reply *r, const char *name, int64_t *out)
{
	struct value v = reply_field(r, name);
	struct item item = lookup_item(v);

	if (item.type == READER_UINT && item.n <= INT64_MAX) {
		*out = (int64_t)item.n;
		return 0;
	}
	if (item.type != READER_NEGATIVE)
		return -1;
	*out = lookup_negative(v);
	return 0;
}

int
moro_reply_true(const struct moro_reply *r, const char *name)
{
	struct item item = lookup_item(reply_field(r, name));

	return item.type == READER_BOOL && item.n != 0;
}

const void *
moro_reply_field(const struct moro_reply *r, const char *name, size_t *len)
{
	struct value v = reply_field(r, name);

	if (len != NULL)
		*len = v.len;
	return v.at;
}

size_t
moro_reply_elements(const struct moro_reply *r)
{
	struct item item = lookup_item(reply_value(r));

	return item.type == READER_ARRAY ? (size_t)item.n : 0;
}

/* The value of an element that is a map of one pair, and which one it is. */
static struct value
reply_outcome(const uint8_t *at, size_t len, bool *failed)
{
	struct value element = {at, len};
	struct value v = lookup_field(element, "result");

	*failed = v.at == NULL;
	return *failed ? lookup_field(element, "error") : v;
}

/* Makes a reply of a value; NULL: no memory. */
static struct moro_reply *
reply_of(struct value v, bool failed)
{
	struct moro_reply *r = calloc(1, sizeof *r);

	if (r != NULL && failed) {
		r->fault = malloc(sizeof *r->fault);
		if (r->fault != NULL) {
			fault_parse(r->fault, v.at, v.len);
			r->code = (enum moro_code)r->fault->code;
			return r;
		}
	} else if (r != NULL) {
		r->memory = malloc(v.len + 1);
		if (r->memory != NULL) {
			memcpy(r->memory, v.at, v.len);
			r->memory[v.len] = '\0';
			r->result.at = r->memory;
			r->result.len = v.len;
			return r;
		}
	}
	moro_reply_free(r);
	return NULL;
}

/* The reply for an element that says neither; NULL: no memory. */
static struct moro_reply *
reply_garbled(void)
{
	struct failure f;

	failure_set(&f, MORO_GARBLED,
	    "an element of the batch's answer has no result and no error");
	return reply_failed(&f);
}

struct moro_reply *
moro_reply_next(struct moro_reply *r)
{
	struct value whole = reply_value(r), v;
	struct reader reader;
	const uint8_t *at;
	bool failed;
	struct moro_reply *one;
	size_t len;

	if (moro_reply_elements(r) == 0)
		return NULL;
	reader_init(&reader, whole.at, whole.len);
	if (r->next == 0)
		reader_next(&reader); /* the array's header */
	else
		reader.at += r->next;
	if (reader.at == reader.end)
		return NULL;
	len = reader_skip(&reader, &at);
	v = reply_outcome(at, len, &failed);
	one = v.at != NULL ? reply_of(v, failed) : reply_garbled();
	/* without memory the element is still to be had */
	if (one != NULL)
		r->next = (size_t)(reader.at - (const uint8_t *)whole.at);
	return one;
}
