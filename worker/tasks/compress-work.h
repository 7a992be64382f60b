#ifndef MORO_TASKS_COMPRESS_WORK_H
#define MORO_TASKS_COMPRESS_WORK_H

/* One run of data:compress, and the formats that do it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/blob.h"

struct call;

struct compress_work {
	struct call *call;
	const msgpack_object *input; /* what `in` reads */
	struct blob in;
	int level;
	bool checksum;
	const msgpack_object *dictionary; /* NULL: none */
	/*
	 * Of input in memory: bytes that compress_next() gives at most, so
	 * that slow work tells how far it is. May be set.
	 */
	size_t slice;
};

/*
 * Gives the next bytes, borrowed until the next call; *len 0: that was all.
 * Returns 0, or -1 with the call's error set.
 */
int compress_next(struct compress_work *w, const uint8_t **at, size_t *len);

/*
 * Each compresses all input into the result. Returns 0, or -1 with the call's
 * error set.
 */
int compress_zstd(struct compress_work *w);
int compress_deflate_gzip(struct compress_work *w);
int compress_deflate_zlib(struct compress_work *w);
int compress_brotli(struct compress_work *w);

/* The same piece by piece, to gzip or to deflate, at levels up to 9. */
int compress_zlib(struct compress_work *w, bool gzip);

#endif
