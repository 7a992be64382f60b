/*
 * What is read of a message that the scanner has passed: options of a task, an
 * error of a worker, what a worker is told beside the data, ranges of files,
 * any value by the cursor; and the heads that the dispatcher writes, which the
 * scanner must pass again.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/fault.h"
#include "proto/fdpass.h"
#include "proto/info.h"
#include "proto/options.h"
#include "proto/range.h"
#include "proto/reader.h"
#include "proto/scan.h"
#include "tests/fuzz/fuzz.h"

/* A copy that is exactly as long: reading beyond its end shows. */
static uint8_t *
copy_of(const uint8_t *bytes, struct span span)
{
	uint8_t *copy = malloc(span.len);

	assert(copy != NULL);
	memcpy(copy, bytes + span.at, span.len);
	return copy;
}

/* The cursor finds the same end of the value as the scanner did. */
static void
check_skip(const uint8_t *bytes, struct span span)
{
	struct reader r;
	const uint8_t *start;

	reader_init(&r, bytes, span.len);
	assert(reader_skip(&r, &start) == span.len);
	assert(reader_next(&r).type == READER_END);
}

/* What was not given has its default; what was is in its range. */
static void
try_retry(const struct options *o)
{
	const struct retry *r = &o->retry;

	assert(o->has_grace || o->cancel_grace_ms == 0);
	assert(o->has_idempotent || !o->idempotent);
	if (o->has_retry)
		assert(r->on_crash || r->on_error);
	else
		assert(!r->on_crash && !r->on_error && r->max == 0 &&
		       r->backoff_ms == 0 && r->max_backoff_ms == 0);
	assert(r->max <= OPTIONS_RETRY_MAX);
}

/*
 * The descriptors of a request are the same number, whoever reads it: a
 * connection that takes another one gives them to the wrong requests.
 */
static void
try_options(const uint8_t *bytes, struct span span)
{
	uint8_t *copy = copy_of(bytes, span);
	uint32_t fds = options_fds(copy, span.len);
	struct options o;
	struct fault f;

	check_skip(copy, span);
	assert(fds <= FDPASS_MAX);
	if (options_parse(&o, copy, span.len, &f) == -1) {
		assert(f.code == CODE_INVALID_OPTION && f.message[0] != '\0');
	} else {
		assert(o.priority <= PRIORITY_N && o.id_len <= LIMIT_ID);
		assert(o.fds == fds);
		assert(o.result_fd == INFO_NO_FD || o.result_fd < fds);
		try_retry(&o);
	}
	free(copy);
}

/* What is read, as far as it can be packed, is packed and read the same. */
static void
try_info(const uint8_t *bytes, struct span span)
{
	uint8_t *copy = copy_of(bytes, span);
	uint8_t out[INFO_MAX];
	struct info info, again;
	struct options o;
	struct fault f;
	size_t n;

	info_parse(&info, copy, span.len);
	/* Good options are such a map, up to the first that is no number. */
	if (options_parse(&o, copy, span.len, &f) == 0) {
		assert(info.fds == 0 || info.fds == o.fds);
		assert(info.result_fd == INFO_NO_FD ||
		       info.result_fd == o.result_fd);
	}
	free(copy);
	if (info.fds > FDPASS_MAX)
		return;
	if (info.result_fd >= info.fds)
		info.result_fd = INFO_NO_FD;
	if (info.attempt < 1 || info.attempt > 1 + OPTIONS_RETRY_MAX)
		info.attempt = 1; /* the dispatcher has no others */
	n = info_pack(out, &info);
	assert(n <= INFO_MAX);
	info_parse(&again, out, n);
	assert(again.fds == info.fds && again.result_fd == info.result_fd);
	assert(again.attempt == info.attempt);
	assert(again.progress == info.progress);
}

/* A range ends within what a file can have, and is packed as it was. */
static void
try_range_body(const uint8_t *body, size_t len)
{
	uint8_t out[RANGE_BODY];
	struct range range;

	if (range_parse(&range, body, len) == -1)
		return;
	assert(len == RANGE_BODY);
	assert(range.offset + range.len <= INT64_MAX);
	range_pack(out, &range);
	assert(memcmp(out, body, RANGE_BODY) == 0);
}

/* Any value may be the body of one: as it stands, and without a head. */
static void
try_range(const uint8_t *bytes, struct span span)
{
	uint8_t *copy;

	for (size_t head = 0; head <= 3 && head < span.len; head++) {
		struct span body = {span.at + head, span.len - head};

		copy = copy_of(bytes, body);
		try_range_body(copy, body.len);
		free(copy);
	}
}

/* An error read and written again is a value that can be read again. */
static void
try_fault(const uint8_t *bytes, struct span span)
{
	uint8_t *copy = copy_of(bytes, span);
	struct fault f, again;
	msgpack_sbuffer buf;
	msgpack_packer pk;

	check_skip(copy, span);
	fault_parse(&f, copy, span.len);
	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	fault_pack(&f, &pk, FAULT_MAP);
	fault_parse(&again, (uint8_t *)buf.data, buf.size);
	assert(again.code == f.code && strcmp(again.message, f.message) == 0);
	msgpack_sbuffer_destroy(&buf);
	free(copy);
}

/* Heads around the parts make a message with the parts in it. */
static void
try_heads(const uint8_t *bytes, const struct frame *f)
{
	struct limits limits = LIMITS_DEFAULT;
	uint8_t out[ENVELOPE_HEAD_MAX + LIMIT_METHOD_MAX];
	struct scan s;
	struct frame g;
	size_t n = envelope_request(out, f->msgid,
	    (const char *)bytes + f->method.at, f->method.len, 0);

	scan_init(&s, &limits);
	assert(scan_feed(&s, out, n) == SCAN_FRAME);
	scan_frame(&s, &g);
	assert(g.size == n && g.msgid == f->msgid);
	assert(g.method.len == f->method.len);
	assert(
	    memcmp(out + g.method.at, bytes + f->method.at, g.method.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct scan s;
	struct frame f;

	scan_init(&s, &limits);
	if (scan_feed(&s, bytes, len) != SCAN_FRAME)
		return 0;
	scan_frame(&s, &f);
	if (f.kind == FRAME_REQUEST)
		try_heads(bytes, &f);
	if (f.options.len > 0) {
		try_options(bytes, f.options);
		try_info(bytes, f.options);
	}
	if (f.data.len > 0) {
		try_fault(bytes, f.data);
		try_info(bytes, f.data);
		try_range(bytes, f.data);
	}
	if (f.error.len > 0)
		try_fault(bytes, f.error);
	return 0;
}
