/*
 * The scanner. The first byte of the input cuts the rest in pieces: whatever
 * the pieces, the verdict and what was noted are the same as for the whole,
 * and what the scanner passes msgpack-c passes too, with the same end.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "proto/scan-quick.h"
#include "proto/scan.h"
#include "tests/fuzz/fuzz.h"

/* Scans a copy of the bytes in pieces of `step`. */
static enum scan_status
scan_pieces(struct scan *s, const uint8_t *bytes, size_t len, size_t step)
{
	enum scan_status status = SCAN_MORE;

	for (size_t n = 0; status == SCAN_MORE && n <= len; n += step) {
		uint8_t *part = malloc(n + 1);

		memcpy(part, bytes, n);
		status = scan_feed(s, part, n);
		free(part);
	}
	return status == SCAN_MORE ? scan_feed(s, bytes, len) : status;
}

/* A span that is absent has no place. */
static bool
same_span(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || a.at == b.at);
}

/* What two scans found must be the same. */
static void
compare(const struct frame *a, const struct frame *b)
{
	assert(a->size == b->size && a->kind == b->kind);
	assert(a->kind == FRAME_NOTIFY || a->msgid == b->msgid);
	assert(a->n_params == b->n_params);
	assert(same_span(a->method, b->method));
	assert(same_span(a->data, b->data));
	assert(same_span(a->options, b->options));
	assert(same_span(a->error, b->error));
	assert(same_span(a->result, b->result));
}

/* The short cut takes only what the scanner takes, and finds the same. */
static void
check_quick(const struct limits *limits, const struct scan *whole,
    enum scan_status status, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len + 1);
	struct frame quick, full;

	memcpy(exact, bytes, len);
	if (scan_quick(limits, exact, len, &quick)) {
		assert(status == SCAN_FRAME);
		scan_frame(whole, &full);
		compare(&quick, &full);
	}
	free(exact);
}

/* The library must find the same end, and the same places. */
static void
check_with_library(const struct scan *s, const uint8_t *bytes, size_t len)
{
	msgpack_unpacked unpacked;
	size_t offset = 0;
	struct frame f;

	scan_frame(s, &f);
	msgpack_unpacked_init(&unpacked);
	assert(msgpack_unpack_next(&unpacked, (const char *)bytes, len,
		   &offset) == MSGPACK_UNPACK_SUCCESS);
	assert(offset == f.size);
	assert(unpacked.data.type == MSGPACK_OBJECT_ARRAY);
	assert(
	    unpacked.data.via.array.size == (f.kind == FRAME_NOTIFY ? 3 : 4));
	msgpack_unpacked_destroy(&unpacked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	/* msgpack-c counts the envelope's two levels among its 32. */
	const struct limits limits = {1 << 16, 30, 4096, 128};
	struct scan whole, parts;
	struct frame a, b;
	enum scan_status status;

	if (len == 0)
		return 0;
	scan_init(&whole, &limits);
	scan_init(&parts, &limits);
	status = scan_feed(&whole, bytes + 1, len - 1);
	assert(scan_pieces(&parts, bytes + 1, len - 1, 1u + bytes[0] % 64u) ==
	       status);
	if (status == SCAN_BAD)
		assert(scan_fault(&whole) == scan_fault(&parts));
	if (status == SCAN_MORE)
		assert(scan_wanted(&whole) <= limits.frame);
	check_quick(&limits, &whole, status, bytes + 1, len - 1);
	if (status != SCAN_FRAME)
		return 0;
	scan_frame(&whole, &a);
	scan_frame(&parts, &b);
	compare(&a, &b);
	check_with_library(&whole, bytes + 1, len - 1);
	return 0;
}
