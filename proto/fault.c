#include "proto/fault.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/limit.h"
#include "proto/reader.h"

/* Fields that are kept when a peer's error is read. */
static const char *const fault_known[] = {"field", "option", "limit", "size",
    "retryAfterMs", "signal", "exitCode", "type", "attempt", "attempts", "pool",
    "allowed", "errno"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Length of the UTF-8 sequence at p, at most left bytes; 0: not a valid one.
 * RFC 3629, section 4: no overlong forms, no surrogates, up to U+10FFFF.
 */
static size_t
fault_sequence(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

void
fault_clean(char *text)
{
	unsigned char *p = (unsigned char *)text;
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = fault_sequence(p, left);
		bool control = *p < 0x20 && *p != '\n' && *p != '\t';

		if (n == 0 || control || *p == 0x7f) {
			*p = '?';
			n = 1;
		}
		p += n;
		left -= n;
	}
}

void
fault_set(struct fault *f, enum code code, const char *reason,
    const char *format, ...)
{
	va_list ap;

	f->code = code;
	f->unknown[0] = '\0';
	f->retryable = code_retryable(code);
	f->n_details = 0;
	snprintf(f->reason, sizeof f->reason, "%s", reason ? reason : "");
	va_start(ap, format);
	vsnprintf(f->message, sizeof f->message, format, ap);
	va_end(ap);
	fault_clean(f->message);
}

const char *
fault_detail_name(const char *name)
{
	for (size_t i = 0; i < COUNT(fault_known); i++) {
		if (strcmp(name, fault_known[i]) == 0)
			return fault_known[i];
	}
	return NULL;
}

/* Gives room for one more field, or NULL. */
static struct fault_detail *
fault_detail(struct fault *f, const char *name)
{
	struct fault_detail *d;

	if (f->n_details == FAULT_DETAILS)
		return NULL;
	d = &f->details[f->n_details++];
	d->name = name;
	return d;
}

void
fault_add_number(struct fault *f, const char *name, int64_t number)
{
	struct fault_detail *d = fault_detail(f, name);

	if (d == NULL)
		return;
	d->is_text = false;
	d->number = number;
}

void
fault_add_text(struct fault *f, const char *name, const char *text)
{
	struct fault_detail *d = fault_detail(f, name);

	if (d == NULL)
		return;
	d->is_text = true;
	snprintf(d->text, sizeof d->text, "%s", text);
	fault_clean(d->text);
}

static void
fault_pack_text(msgpack_packer *pk, const char *text)
{
	msgpack_pack_str_with_body(pk, text, strlen(text));
}

static void
fault_pack_map(const struct fault *f, msgpack_packer *pk)
{
	bool reason = f->reason[0] != '\0';

	msgpack_pack_map(pk, 3u + (reason ? 1u : 0u) + f->n_details);
	fault_pack_text(pk, "code");
	fault_pack_text(pk, code_name(f->code));
	fault_pack_text(pk, "message");
	fault_pack_text(pk, f->message);
	if (reason) {
		fault_pack_text(pk, "reason");
		fault_pack_text(pk, f->reason);
	}
	fault_pack_text(pk, "retryable");
	if (f->retryable)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
	for (unsigned int i = 0; i < f->n_details; i++) {
		fault_pack_text(pk, f->details[i].name);
		if (f->details[i].is_text)
			fault_pack_text(pk, f->details[i].text);
		else
			msgpack_pack_int64(pk, f->details[i].number);
	}
}

void
fault_pack(const struct fault *f, msgpack_packer *pk, enum fault_shape shape)
{
	char line[FAULT_MESSAGE + 32];

	if (shape == FAULT_MAP) {
		fault_pack_map(f, pk);
		return;
	}
	if (shape == FAULT_PAIR) {
		msgpack_pack_array(pk, 2);
		msgpack_pack_int(pk, 0);
	}
	snprintf(line, sizeof line, "%s: %s", code_name(f->code), f->message);
	fault_pack_text(pk, line);
}

/* Copies a str or bin item as text. */
static void
fault_copy(char *out, size_t size, const struct item *item)
{
	size_t n = item->n < size - 1 ? (size_t)item->n : size - 1;

	memcpy(out, item->bytes, n);
	out[n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (out[i] == '\0')
			out[i] = '?';
	}
	fault_clean(out);
}

/* Splits "CODE: message"; text without a known code is a plain failure. */
static void
fault_parse_line(struct fault *f, const struct item *item)
{
	const char *colon = memchr(item->bytes, ':', item->n);
	enum code code = CODE_NONE;
	struct item rest = *item;

	if (colon != NULL)
		code = code_parse(item->bytes, (size_t)(colon - item->bytes));
	if (code != CODE_NONE) {
		rest.bytes = colon + 1;
		rest.n = item->n - (uint64_t)(rest.bytes - item->bytes);
		if (rest.n > 0 && rest.bytes[0] == ' ') {
			rest.bytes++;
			rest.n--;
		}
		f->code = code;
		f->reason[0] = '\0';
		f->retryable = code_retryable(code);
	}
	fault_copy(f->message, sizeof f->message, &rest);
}

/* Keeps a field of a map that is worth passing on. */
static void
fault_parse_detail(struct fault *f, const struct item *key,
    const struct item *value)
{
	char text[FAULT_TEXT];

	for (size_t i = 0; i < COUNT(fault_known); i++) {
		if (!reader_is(key, fault_known[i]))
			continue;
		if (value->type == READER_UINT && value->n <= LIMIT_MSGID_MAX)
			fault_add_number(f, fault_known[i], (int64_t)value->n);
		if (!reader_text(value))
			return;
		fault_copy(text, sizeof text, value);
		fault_add_text(f, fault_known[i], text);
		return;
	}
}

/* Reads one pair of an error map. */
static void
fault_parse_pair(struct fault *f, const struct item *key,
    const struct item *value)
{
	enum code code;

	if (reader_is(key, "code") && reader_text(value)) {
		code = code_parse(value->bytes, value->n);
		f->code = code == CODE_NONE ? CODE_WORKER_ERROR : code;
		f->unknown[0] = '\0';
		if (code == CODE_NONE)
			fault_copy(f->unknown, sizeof f->unknown, value);
	} else if (reader_is(key, "message") && reader_text(value)) {
		fault_copy(f->message, sizeof f->message, value);
	} else if (reader_is(key, "reason") && reader_text(value)) {
		fault_copy(f->reason, sizeof f->reason, value);
	} else if (reader_is(key, "retryable") && value->type == READER_BOOL) {
		f->retryable = value->n != 0;
	} else {
		fault_parse_detail(f, key, value);
	}
}

static void
fault_parse_map(struct fault *f, struct reader *r, uint64_t pairs)
{
	bool reason = false;

	for (uint64_t i = 0; i < pairs; i++) {
		struct item key = reader_next(r);
		struct reader one;
		const uint8_t *start;
		size_t len;

		if (!reader_text(&key)) {
			/* a container's children would be taken for pairs */
			r->at = key.raw;
			reader_skip(r, &start);
		}
		len = reader_skip(r, &start);
		reader_init(&one, start, len);
		struct item value = reader_next(&one);
		reason = reason || reader_is(&key, "reason");
		fault_parse_pair(f, &key, &value);
	}
	if (f->code != CODE_WORKER_ERROR && !reason)
		f->reason[0] = '\0';
}

void
fault_parse(struct fault *f, const uint8_t *buf, size_t len)
{
	struct reader r;
	struct item item;

	fault_set(f, CODE_WORKER_ERROR, "failed", "the task failed");
	reader_init(&r, buf, len);
	item = reader_next(&r);
	if (item.type == READER_ARRAY && item.n == 2) {
		reader_next(&r);
		item = reader_next(&r);
	}
	if (reader_text(&item))
		fault_parse_line(f, &item);
	else if (item.type == READER_MAP)
		fault_parse_map(f, &r, item.n);
}
