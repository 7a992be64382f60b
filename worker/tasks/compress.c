#include "worker/tasks/compress.h"

#include <stdio.h>
#include <string.h>

#include "worker/call.h"
#include "worker/tasks/compress-work.h"
#include "worker/tasks/dictionary.h"

#define COMPRESS_WORDS 64 /* bytes of what a level may be, NUL included */
#define COMPRESS_LEVEL_LEAST 0 /* of all formats */
#define COMPRESS_LEVEL_MOST 19

enum compress_field {
	COMPRESS_INPUT,
	COMPRESS_FORMAT,
	COMPRESS_LEVEL,
	COMPRESS_CHECKSUM,
	COMPRESS_DICTIONARY,
};

const char *const compress_formats[] = {"zstd", "gzip", "deflate", "brotli",
    NULL};

/* What the formats are, in the order of compress_formats. */
static const struct compress_format {
	int least; /* level */
	int most;
	int level; /* when none is given */
	bool is_zstd; /* takes a checksum and a dictionary */
	int (*run)(struct compress_work *w);
} compress_table[] = {
    /* zstd above 19: windows that readers refuse */
    {1, 19, 3, true, compress_zstd},
    {1, 12, 6, false, compress_deflate_gzip},
    {1, 12, 6, false, compress_deflate_zlib},
    /* brotli at 11 takes 80 times as long as at 5 */
    {0, 11, 5, false, compress_brotli},
};

static const struct field compress_fields[] = {
    [COMPRESS_INPUT] = {.name = "input",
	.alias = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.streams = true,
	.about = "What to compress; a string counts as its bytes."},
    [COMPRESS_FORMAT] = {.name = "format",
	.kinds = FIELD_STR,
	.allowed = compress_formats,
	.noun = "compression format",
	.fallback = "zstd",
	.about = "The format to write; deflate is that of HTTP (zlib)."},
    [COMPRESS_LEVEL] = {.name = "level",
	.kinds = FIELD_INT,
	.min = COMPRESS_LEVEL_LEAST,
	.max = COMPRESS_LEVEL_MOST,
	.fallback = "3 for zstd, 6 for gzip and deflate, 5 for brotli",
	.about = "zstd 1 to 19, gzip and deflate 1 to 12, brotli 0 to 11; "
		 "higher is smaller and slower."},
    [COMPRESS_CHECKSUM] = {.name = "checksum",
	.kinds = FIELD_BOOL,
	.fallback = "true",
	.about = "Of zstd alone: a checksum of the content at the end."},
    [COMPRESS_DICTIONARY] = {.name = "dictionary",
	.kinds = FIELD_TEXT,
	.min = DICTIONARY_MIN,
	.max = DICTIONARY_MAX,
	.about = "Of zstd alone: what `zstd --train` made, or any bytes "
		 "that the input resembles."},
    {.name = NULL},
};

int
compress_next(struct compress_work *w, const uint8_t **at, size_t *len)
{
	struct blob *in = &w->in;

	if (blob_is_file(in))
		return blob_next(in, w->call, at, len);
	*at = in->bytes + (in->len - in->left);
	*len = in->left < w->slice ? (size_t)in->left : w->slice;
	if (*len < in->len)
		call_progress(w->call, (double)(in->len - in->left),
		    (double)in->len, NULL);
	in->left -= *len;
	return 0;
}

/* The place in the table of the format that was asked for. */
static size_t
compress_find(const msgpack_object *format)
{
	size_t i = 0;

	if (format == NULL)
		return 0;
	while (!call_is(format, compress_formats[i]))
		i++;
	return i;
}

/* Refuses a level that the format does not have. */
static int
compress_check_level(struct call *call, const struct compress_format *f,
    const char *name)
{
	const msgpack_object *level = call->args[COMPRESS_LEVEL];
	int64_t value = call_int(level, f->level);
	char takes[COMPRESS_WORDS];

	if (value >= f->least && value <= f->most)
		return 0;
	snprintf(takes, sizeof takes, "an integer from %d to %d for %s",
	    f->least, f->most, name);
	return call_refuse(call, "level", takes, level);
}

/* Refuses what other formats than zstd do not have. */
static int
compress_check_rest(struct call *call, const struct compress_format *f,
    const char *name)
{
	static const enum compress_field own[] = {COMPRESS_CHECKSUM,
	    COMPRESS_DICTIONARY};

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		const char *field = compress_fields[own[i]].name;

		if (call->args[own[i]] != NULL && !f->is_zstd)
			return call_invalid(call, field,
			    "%s is for the format zstd, not for %s", field,
			    name);
	}
	return 0;
}

/* Compresses in the format that was asked for. */
static int
compress_run(struct call *call)
{
	size_t i = compress_find(call->args[COMPRESS_FORMAT]);
	const struct compress_format *f = &compress_table[i];
	struct compress_work w = {.call = call, .slice = SIZE_MAX};

	if (compress_check_level(call, f, compress_formats[i]) < 0 ||
	    compress_check_rest(call, f, compress_formats[i]) < 0)
		return -1;
	w.level = (int)call_int(call->args[COMPRESS_LEVEL], f->level);
	w.checksum = call_bool(call->args[COMPRESS_CHECKSUM], true);
	w.dictionary = call->args[COMPRESS_DICTIONARY];
	w.input = call->args[COMPRESS_INPUT];
	if (blob_init(&w.in, call, "input", w.input) < 0)
		return -1;
	return f->run(&w);
}

const struct task_type compress_type = {
    .name = "data:compress",
    .about = "Compresses a string or bytes.",
    .result = "Bytes.",
    .example = "{\"input\": \"text\", \"format\": \"gzip\", "
	       "\"level\": 6}",
    .flags = TYPE_IDEMPOTENT | TYPE_PROGRESS,
    .timeout_ms = 30000,
    .fields = compress_fields,
    .run = compress_run,
};
