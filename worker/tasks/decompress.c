#include "worker/tasks/decompress.h"

#include <inttypes.h>

#include "proto/limit.h"
#include "worker/call.h"
#include "worker/files.h"
#include "worker/tasks/compress.h"
#include "worker/tasks/decompress-work.h"
#include "worker/tasks/dictionary.h"

#define DECOMPRESS_MAX ((uint64_t)64 << 20) /* default of maxOutput */
#define DECOMPRESS_MAGIC 4 /* bytes that tell the format */

/*
 * By nature gzip makes at most 1,032 bytes of one, and zstd 32,768: no honest
 * file of theirs is refused. Brotli makes a million, where all bytes are alike.
 */
#define DECOMPRESS_MAX_RATIO 32768
#define DECOMPRESS_MAX_RATIO_MOST 10000000
#define DECOMPRESS_RATIO_FREE ((uint64_t)1 << 20) /* output that never counts */

enum decompress_field {
	DECOMPRESS_INPUT,
	DECOMPRESS_FORMAT,
	DECOMPRESS_MAX_OUTPUT,
	DECOMPRESS_MAX_RATIO_FIELD,
	DECOMPRESS_DICTIONARY,
};

static const struct field decompress_fields[] = {
    [DECOMPRESS_INPUT] = {.name = "input",
	.alias = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.streams = true,
	.about = "Compressed bytes; of zstd and gzip one or more frames or "
		 "members."},
    [DECOMPRESS_FORMAT] = {.name = "format",
	.kinds = FIELD_STR,
	.allowed = compress_formats,
	.noun = "compression format",
	.fallback = "by the first bytes",
	.about = "The format that it must be; brotli has no first bytes to "
		 "be known by."},
    [DECOMPRESS_MAX_OUTPUT] = {.name = "maxOutput",
	.kinds = FIELD_INT,
	.min = 1,
	.max = (int64_t)LIMIT_FILE_MAX,
	.fallback = "67108864, with resultFd the limit of files",
	.about = "Most bytes to give; the limit of results counts too."},
    [DECOMPRESS_MAX_RATIO_FIELD] = {.name = "maxRatio",
	.kinds = FIELD_INT,
	.min = 1,
	.max = DECOMPRESS_MAX_RATIO_MOST,
	.fallback = "32768",
	.about = "Most bytes to give for one of input; the first 1048576 "
		 "are free."},
    [DECOMPRESS_DICTIONARY] = {.name = "dictionary",
	.kinds = FIELD_TEXT,
	.min = DICTIONARY_MIN,
	.max = DICTIONARY_MAX,
	.about = "Of zstd alone: the one that it was compressed with."},
    {.name = NULL},
};

/* What is done for a format, in the order of compress_formats. */
static const struct decompress_format {
	bool (*matches)(const uint8_t *head, size_t len);
	int (*run)(struct decompress_work *w);
	bool is_zstd; /* takes a dictionary */
} decompress_table[] = {
    {decompress_zstd_matches, decompress_zstd, true},
    {decompress_deflate_gzip_matches, decompress_deflate_gzip, false},
    {decompress_deflate_zlib_matches, decompress_deflate_zlib, false},
    {NULL, decompress_brotli, false},
};

int
decompress_begin(struct decompress_work *w, uint64_t said)
{
	if (said > 0)
		return sink_init_said(&w->out, w->call, said, w->limit);
	return sink_init(&w->out, w->call,
	    DECOMPRESS_FIRST + DECOMPRESS_RATIO * w->in.len, w->limit);
}

int
decompress_more(struct decompress_work *w)
{
	if (w->out.before + w->out.used >= w->out.limit)
		return decompress_too_large(w, w->out.limit);
	return sink_more(&w->out);
}

int
decompress_end(struct decompress_work *w)
{
	if (w->out.before + w->out.used > w->out.limit)
		return decompress_too_large(w, w->out.limit);
	return sink_end(&w->out);
}

int
decompress_too_large(struct decompress_work *w, uint64_t limit)
{
	if (w->ratio == 0 || limit < w->limit)
		return call_too_large(w->call, "output", (size_t)limit);
	call_fail(w->call, CODE_TOO_LARGE,
	    "the output is larger than %" PRIu64 " bytes; maxRatio allows "
	    "%" PRId64 " for each byte of input",
	    limit, w->ratio);
	fault_add_number(&w->call->fault, "limit", (int64_t)limit);
	return -1;
}

int
decompress_cut(struct decompress_work *w, const char *format)
{
	return call_fail(w->call, CODE_WORKER_ERROR, "the %s data is cut short",
	    format);
}

/* Says that no frame or member begins at a place of the input. */
int
decompress_garbage(struct decompress_work *w, const char *format, uint64_t at)
{
	if (at == 0)
		return call_fail(w->call, CODE_WORKER_ERROR,
		    "input is not %s data", format);
	return call_fail(w->call, CODE_WORKER_ERROR,
	    "%" PRIu64 " bytes after the end of the %s data are none",
	    w->in.len - at, format);
}

/* The place in the table of the input's format; the last: not known. */
static size_t
decompress_find(const struct decompress_work *w, const msgpack_object *format)
{
	uint8_t head[DECOMPRESS_MAGIC];
	size_t i, len = blob_peek(&w->in, head, sizeof head);

	for (i = 0; compress_formats[i] != NULL; i++) {
		const struct decompress_format *f = &decompress_table[i];

		if (format != NULL
			? call_is(format, compress_formats[i])
			: f->matches != NULL && f->matches(head, len))
			break;
	}
	return i;
}

/* Decompresses in the format that was named, or that the input begins as. */
static int
decompress_input(struct decompress_work *w)
{
	size_t i = decompress_find(w, w->call->args[DECOMPRESS_FORMAT]);

	if (compress_formats[i] == NULL)
		return call_fail(w->call, CODE_WORKER_ERROR,
		    "Unknown compression format: the input begins as none of "
		    "zstd, gzip and deflate; brotli must be named by format");
	if (w->dictionary != NULL && !decompress_table[i].is_zstd)
		return call_invalid(w->call, "dictionary",
		    "dictionary is for the format zstd, not for %s",
		    compress_formats[i]);
	return decompress_table[i].run(w);
}

/* Lowers the limit to what the ratio allows. */
static void
decompress_limit_ratio(struct decompress_work *w, int64_t ratio)
{
	uint64_t most;

	if (w->in.len > LIMIT_FILE_MAX / (uint64_t)ratio)
		return;
	most = w->in.len * (uint64_t)ratio;
	if (most < DECOMPRESS_RATIO_FREE)
		most = DECOMPRESS_RATIO_FREE;
	if (most >= w->limit)
		return;
	w->limit = most;
	w->ratio = ratio;
}

/* Decompresses within the limits of size and ratio. */
static int
decompress_run(struct call *call)
{
	struct decompress_work w = {.call = call};
	uint64_t limit =
	    files_take_result(call) ? LIMIT_FILE_MAX : DECOMPRESS_MAX;

	w.input = call->args[DECOMPRESS_INPUT];
	w.dictionary = call->args[DECOMPRESS_DICTIONARY];
	w.limit = (uint64_t)call_int(call->args[DECOMPRESS_MAX_OUTPUT],
	    (int64_t)limit);
	if (blob_init(&w.in, call, "input", w.input) < 0)
		return -1;
	decompress_limit_ratio(&w,
	    call_int(call->args[DECOMPRESS_MAX_RATIO_FIELD],
		DECOMPRESS_MAX_RATIO));
	return decompress_input(&w);
}

const struct task_type decompress_type = {
    .name = "data:decompress",
    .about = "Decompresses zstd, gzip, deflate and brotli.",
    .result = "Bytes.",
    .example = "{\"input\": {\"$bin\": \"H4sI...\"}, "
	       "\"maxOutput\": 1048576}",
    .flags = TYPE_IDEMPOTENT | TYPE_PROGRESS,
    .timeout_ms = 30000,
    .fields = decompress_fields,
    .run = decompress_run,
};
