/*
 * The scanner. The first byte of the input cuts the rest in pieces: whatever
 * the pieces, the verdict and what was noted are the same as for the whole,
 * and what the scanner passes msgpack-c passes too, with the same end.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

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

/* What the two scans found must be the same. */
static void
compare(const struct scan *a, const struct scan *b)
{
	struct frame fa, fb;

	scan_frame(a, &fa);
	scan_frame(b, &fb);
	assert(fa.size == fb.size && fa.kind == fb.kind);
	assert(fa.method.at == fb.method.at && fa.data.at == fb.data.at);
	assert(fa.options.at == fb.options.at && fa.n_params == fb.n_params);
	assert(fa.result.at == fb.result.at && fa.error.len == fb.error.len);
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
	if (status != SCAN_FRAME)
		return 0;
	compare(&whole, &parts);
	check_with_library(&whole, bytes + 1, len - 1);
	return 0;
}
