#ifndef MORO_TASKS_DECOMPRESS_WORK_H
#define MORO_TASKS_DECOMPRESS_WORK_H

/* One run of data:decompress, and the formats that do it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/blob.h"
#include "worker/sink.h"

struct call;

#define DECOMPRESS_FIRST ((size_t)64 << 10) /* least room to begin with */
#define DECOMPRESS_RATIO 4 /* what input is expected to grow by */

struct decompress_work {
	struct call *call;
	const msgpack_object *input; /* what `in` reads */
	struct blob in;
	struct sink out; /* good from decompress_begin() on */
	uint64_t limit; /* bytes of output */
	int64_t ratio; /* that is the limit, or 0: it is bytes */
	const msgpack_object *dictionary; /* NULL: none */
};

/* Begins the output, of the bytes that the input says (0: nothing). 0 or -1. */
int decompress_begin(struct decompress_work *w, uint64_t said);

/* Makes more room, once it is used up and more is surely to come. 0 or -1. */
int decompress_more(struct decompress_work *w);

/* Ends the output. 0 or -1. */
int decompress_end(struct decompress_work *w);

/* The failures that formats have in common; all return -1. */
int decompress_too_large(struct decompress_work *w, uint64_t limit);
int decompress_cut(struct decompress_work *w, const char *format);
int decompress_garbage(struct decompress_work *w, const char *format,
    uint64_t at);

/*
 * Each decompresses all input into the result. Returns 0, or -1 with the
 * call's error set.
 */
int decompress_zstd(struct decompress_work *w);
int decompress_deflate_gzip(struct decompress_work *w);
int decompress_deflate_zlib(struct decompress_work *w);
int decompress_brotli(struct decompress_work *w);

/*
 * The same piece by piece, of the format that zlib means by `window`, with
 * several members or a single stream.
 */
int decompress_zlib(struct decompress_work *w, const char *format, int window,
    bool several);

/* Whether input begins as the format, of which brotli has no sign. */
bool decompress_zstd_matches(const uint8_t *head, size_t len);
bool decompress_deflate_gzip_matches(const uint8_t *head, size_t len);
bool decompress_deflate_zlib_matches(const uint8_t *head, size_t len);

#endif
